//! What is tidied while the server runs: uploads that nobody works on any more, and a trash that is full for too long.

use std::time::Duration;

use atelier_http::incoming::folder::sweep;
use atelier_store::TRASH_DAYS;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;

/// How often it is looked for them.
const PERIOD: Duration = Duration::from_hours(1);

/// The trash is emptied once in so many turns.
const TURNS_A_DAY: u64 = 24;

/// Tidies at once and every hour, for as long as this is polled.
pub(crate) async fn tidy(app: App) {
    let mut turns = interval(PERIOD);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut turn = 0_u64;
    loop {
        turns.tick().await;
        sweep_uploads(&app).await;
        if turn.is_multiple_of(TURNS_A_DAY) {
            empty_trash(&app).await;
        }
        turn += 1;
    }
}

async fn empty_trash(app: &App) {
    let library = app.own_library();
    let emptied = app.work();
    let emptied = emptied.files(move || library.empty_trash(TRASH_DAYS));
    if let Ok(Err(error)) = emptied.await {
        app.note(&format_args!("cannot empty the trash: {error}"));
    }
}

async fn sweep_uploads(app: &App) {
    let uploads = app.uploads().to_owned();
    // Without a place, the next turn does it.
    if let Ok(Err(error)) = app.work().files(move || sweep(&uploads)).await {
        app.note(&format_args!("cannot tidy the uploads: {error}"));
    }
}
