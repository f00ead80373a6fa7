//! What is tidied while the server runs: uploads that nobody works on any more, and a trash that is full for too long.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::datasets::upload::folder::sweep;

/// How often it is looked for them.
const PERIOD: Duration = Duration::from_hours(1);

/// Tidies at once and every hour, for as long as this is polled.
pub(crate) async fn tidy(app: App) {
    let mut turns = interval(PERIOD);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        sweep_uploads(&app).await;
    }
}

async fn sweep_uploads(app: &App) {
    let uploads = app.uploads().to_owned();
    match app.work().files(move || sweep(&uploads)).await {
        Ok(Err(error)) => app.note(&format_args!("cannot tidy the uploads: {error}")),
        // It is done, or the places are taken; the next turn comes.
        Ok(Ok(())) | Err(_) => {}
    }
}
