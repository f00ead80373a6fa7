//! A run that was stopped and continued equals one that was not.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use atelier_core::{
    AlwaysPermitted, BoxedError, Clock, Coded, ErrorCode, Outcome, Permit, Phase, RunContext,
    TrainRequest, Trainer as _,
};
use atelier_train::trained_side;

use crate::fixture::{FixedClock, Watcher, request, train, train_watched, trainer};

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

fn stop_after(request: &TrainRequest, step: u64) {
    let outcome = train_watched(request, &Watcher::new(Some(step))).unwrap();
    assert_eq!(
        outcome,
        Outcome::Cancelled {
            completed_steps: step
        }
    );
}

#[test]
fn resume_equals_an_uninterrupted_run_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let straight = train(&request(folder.path(), "straight"));
    let mut stopped = request(folder.path(), "stopped");
    stop_after(&stopped, 4);
    stopped.resume = true;
    stop_after(&stopped, 6);
    stop_after(&stopped, 11);
    let resumed = train(&stopped);
    assert_eq!(straight.losses, resumed.losses);
    assert_eq!(bytes(&straight.adapter), bytes(&resumed.adapter));
    assert!(
        !folder
            .path()
            .join("stopped/checkpoints/step-000004")
            .exists(),
        "interruption checkpoints are temporary"
    );
}

#[test]
fn what_a_killed_process_had_begun_to_save_goes_with_the_next_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let mut killed = request(folder.path(), "killed");
    stop_after(&killed, 4);
    let begun = killed.out.join("checkpoints/.step-000005.partial");
    std::fs::create_dir(&begun).unwrap();
    std::fs::write(begun.join("factors.safetensors"), "half").unwrap();
    killed.resume = true;
    train(&killed);
    assert!(!begun.exists());
}

#[test]
fn a_damaged_checkpoint_is_noticed_and_the_one_before_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let straight = train(&request(folder.path(), "straight"));
    let mut torn = request(folder.path(), "torn");
    stop_after(&torn, 9);
    let file = folder
        .path()
        .join("torn/checkpoints/epoch-003/factors.safetensors");
    let mut content = bytes(&file);
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&file, content).unwrap();
    torn.resume = true;
    let resumed = train(&torn);
    assert_eq!(bytes(&straight.adapter), bytes(&resumed.adapter));
    assert!(
        resumed.notes.iter().any(|note| note.contains("epoch-003")),
        "{:?}",
        resumed.notes
    );
}

#[test]
fn a_half_written_checkpoint_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let straight = train(&request(folder.path(), "straight"));
    let mut killed = request(folder.path(), "killed");
    stop_after(&killed, 3);
    let partial = folder.path().join("killed/checkpoints/.epoch-002.partial");
    std::fs::create_dir_all(&partial).unwrap();
    std::fs::write(partial.join("factors.safetensors"), b"half").unwrap();
    killed.resume = true;
    assert_eq!(bytes(&straight.adapter), bytes(&train(&killed).adapter));
    assert!(!partial.exists());
}

#[test]
fn resume_refuses_other_settings_and_names_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = request(folder.path(), "out");
    stop_after(&other, 2);
    other.resume = true;
    other.config.rank = 8;
    let error = train_watched(&other, &Watcher::new(None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::CannotResume);
    assert!(
        error.to_string().contains("`rank`: it was 4, now it is 8"),
        "{error}"
    );
}

#[test]
fn a_run_goes_on_at_the_side_that_it_began_with_when_its_base_takes_another_by_now() {
    let folder = tempfile::tempdir().unwrap();
    let at_side = |out| {
        let mut request = request(folder.path(), out);
        request.config.resolution = Some(16);
        request
    };
    let straight = train(&at_side("straight"));
    let mut begun = at_side("begun");
    stop_after(&begun, 5);
    // The side was the base's own when it began.
    let record = begun.out.join("run.json");
    let text = String::from_utf8(bytes(&record)).unwrap();
    let without = text.replace("\"resolution\": 16", "\"resolution\": null");
    assert_ne!(text, without);
    std::fs::write(&record, without).unwrap();
    begun.resume = true;
    begun.config.resolution = None;
    let resumed = train(&begun);
    assert_eq!(straight.losses, resumed.losses);
    assert_eq!(trained_side(&begun.out), Some(16));
    let told = "the run goes on with pictures of 16 pixels";
    assert!(
        resumed.notes.iter().any(|note| note.starts_with(told)),
        "{:?}",
        resumed.notes
    );
}

