//! Addresses of files in answers. Clients fetch them as they fetch those of the other house, without a key. So where everybody
//! has to say who they are, an address carries a permission: for this one file, for a while, and for as long as whoever was
//! told it would be let in. It is proved by a secret that no client has, so that no other can be made of it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use atelier_accounts::Secret;
use atelier_server::door::{App, AppFor, Disposition, KeptFile};
use atelier_store::{AccountId, DatasetId, Error, ImageId, Library, PictureId};
use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use uuid::Uuid;

use super::PREFIX;
use super::datasets::present;
use super::refusal::{Refusal, Result};
use super::request::{Address, Id};

/// An address ends at a whole hour, so that it stays the same from answer to answer.
const HOUR: Duration = Duration::from_hours(1);
/// How long it is good: a day, and what is left of the hour.
const HOURS: u64 = 25;
/// Tokens and sessions of an account whose addresses are good at the same time; the oldest make room.
const MOST_OF_ONE: usize = 200;

/// A file that answers name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    /// A drawn picture.
    Picture(PictureId),
    /// An image of a dataset.
    Image(DatasetId, ImageId),
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture(id) => write!(f, "{id}"),
            Self::Image(dataset, id) => write!(f, "{dataset}.{id}"),
        }
    }
}

impl FromStr for File {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once('.') {
            Some((dataset, id)) => Ok(Self::Image(dataset.parse()?, id.parse()?)),
            None => Ok(Self::Picture(text.parse()?)),
        }
    }
}

/// Somebody who was told addresses.
#[derive(Debug)]
struct Asker<W> {
    who: W,
    /// Their account; nothing stands for the user of this machine.
    account: Option<AccountId>,
    /// When the last of their addresses ends.
    until: Instant,
}

/// What makes and reads permissions. All end when the server stops.
#[derive(Debug)]
pub(super) struct Permits<W = App> {
    secret: Secret,
    began: Instant,
    askers: Mutex<HashMap<Uuid, Asker<W>>>,
}

impl<W> Default for Permits<W> {
    fn default() -> Self {
        // 244 bits of the system's random numbers.
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self {
            secret: Secret::shown(&secret),
            began: Instant::now(),
            askers: Mutex::default(),
        }
    }
}

impl<W: Clone> Permits<W> {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Asker<W>>> {
        self.askers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hours since the server began.
    fn hour(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs() / HOUR.as_secs()
    }

    /// The name of somebody in addresses, by which they are found again.
    fn remember(
        &self,
        (account, who): (Option<AccountId>, W),
        is_same: impl Fn(&W) -> bool,
        now: Instant,
    ) -> Uuid {
        let until = now + HOUR * HOURS as u32;
        let mut askers = self.lock();
        askers.retain(|_, asker| asker.until > now);
        let mut known = askers.iter_mut();
        if let Some((name, asker)) = known.find(|(_, asker)| is_same(&asker.who)) {
            asker.until = until;
            return *name;
        }
        let own = askers.iter().filter(|(_, asker)| asker.account == account);
        if own.clone().count() >= MOST_OF_ONE
            && let Some((&oldest, _)) = own.min_by_key(|(_, asker)| asker.until)
        {
            askers.remove(&oldest);
        }
        let name = Uuid::new_v4();
        let asker = Asker {
            who,
            account,
            until,
        };
        askers.insert(name, asker);
        name
    }

    /// A permission for a file, to whoever has it.
    fn token(&self, asker: Uuid, file: File, now: Instant) -> String {
        let end = self.hour(now) + HOURS;
        let said = format!("{}.{end}.{file}", asker.simple());
        let proof = self.secret.derived(&said);
        format!("{said}.{}", proof.as_str())
    }

    /// Whom a token was told, and of which file; nothing where it is none of ours, or is over.
    fn read(&self, token: &str, now: Instant) -> Option<(W, File)> {
        let (said, proof) = token.rsplit_once('.')?;
        if !self.secret.derived(said).is(proof) {
            return None;
        }
        let mut parts = said.splitn(3, '.');
        let (asker, end, file) = (parts.next()?, parts.next()?, parts.next()?);
        if self.hour(now) >= end.parse().ok()? {
            return None;
        }
        let asker = Uuid::try_parse(asker).ok()?;
        let who = self.lock().get(&asker)?.who.clone();
        Some((who, file.parse().ok()?))
    }
}

/// Addresses of files for whoever asks.
#[derive(Debug)]
pub(super) struct FileAddresses {
    server: String,
    /// Who permits, and whom; nobody where no key is needed.
    permits: Option<(Arc<Permits>, Uuid)>,
}

impl FromRequestParts<App> for FileAddresses {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Address(server) = Address::from_request_parts(parts, app).await?;
        let Ok(AppFor(app)) = AppFor::from_request_parts(parts, app).await;
        let permits = parts.extensions.get::<Arc<Permits>>();
        let permits = permits.filter(|_| app.access().needs_login).map(|permits| {
            let who = (app.account().map(|account| account.id), app.clone());
            let is_same = |other: &App| app.is_same_asker(other);
            let asker = permits.remember(who, is_same, Instant::now());
            (Arc::clone(permits), asker)
        });
        Ok(Self { server, permits })
    }
}

impl FileAddresses {
    /// Where the file of a drawn picture is read.
    pub(super) fn of_picture(&self, id: PictureId) -> String {
        self.of(File::Picture(id), || format!("pictures/{id}"))
    }

    /// Where the file of an image of a dataset is read.
    pub(super) fn of_image(&self, dataset: DatasetId, id: ImageId) -> String {
        let place = || format!("datasets/{dataset}/images/{id}");
        self.of(File::Image(dataset, id), place)
    }

