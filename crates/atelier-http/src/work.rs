//! Threads for what is slow. Each kind of work has a number of places; who finds none waits for a while, and is then told
//! that the server is busy.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use atelier_core::{CancelFlag, ErrorCode};
use atelier_store::{AccountId, Error as StoreError};
use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::{block_in_place, spawn_blocking};
use tokio::time::timeout;

use crate::answer::{Failure, Result};
use crate::incoming::folder::Interest;
use crate::places::{Places, Taken};

/// Questions to the catalogue at the same time: as many as the library keeps connections for. And those of one account, so that
/// the others find places, and whoever has just come is recognised.
const CATALOGUE: usize = 8;
const CATALOGUE_OF_EACH: usize = 5;
/// Other short work with files at the same time, and that of one account.
const FILES: usize = 8;
const FILES_OF_EACH: usize = 5;
/// Uploads at the same time, from their first byte to their last picture, and those of one account.
const UPLOADS: usize = 8;
const UPLOADS_OF_EACH: usize = 4;
/// Exports at the same time, however slowly their clients take them, and those of one account.
const EXPORTS: usize = 8;
const EXPORTS_OF_EACH: usize = 4;
/// Models whose origin is proved at the same time, by reading every file of a dataset, and those for one account.
const PROOFS: usize = 4;
const PROOFS_OF_EACH: usize = 2;
/// Large documents in requests at the same time, from where they are known to be large until they are read, and those of one
/// account.
const DOCUMENTS: usize = 8;
const DOCUMENTS_OF_EACH: usize = 4;
/// Passwords that are hashed at the same time, each with 19 MiB.
const PASSWORDS: usize = 2;
/// Pictures in decoders at the same time.
const DECODERS: usize = 2;
/// Millions of pixels in decoders at the same time; that of the largest picture, which alone takes up to a gigabyte.
const MEGAPIXELS: u32 = 100;

/// The places.
#[derive(Debug)]
pub struct Work {
    catalogue: Places,
    files: Places,
    uploads: Places,
    exports: Places,
    proofs: Places,
    documents: Places,
    passwords: Arc<Semaphore>,
    decoders: Arc<Semaphore>,
    megapixels: Arc<Semaphore>,
    turn: Duration,
}

impl Work {
    /// Places for which a request waits so long at most.
    pub fn new(turn: Duration) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            catalogue: Places::new(CATALOGUE, CATALOGUE_OF_EACH),
            files: Places::new(FILES, FILES_OF_EACH),
            uploads: Places::new(UPLOADS, UPLOADS_OF_EACH),
            exports: Places::new(EXPORTS, EXPORTS_OF_EACH),
            proofs: Places::new(PROOFS, PROOFS_OF_EACH),
            documents: Places::new(DOCUMENTS, DOCUMENTS_OF_EACH),
            passwords: places(PASSWORDS),
            decoders: places(DECODERS),
            megapixels: places(MEGAPIXELS as usize),
            turn,
        }
    }

    /// The places as an account finds them; the user of the machine, and who is not recognised yet, finds all.
    pub fn of(&self, account: Option<AccountId>) -> WorkOf<'_> {
        WorkOf {
            work: self,
            account,
        }
    }

    async fn place(&self, places: &Arc<Semaphore>, count: u32) -> Result<OwnedSemaphorePermit> {
        let places = Arc::clone(places);
        self.in_time(places.acquire_many_owned(count)).await
    }

    async fn in_time<T>(
        &self,
        waiting: impl Future<Output = Result<T, AcquireError>>,
    ) -> Result<T> {
        match timeout(self.turn, waiting).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(closed)) => Err(Failure::internal(closed)),
            Err(_) => {
                let secs = self.turn.as_secs();
                let message = format!("the server has been busy for {secs} seconds");
                Err(Failure::new(ErrorCode::Busy, message))
            }
        }
    }
}

/// The places as an account finds them.
#[derive(Debug, Clone, Copy)]
pub struct WorkOf<'w> {
    work: &'w Work,
    account: Option<AccountId>,
}