#[test]
fn a_finished_run_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path(), "out");
    let before = bytes(&train(&request).adapter);
    let error = train_watched(&request, &Watcher::new(None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert_eq!(
        before,
        bytes(&folder.path().join("out/adapter.safetensors"))
    );
}

#[test]
fn optimizer_states_are_kept_for_two_epochs_and_adapters_for_all() {
    let folder = tempfile::tempdir().unwrap();
    train(&request(folder.path(), "out"));
    let kept = |epoch: usize| {
        folder
            .path()
            .join(format!(
                "out/checkpoints/epoch-{epoch:03}/factors.safetensors"
            ))
            .exists()
    };
    assert_eq!(
        [kept(1), kept(2), kept(3), kept(4)],
        [false, false, true, true]
    );
}

#[test]
fn a_run_whose_checkpoints_are_all_damaged_is_not_started_anew_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let mut torn = request(folder.path(), "torn");
    stop_after(&torn, 7);
    for name in ["epoch-001", "epoch-002", "step-000007"] {
        let file = folder
            .path()
            .join(format!("torn/checkpoints/{name}/factors.safetensors"));
        if file.exists() {
            std::fs::write(file, b"torn").unwrap();
        }
    }
    torn.resume = true;
    let error = train_watched(&torn, &Watcher::new(None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::CannotResume);
    assert!(error.to_string().contains("epoch-002"), "{error}");
}

#[test]
fn a_checkpoint_that_lost_its_factors_is_named_and_without_any_nothing_is_trained_anew() {
    let folder = tempfile::tempdir().unwrap();
    let straight = train(&request(folder.path(), "straight"));
    let mut robbed = request(folder.path(), "robbed");
    stop_after(&robbed, 9);
    let factors = |epoch: usize| {
        let checkpoint = format!("checkpoints/epoch-{epoch:03}/factors.safetensors");
        robbed.out.join(checkpoint)
    };
    let kept = bytes(&factors(2));
    for epoch in [2, 3] {
        std::fs::remove_file(factors(epoch)).unwrap();
    }
    let second = factors(2);
    robbed.resume = true;
    let error = train_watched(&robbed, &Watcher::new(None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::CannotResume);
    let text = error.to_string();
    assert!(
        text.contains("epoch-002") && text.contains("epoch-003"),
        "{text}"
    );
    assert!(
        robbed
            .out
            .join("checkpoints/epoch-001/adapter.safetensors")
            .exists()
    );
    std::fs::write(second, kept).unwrap();
    let resumed = train(&robbed);
    assert_eq!(bytes(&straight.adapter), bytes(&resumed.adapter));
    assert!(
        resumed.notes.iter().any(|note| note.contains("epoch-003")),
        "{:?}",
        resumed.notes
    );
}

#[test]
fn a_finished_run_that_is_resumed_leaves_its_adapter_as_it_is() {
    struct Later;
    impl Clock for Later {
        fn unix_secs(&self) -> f64 {
            2_000_000.0
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut finished = request(folder.path(), "finished");
    let report = train(&finished);
    let before = bytes(&report.adapter);
    finished.resume = true;
    let watcher = Watcher::new(None);
    let again = || {
        let context = RunContext {
            cancel: &watcher.cancel,
            progress: &watcher,
            clock: &Later,
            permit: &AlwaysPermitted,
        };
        let outcome = trainer().train(&finished, context).unwrap();
        assert!(matches!(outcome, Outcome::Completed(_)));
        bytes(&report.adapter)
    };
    assert!(again() == before);
    // One that is damaged is written anew.
    let mut damaged = before.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&report.adapter, damaged).unwrap();
    let written = again();
    assert!(written != before && written.len() == before.len());
    std::fs::remove_file(&report.adapter).unwrap();
    assert!(again() == written);
}

#[test]
fn an_adapter_that_no_run_wrote_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = request(folder.path(), "out");
    std::fs::create_dir(&other.out).unwrap();
    let adapter = other.out.join("adapter.safetensors");
    std::fs::write(&adapter, "somebody's").unwrap();
    for resume in [false, true] {
        other.resume = resume;
        let error = train_watched(&other, &Watcher::new(None)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        let text = error.to_string();
        assert!(
            text.contains("`adapter.safetensors` that no run wrote"),
            "{text}"
        );
    }
    assert_eq!(bytes(&adapter), b"somebody's");
}

#[test]
fn checkpoints_of_a_lost_record_are_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut lost = request(folder.path(), "lost");
    stop_after(&lost, 4);
    std::fs::remove_file(folder.path().join("lost/run.json")).unwrap();
    lost.resume = true;
    let error = train_watched(&lost, &Watcher::new(None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::CannotResume);
}

#[test]
fn a_second_process_is_kept_out_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    stop_after(&request, 4);
    let lock = std::fs::File::open(folder.path().join("out/.lock")).unwrap();
    lock.lock().unwrap();
    request.resume = true;
    let watcher = Watcher::new(None);
    let error = train_watched(&request, &watcher).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    assert_eq!(error.code(), ErrorCode::Conflict);
    // Before it does anything that takes long.
    let seen = watcher.seen.lock().unwrap();
    let phases: Vec<_> = seen.iter().map(|progress| progress.phase).collect();
    assert_eq!(phases, [Phase::Preparing]);
}

#[test]
fn a_stop_before_the_first_step_tells_what_is_saved_and_leaves_no_folder_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    let stopped = || {
        let watcher = Watcher::new(None);
        watcher.cancel.cancel();
        watcher
    };
    let outcome = train_watched(&request, &stopped()).unwrap();
    assert_eq!(outcome, Outcome::Cancelled { completed_steps: 0 });
    assert!(!request.out.exists());
    stop_after(&request, 4);
    request.resume = true;
    let outcome = train_watched(&request, &stopped()).unwrap();
    assert_eq!(outcome, Outcome::Cancelled { completed_steps: 4 });
}

#[test]
fn rates_that_json_rounds_do_not_hinder_a_resume() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    request.config.learning_rate = 3e-4 * 0.7;
    stop_after(&request, 4);
    request.resume = true;
    train(&request);
}

