//! Every place of the API, one line for each.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::status::{about, health, metrics};
use crate::{
    accounts, audit, datasets, door_mappings, drawings, events, jobs, models, openapi, pictures,
    runs, session, sharing, tokens, trainings,
};

/// All of them, with their description.
pub(crate) fn described() -> (Router<App>, OpenApi) {
    OpenApiRouter::with_openapi(openapi::document())
        .routes(routes!(health::get_health))
        .routes(routes!(metrics::get_metrics))
        .routes(routes!(about::get_about))
        .routes(routes!(
            door_mappings::table::list_door_mappings,
            door_mappings::table::set_door_mappings
        ))
        .merge(of_accounts())
        .merge(of_datasets())
        .merge(of_trainings())
        .merge(of_runs())
        .merge(of_models())
        .merge(of_jobs())
        .merge(of_pictures())
        .split_for_parts()
}

fn of_accounts() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(
            session::login::get_session,
            session::login::begin_session,
            session::login::end_session
        ))
        .routes(routes!(session::password::change_password))
        .routes(routes!(
            accounts::lifecycle::list_accounts,
            accounts::lifecycle::create_account
        ))
        .routes(routes!(
            accounts::lifecycle::update_account,
            accounts::lifecycle::delete_account
        ))
        .routes(routes!(tokens::list_tokens, tokens::create_token))
        .routes(routes!(tokens::revoke_token))
        .routes(routes!(audit::list::list_audit))
        .routes(routes!(sharing::share_dataset))
        .routes(routes!(sharing::share_run))
        .routes(routes!(sharing::share_model))
        .routes(routes!(sharing::share_picture))
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
        .routes(routes!(pictures::from_picture::add_picture))
}

fn of_trainings() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(trainings::bases::list_bases))
        .routes(routes!(trainings::trigger_words::judge_trigger_word))
        .routes(routes!(trainings::schema::get_settings_schema))
        .routes(routes!(trainings::start::plan_training))
        .routes(routes!(trainings::start::start_training))
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
        .routes(routes!(runs::previews::list_previews))
        .routes(routes!(runs::previews::get_preview_file))
        .routes(routes!(runs::previews::get_preview_thumbnail))
        .routes(routes!(runs::control::stop_run))
        .routes(routes!(runs::control::resume_run))
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
        .routes(routes!(models::import::import_model))
        .routes(routes!(models::lifecycle::restore_model))
        .routes(routes!(models::lineage::verify_model))
        .routes(routes!(models::file::get_model_file))
        .routes(routes!(models::export::export_model))
}

fn of_jobs() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(drawings::start::start_drawing))
        .routes(routes!(
            drawings::start_pictures::receive::add_start_picture
        ))
        .routes(routes!(
            drawings::start_pictures::from_library::copy_start_picture
        ))
        .routes(routes!(drawings::start_pictures::views::get_start_picture))
        .routes(routes!(
            drawings::start_pictures::files::get_start_picture_file
        ))
        .routes(routes!(
            drawings::start_pictures::files::get_start_picture_thumbnail
        ))
        .routes(routes!(jobs::lifecycle::list_jobs))
        .routes(routes!(jobs::lifecycle::get_job))
        .routes(routes!(jobs::control::cancel_job))
        .routes(routes!(jobs::control::pause_job))
        .routes(routes!(jobs::control::resume_job))
        .routes(routes!(jobs::control::retry_job))
        .routes(routes!(jobs::control::update_job))
        .routes(routes!(jobs::control::get_job_log))
        .routes(routes!(events::stream::list_events))
}

fn of_pictures() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(pictures::lifecycle::list_pictures))
        .routes(routes!(
            pictures::lifecycle::get_picture,
            pictures::lifecycle::delete_picture
        ))
        .routes(routes!(pictures::lifecycle::restore_picture))
        .routes(routes!(pictures::file::get_picture_file))
        .routes(routes!(pictures::thumbnail::get_picture_thumbnail))
}