impl WorkOf<'_> {
    /// Asks or changes the catalogue.
    pub async fn catalogue<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T> {
        let place = self.taken(&self.work.catalogue).await?;
        Ok(run(place, work).await??)
    }

    /// Reads or writes files, for a moment.
    pub async fn files<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let place = self.taken(&self.work.files).await?;
        run(place, work).await
    }

    /// A place for an upload.
    pub async fn upload(self) -> Result<Place> {
        self.kept_place(&self.work.uploads).await
    }

    /// A place for an export.
    pub async fn export(self) -> Result<Place> {
        self.kept_place(&self.work.exports).await
    }

    /// A place for a proof.
    pub async fn proof(self) -> Result<Place> {
        self.kept_place(&self.work.proofs).await
    }

    /// A place for a large document.
    pub async fn document(self) -> Result<Place> {
        self.kept_place(&self.work.documents).await
    }

    /// Hashes a password, or looks whether one fits.
    pub async fn password<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let place = self.work.place(&self.work.passwords, 1).await?;
        run(place, work).await
    }

    /// Decodes a picture of so many pixels, or of an unknown number.
    pub async fn decode<T: Send + 'static>(
        self,
        pixels: Option<u64>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let megapixels = pixels.map_or(MEGAPIXELS, |pixels| {
            let megapixels = pixels.div_ceil(1_000_000);
            megapixels.clamp(1, u64::from(MEGAPIXELS)) as u32
        });
        let decoder = self.work.place(&self.work.decoders, 1).await?;
        let memory = self.work.place(&self.work.megapixels, megapixels).await?;
        run((decoder, memory), work).await
    }

    async fn taken(self, places: &Places) -> Result<Taken> {
        self.work.in_time(places.take(self.account)).await
    }

    async fn kept_place(self, places: &Places) -> Result<Place> {
        let taken = self.taken(places).await?;
        Ok(Place {
            _taken: Arc::new(taken),
        })
    }
}

/// A place that is kept for more than one piece of work. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Place {
    _taken: Arc<Taken>,
}

impl Place {
    /// Does a piece of the work, which may take its time. The place is kept until it is done.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let place = self.clone();
        let done = spawn_blocking(move || {
            let value = work();
            drop(place);
            value
        });
        done.await.map_err(Failure::internal)
    }

    /// The answer, which keeps the place until its client has all of it, or goes away.
    pub fn until_sent(self, answer: Response) -> Response {
        answer.map(|body| Body::new(Kept { body, _place: self }))
    }

    /// The same as [`Self::run`] for work that looks now and then whether it is given up, which it is when nobody waits for it any more.
    pub async fn run_while_awaited<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CancelFlag) -> T + Send + 'static,
    ) -> Result<T> {
        let given_up = CancelFlag::default();
        let _interest = Interest(given_up.clone());
        self.run(move || work(&given_up)).await
    }
}

/// What is sent from a place.
struct Kept {
    body: Body,
    _place: Place,
}

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Does what takes a moment without keeping those waiting who are answered on this thread: another one goes on with them. Where
/// there is only one, it is done at once.
pub fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => block_in_place(work),
        _ => work(),
    }
}

