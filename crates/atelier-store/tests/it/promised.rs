//! Models have their id and number before they are there.

use atelier_core::JobKind;
use atelier_store::{Error, JobId, ModelCall, NewJob};
use serde_json::json;

use crate::Studio;
use crate::runs::{completed, run_of, write_epoch};

#[test]
fn a_run_becomes_the_model_that_it_was_promised() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1, 2]);
    let _ = run_of(&studio, &dataset);
    let second = run_of(&studio, &dataset);
    let job = NewJob {
        id: JobId::unused(),
        kind: JobKind::Training,
        priority: 0,
        request: json!({}),
    };
    let job = library.create_training_of(job, second.id).unwrap();
    assert_eq!(
        library
            .find_open_job_of(second.id)
            .unwrap()
            .map(|job| job.id),
        Some(job.id)
    );
    let promised = library.list_promised_models().unwrap();
    assert_eq!(promised.len(), 2);
    let by_number = |number| library.get_promised_model(ModelCall::Number(number));
    let waiting = by_number(2).unwrap();
    assert_eq!(waiting.run.as_ref().map(|run| run.id), Some(second.id));
    assert!(waiting.model.is_none() && waiting.is_queued);
    assert!(!by_number(1).unwrap().is_queued);
    assert!(!waiting.is_given_up);
    library.cancel_job(job.id).unwrap();
    assert!(by_number(2).unwrap().is_given_up);
    let job = library.retry_job(job.id).unwrap();
    assert!(!by_number(2).unwrap().is_given_up);
    assert!(matches!(by_number(3), Err(Error::NotFound { .. })));
    let (run, sitting) = library.begin_run_of_job(second.id, job.id).unwrap();
    write_epoch(&run, 1);
    library.end_run(sitting, completed()).unwrap();
    let model = library.model_of_run(second.id).unwrap();
    assert_eq!((model.id, model.number), (waiting.id, waiting.number));
    let there = library
        .get_promised_model(ModelCall::Id(waiting.id))
        .unwrap();
    assert_eq!(there.model.as_ref(), Some(&model));
    let other = library.create_model(second.id, 1, Some("other")).unwrap();
    assert_eq!(other.number, 3);
    library.delete_model(model.id).unwrap();
    assert!(matches!(by_number(2), Err(Error::NotFound { .. })));
    assert_eq!(library.list_promised_models().unwrap().len(), 1);
}