/// The reason of a permit that was taken away.
#[derive(Debug)]
struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("attempt 2 has begun")
    }
}

impl std::error::Error for Gone {}

impl Coded for Gone {
    fn code(&self) -> ErrorCode {
        ErrorCode::Conflict
    }
}

/// Given so many times, and then never again.
pub(crate) struct TakenAway(pub(crate) AtomicU32);

impl Permit for TakenAway {
    fn may_publish(&self) -> Result<(), BoxedError> {
        let left = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        left.map(drop).map_err(|_| Gone.into())
    }
}

#[test]
fn an_attempt_whose_place_another_took_writes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    let watcher = Watcher::new(None);
    // For the folder and the first epoch.
    let permit = TakenAway(AtomicU32::new(2));
    let context = RunContext {
        cancel: &watcher.cancel,
        progress: &watcher,
        clock: &FixedClock,
        permit: &permit,
    };
    let error = trainer().train(&request, context).unwrap_err();
    assert_eq!(
        error.to_string(),
        "another attempt took the place of this one: attempt 2 has begun"
    );
    let saved = folder.path().join("out/checkpoints");
    let saved: Vec<_> = std::fs::read_dir(saved)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(saved, ["epoch-001"]);
    assert!(!folder.path().join("out/adapter.safetensors").exists());
    request.resume = true;
    let straight = train(&crate::fixture::request(folder.path(), "straight"));
    assert_eq!(bytes(&train(&request).adapter), bytes(&straight.adapter));
}