/// The places are free again when the work is done, even if nobody waits for it any more.
async fn run<T: Send + 'static>(
    places: impl Send + 'static,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let done = spawn_blocking(move || {
        let value = work();
        drop(places);
        value
    });
    done.await.map_err(Failure::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap().block_on(work)
    }

    #[test]
    fn who_finds_no_place_is_told_that_the_server_is_busy() {
        block_on(async {
            let work = Work::new(Duration::from_millis(1));
            let places = Arc::clone(&work.decoders);
            let taken = places.acquire_many_owned(DECODERS as u32).await;
            let refused = work.of(None).decode(Some(1), || ()).await.unwrap_err();
            assert!(format!("{refused:?}").contains("Busy"));
            drop(taken);
            assert_eq!(work.of(None).decode(Some(1), || 7).await.unwrap(), 7);
            assert_eq!(work.of(None).decode(None, || 8).await.unwrap(), 8);
        });
    }

    #[test]
    fn an_upload_keeps_its_place_and_no_place_of_others() {
        block_on(async {
            let work = Work::new(Duration::from_millis(1));
            let mut places = Vec::new();
            for _ in 0..UPLOADS {
                places.push(work.of(None).upload().await.unwrap());
            }
            let refused = work.of(None).upload().await.unwrap_err();
            assert!(format!("{refused:?}").contains("Busy"));
            assert_eq!(work.of(None).files(|| 7).await.unwrap(), 7);
            let last = places.pop().unwrap();
            assert_eq!(last.run(|| 8).await.unwrap(), 8);
            drop(last);
            assert!(work.of(None).upload().await.is_ok());
        });
    }

    #[test]
    fn proofs_take_no_place_of_short_work_and_an_account_has_its_part_of_them() {
        block_on(async {
            let work = Work::new(Duration::from_millis(1));
            let [ana, ben] = [1, 2].map(|number| {
                let id = format!("01900000-0000-7000-8000-{number:012}");
                Some(id.parse::<AccountId>().unwrap())
            });
            let mut places = Vec::new();
            for _ in 0..PROOFS_OF_EACH {
                places.push(work.of(ana).proof().await.unwrap());
            }
            assert!(work.of(ana).proof().await.is_err());
            places.push(work.of(ben).proof().await.unwrap());
            assert_eq!(work.of(None).files(|| 7).await.unwrap(), 7);
        });
    }

    #[test]
    fn an_account_that_asks_without_a_pause_leaves_places_for_others() {
        block_on(async {
            let work = Work::new(Duration::from_millis(20));
            let id = "01900000-0000-7000-8000-000000000001";
            let ana = Some(id.parse::<AccountId>().unwrap());
            let mut places = Vec::new();
            for _ in 0..CATALOGUE_OF_EACH {
                places.push(work.catalogue.take(ana).await.unwrap());
            }
            assert!(work.of(ana).catalogue(|| Ok(1)).await.is_err());
            assert_eq!(work.of(None).catalogue(|| Ok(2)).await.unwrap(), 2);
            assert_eq!(work.of(ana).files(|| 3).await.unwrap(), 3);
        });
    }

    #[test]
    fn an_answer_keeps_its_place_until_it_is_sent() {
        block_on(async {
            let work = Work::new(Duration::from_millis(1));
            let mut answers = Vec::new();
            for _ in 0..EXPORTS {
                let place = work.of(None).export().await.unwrap();
                answers.push(place.until_sent(Response::new(Body::from("weights"))));
            }
            assert!(work.of(None).export().await.is_err());
            let body = answers.pop().unwrap().into_body();
            let sent = axum::body::to_bytes(body, 100).await.unwrap();
            assert_eq!(sent, "weights");
            assert!(work.of(None).export().await.is_ok());
        });
    }

    #[test]
    fn work_is_given_up_when_nobody_waits_for_it_any_more() {
        block_on(async {
            let work = Work::new(Duration::from_secs(5));
            let place = work.of(None).proof().await.unwrap();
            assert!(
                !place
                    .run_while_awaited(CancelFlag::is_cancelled)
                    .await
                    .unwrap()
            );
            let (begins, begun) = tokio::sync::oneshot::channel();
            let (ends, ended) = tokio::sync::oneshot::channel();
            let waits = place.run_while_awaited(|given_up| {
                begins.send(()).unwrap();
                let begun = std::time::Instant::now();
                while !given_up.is_cancelled() && begun.elapsed().as_secs() < 20 {
                    std::thread::yield_now();
                }
                ends.send(given_up.is_cancelled()).unwrap();
            });
            tokio::select! {
                _ = waits => unreachable!("it works for as long as it is waited for"),
                begun = begun => begun.unwrap(),
            }
            assert!(ended.await.unwrap());
        });
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_is_done_aside_keeps_nobody_waiting() {
        let (done, other) = std::sync::mpsc::channel();
        // Both are for the one thread that there is.
        let waits = tokio::spawn(async move {
            tokio::spawn(async move { done.send(7).unwrap() });
            aside(|| other.recv_timeout(Duration::from_secs(20)))
        });
        assert_eq!(waits.await.unwrap(), Ok(7));
    }

    #[test]
    fn a_panic_is_a_failure_of_its_request_and_gives_its_place_back() {
        block_on(async {
            let work = Work::new(Duration::from_secs(5));
            for _ in 0..=FILES {
                let failed = work.of(None).files(|| -> () { panic!("in a test") }).await;
                assert!(format!("{:?}", failed.unwrap_err()).contains("Internal"));
            }
        });
    }
}
