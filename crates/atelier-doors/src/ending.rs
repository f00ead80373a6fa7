//! The end of jobs that clients no longer want.

use atelier_jobs::{Error, Queue};
use atelier_store::{Error as StoreError, Job, JobId};

/// Ends a job, unless it ended by itself just now; whether this did it.
///
/// # Errors
/// When there is none, or it may not be changed.
pub(crate) fn end(queue: &Queue, id: JobId) -> Result<bool, Error> {
    is_ended(queue.cancel(id))
}

fn is_ended(cancelled: Result<Job, Error>) -> Result<bool, Error> {
    match cancelled {
        Ok(_) => Ok(true),
        Err(Error::Library(StoreError::JobNotSo { .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_ended_by_itself_is_no_failure_and_one_that_is_not_there_is() {
        let ended = StoreError::JobNotSo {
            id: "x".to_owned(),
            state: "completed",
            what: "cancelled",
        };
        assert!(matches!(is_ended(Err(ended.into())), Ok(false)));
        let absent = StoreError::NotFound {
            what: "job",
            name: "x".to_owned(),
        };
        assert!(is_ended(Err(absent.into())).is_err());
    }
}
