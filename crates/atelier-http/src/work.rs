//! Threads for what is slow. Each kind of work has a number of places; who finds none waits for a while, and is then told
//! that the server is busy.

use std::sync::Arc;
use std::time::Duration;

use atelier_core::{CancelFlag, ErrorCode};
use atelier_store::{AccountId, Error as StoreError};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::{block_in_place, spawn_blocking};
use tokio::time::timeout;

use crate::answer::{Failure, Result};
use crate::incoming::folder::Interest;
use crate::places::{Places, Taken};

/// Questions to the catalogue at the same time: as many as the library keeps connections for.
const CATALOGUE: usize = 8;
/// Other short work with files at the same time.
const FILES: usize = 8;
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
    catalogue: Arc<Semaphore>,
    files: Arc<Semaphore>,
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
            catalogue: places(CATALOGUE),
            files: places(FILES),
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

    /// Asks or changes the catalogue.
    pub async fn catalogue<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T> {
        let place = self.place(&self.catalogue, 1).await?;
        Ok(run([place], work).await??)
    }

    /// A place for an upload of an account.
    pub async fn upload(&self, account: Option<AccountId>) -> Result<Place> {
        self.kept_place(&self.uploads, account).await
    }

    /// A place for an export of an account.
    pub async fn export(&self, account: Option<AccountId>) -> Result<Place> {
        self.kept_place(&self.exports, account).await
    }

    /// A place for a proof that an account asks for.
    pub async fn proof(&self, account: Option<AccountId>) -> Result<Place> {
        self.kept_place(&self.proofs, account).await
    }

    /// A place for a large document of an account.
    pub async fn document(&self, account: Option<AccountId>) -> Result<Place> {
        self.kept_place(&self.documents, account).await
    }

    async fn kept_place(&self, places: &Places, account: Option<AccountId>) -> Result<Place> {
        let taken = self.in_time(places.take(account)).await?;
        Ok(Place {
            _taken: Arc::new(taken),
        })
    }

    /// Reads or writes files, for a moment.
    pub async fn files<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let place = self.place(&self.files, 1).await?;
        run([place], work).await
    }

    /// Hashes a password, or looks whether one fits.
    pub async fn password<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let place = self.place(&self.passwords, 1).await?;
        run([place], work).await
    }

    /// Decodes a picture of so many pixels, or of an unknown number.
    pub async fn decode<T: Send + 'static>(
        &self,
        pixels: Option<u64>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let megapixels = pixels.map_or(MEGAPIXELS, |pixels| {
            let megapixels = pixels.div_ceil(1_000_000);
            megapixels.clamp(1, u64::from(MEGAPIXELS)) as u32
        });
        let decoder = self.place(&self.decoders, 1).await?;
        let memory = self.place(&self.megapixels, megapixels).await?;
        run([decoder, memory], work).await
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

    /// The same for work that looks now and then whether it is given up, which it is when nobody waits for it any more.
    pub async fn run_while_awaited<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CancelFlag) -> T + Send + 'static,
    ) -> Result<T> {
        let given_up = CancelFlag::default();
        let _interest = Interest(given_up.clone());
        self.run(move || work(&given_up)).await
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
async fn run<const N: usize, T: Send + 'static>(
    places: [OwnedSemaphorePermit; N],
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
            let refused = work.decode(Some(1), || ()).await.unwrap_err();
            assert!(format!("{refused:?}").contains("Busy"));
            drop(taken);
            assert_eq!(work.decode(Some(1), || 7).await.unwrap(), 7);
            assert_eq!(work.decode(None, || 8).await.unwrap(), 8);
        });
    }

    #[test]
    fn an_upload_keeps_its_place_and_no_place_of_others() {
        block_on(async {
            let work = Work::new(Duration::from_millis(1));
            let mut places = Vec::new();
            for _ in 0..UPLOADS {
                places.push(work.upload(None).await.unwrap());
            }
            let refused = work.upload(None).await.unwrap_err();
            assert!(format!("{refused:?}").contains("Busy"));
            assert_eq!(work.files(|| 7).await.unwrap(), 7);
            let last = places.pop().unwrap();
            assert_eq!(last.run(|| 8).await.unwrap(), 8);
            drop(last);
            assert!(work.upload(None).await.is_ok());
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
                places.push(work.proof(ana).await.unwrap());
            }
            assert!(work.proof(ana).await.is_err());
            places.push(work.proof(ben).await.unwrap());
            assert_eq!(work.files(|| 7).await.unwrap(), 7);
        });
    }

    #[test]
    fn work_is_given_up_when_nobody_waits_for_it_any_more() {
        block_on(async {
            let work = Work::new(Duration::from_secs(5));
            let place = work.proof(None).await.unwrap();
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
                let failed = work.files(|| -> () { panic!("in a test") }).await;
                assert!(format!("{:?}", failed.unwrap_err()).contains("Internal"));
            }
        });
    }
}
