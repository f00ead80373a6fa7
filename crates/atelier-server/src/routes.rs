//! Every place of the API, one line for each.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::{about, datasets, health, metrics, models, openapi, runs, trainings};

/// All of them, with their description.
pub(crate) fn described() -> (Router<App>, OpenApi) {
    OpenApiRouter::with_openapi(openapi::document())
        .routes(routes!(health::get_health))
        .routes(routes!(metrics::get_metrics))
        .routes(routes!(about::get_about))
        .merge(of_datasets())
        .merge(of_trainings())
        .merge(of_runs())
        .merge(of_models())
        .split_for_parts()
}

fn of_datasets() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(
            datasets::lifecycle::list_datasets,
            datasets::lifecycle::create_dataset
        ))
        .routes(routes!(
            datasets::lifecycle::get_dataset,
            datasets::lifecycle::update_dataset,
            datasets::lifecycle::delete_dataset
        ))
        .routes(routes!(datasets::lifecycle::restore_dataset))
        .routes(routes!(datasets::dependents::list_dependents))
        .routes(routes!(datasets::versions::list_versions))
        .routes(routes!(datasets::versions::get_version))
        .routes(routes!(datasets::export::export_version))
        .routes(routes!(datasets::versions::compare_versions))
        .routes(routes!(datasets::edits::edit_dataset))
        .routes(routes!(datasets::upload::add_images))
        .routes(routes!(datasets::image_file::get_image_file))
        .routes(routes!(datasets::thumbnail::get_thumbnail))
}

fn of_trainings() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(trainings::bases::list_bases))
        .routes(routes!(trainings::trigger_words::judge_trigger_word))
        .routes(routes!(trainings::schema::get_settings_schema))
        .routes(routes!(trainings::start::plan_training))
}

fn of_runs() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(runs::lifecycle::list_runs))
        .routes(routes!(runs::compare::compare_runs))
        .routes(routes!(
            runs::lifecycle::get_run,
            runs::lifecycle::delete_run
        ))
        .routes(routes!(runs::lifecycle::restore_run))
        .routes(routes!(runs::losses::list_losses))
}

fn of_models() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(
            models::lifecycle::list_models,
            models::create::create_model
        ))
        .routes(routes!(
            models::lifecycle::get_model,
            models::lifecycle::update_model,
            models::lifecycle::delete_model
        ))
        .routes(routes!(models::lifecycle::restore_model))
        .routes(routes!(models::lineage::verify_model))
        .routes(routes!(models::file::get_model_file))
}