    /// This house's own place where no key is needed, which is good for ever.
    fn of(&self, file: File, place: impl FnOnce() -> String) -> String {
        let server = &self.server;
        match &self.permits {
            Some((permits, asker)) => {
                let token = permits.token(*asker, file, Instant::now());
                format!("{server}{PREFIX}/files/{token}")
            }
            None => format!("{server}/api/v1/{}/file", place()),
        }
    }
}

/// Nothing lies there for whoever asks.
fn gone() -> Refusal {
    let message = "this address is good no longer; ask for the generation or the dataset again, whose answer has new ones";
    Refusal::not_found(message)
}

/// A file by the permission in its address.
pub(super) async fn get_file(
    Extension(permits): Extension<Arc<Permits>>,
    Id(token): Id<String>,
    asked: HeaderMap,
) -> Result<Response> {
    let (who, file) = permits.read(&token, Instant::now()).ok_or_else(gone)?;
    if !who.is_still_admitted().await {
        return Err(gone());
    }
    let library = who.library();
    let found = who.work().catalogue(move || kept(&library, file)).await?;
    Ok(found.answer_picture(&asked, Disposition::Inline).await?)
}

/// A file of the library as somebody sees it, outside the trash.
fn kept(library: &Library, file: File) -> Result<KeptFile, Error> {
    match file {
        File::Picture(id) => {
            let picture = library.get_picture(id)?;
            if picture.trashed_ms.is_some() {
                let (what, name) = ("picture", id.to_string());
                return Err(Error::NotFound { what, name });
            }
            Ok(KeptFile {
                path: library.blobs().path(&picture.hash),
                name: format!("drawn-{}.png", picture.seed),
                hash: picture.hash,
                size_bytes: picture.size_bytes,
            })
        }
        File::Image(dataset, id) => {
            present(library, dataset)?;
            let image = library.get_image(dataset, id, None)?;
            Ok(KeptFile {
                path: library.blobs().path(&image.blob),
                name: image.file_name,
                hash: image.blob,
                size_bytes: image.size_bytes,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn id<T: FromStr<Err = Error>>(number: u32) -> T {
        let id = format!("018f0000-0000-7000-8000-{number:012}");
        id.parse().unwrap()
    }

    fn files() -> [File; 3] {
        [
            File::Picture(id(1)),
            File::Picture(id(2)),
            File::Image(id(1), id(2)),
        ]
    }

    /// The name of somebody who is called by a number.
    fn remember(permits: &Permits<u32>, who: u32, now: Instant) -> Uuid {
        permits.remember((Some(id(who % 2)), who), |other| *other == who, now)
    }

    #[test]
    fn an_address_is_for_its_file_and_whom_it_was_told_and_no_other_can_be_made_of_it() {
        let (permits, now) = (Permits::<u32>::default(), Instant::now());
        let (one, other) = (remember(&permits, 1, now), remember(&permits, 2, now));
        assert_eq!(remember(&permits, 1, now), one);
        for file in files() {
            let token = permits.token(one, file, now);
            assert_eq!(permits.read(&token, now), Some((1, file)));
            let (said, proof) = token.rsplit_once('.').unwrap();
            let mut parts = said.splitn(3, '.');
            let [asker, end, name] = [(); 3].map(|()| parts.next().unwrap());
            let forged = [
                said.to_owned(),
                format!("{said}."),
                format!("{said}.{}", &proof[1..]),
                format!("{}.{end}.{name}.{proof}", other.simple()),
                format!("{asker}.{end}0.{name}.{proof}"),
                format!("{asker}.{end}.{}.{proof}", File::Picture(id(9))),
                format!("{asker}.{end}.{}.{name}.{proof}", id::<DatasetId>(9)),
                String::new(),
            ];
            for token in forged {
                assert_eq!(permits.read(&token, now), None, "{token}");
            }
            // Another server, or the same one after it was started again.
            assert_eq!(Permits::<u32>::default().read(&token, now), None);
        }
    }

    #[test]
    fn an_address_is_good_for_a_day_and_the_same_within_an_hour() {
        let permits = Permits::<u32>::default();
        let (begin, [file, ..]) = (permits.began, files());
        let minutes = |count: u64| begin + Duration::from_mins(count);
        let asker = remember(&permits, 1, minutes(61));
        let token = permits.token(asker, file, minutes(61));
        assert_eq!(permits.token(asker, file, minutes(119)), token);
        assert_ne!(permits.token(asker, file, minutes(120)), token);
        assert!(permits.read(&token, minutes(119) + DAY).is_some());
        assert!(permits.read(&token, minutes(120) + DAY + HOUR).is_none());
        // Whoever was told nothing for so long is forgotten.
        remember(&permits, 2, minutes(62) + DAY + HOUR);
        assert_eq!(permits.lock().len(), 1);
    }

    #[test]
    fn the_oldest_of_an_account_make_room_and_nobody_elses() {
        let (permits, now) = (Permits::<u32>::default(), Instant::now());
        let other = remember(&permits, 1, now);
        let first = remember(&permits, 0, now);
        for number in 1..=MOST_OF_ONE as u32 {
            let later = now + Duration::from_secs(number.into());
            remember(&permits, 2 * number, later);
        }
        let is_good = |asker| {
            let token = permits.token(asker, files()[0], now);
            permits.read(&token, now).is_some()
        };
        assert!(!is_good(first) && is_good(other));
        assert_eq!(permits.lock().len(), MOST_OF_ONE + 1);
    }
}
