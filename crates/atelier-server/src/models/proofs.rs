//! Proofs of where models come from, which read every file of a dataset: whoever asks for one that is being made gets the same.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use atelier_http::answer::Result;
use atelier_store::{Lineage, ModelId, Viewer};
use tokio::sync::OnceCell;

/// Whose question it is, since not everybody sees all of a model's past, and about which model.
type Question = (Viewer, ModelId);

/// Those that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Proofs(Mutex<Vec<(Question, Weak<OnceCell<Lineage>>)>>);

impl Proofs {
    /// The answer to a question, which is looked for once for all who wait for it. Where whoever began goes away or fails, the
    /// next one begins.
    pub(crate) async fn find<F: Future<Output = Result<Lineage>>>(
        &self,
        question: Question,
        look: impl FnOnce() -> F,
    ) -> Result<Lineage> {
        let proof = self.proof(question);
        proof.get_or_try_init(look).await.cloned()
    }

    fn proof(&self, question: Question) -> Arc<OnceCell<Lineage>> {
        let mut proofs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut same = proofs.iter().filter(|(asked, _)| *asked == question);
        // What is known already was looked at before this one asked.
        let known =
            same.find_map(|(_, proof)| proof.upgrade().filter(|proof| !proof.initialized()));
        known.unwrap_or_else(|| {
            proofs.retain(|(_, proof)| proof.strong_count() > 0);
            let new = Arc::default();
            proofs.push((question, Arc::downgrade(&new)));
            new
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};

    use atelier_http::answer::Failure;

    use super::*;

    const NEVER: &str = "no answer in a test";

    fn model(number: u32) -> ModelId {
        let id = format!("01900000-0000-7000-8000-{number:012}");
        id.parse().unwrap()
    }

    /// Nobody has made a lineage here, so looks end with failures.
    async fn look(count: &Cell<u32>) -> Result<Lineage> {
        count.set(count.get() + 1);
        tokio::task::yield_now().await;
        Err(Failure::invalid(NEVER))
    }

    #[tokio::test]
    async fn a_proof_that_is_being_made_is_the_one_of_all_who_ask_for_it() {
        let (proofs, count) = (Proofs::default(), Cell::new(0));
        let [one, other] = [1, 2].map(model);
        let waits = proofs.find((Viewer::Machine, one), pending);
        let same = proofs.find((Viewer::Machine, one), || look(&count));
        tokio::select! {
            biased;
            _ = waits => unreachable!("it waits for ever"),
            _ = same => unreachable!("it is the same"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(count.get(), 0);
        // Nobody waits for it any more. About other models, and for others, it is another question.
        for question in [
            (Viewer::Machine, one),
            (Viewer::Machine, other),
            (Viewer::Nobody, one),
        ] {
            let failed = proofs.find(question, || look(&count)).await.unwrap_err();
            assert_eq!(failed.about().2, NEVER);
        }
        assert_eq!(count.get(), 3);
        let failed = ready(Err(Failure::invalid("first")));
        let _ = proofs.find((Viewer::Machine, one), || failed).await;
        assert_eq!(proofs.0.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn when_whoever_began_a_proof_goes_away_the_next_one_begins() {
        let (proofs, count) = (Proofs::default(), Cell::new(0));
        let question = (Viewer::Machine, model(1));
        let goes = async {
            tokio::select! {
                biased;
                _ = proofs.find(question, pending) => unreachable!("it waits for ever"),
                () = tokio::task::yield_now() => {}
            }
        };
        let stays = proofs.find(question, || look(&count));
        let ((), stayed) = tokio::join!(biased; goes, stays);
        assert_eq!((stayed.is_err(), count.get()), (true, 1));
    }
}
