//! Pictures come in two steps: a client announces one and is told an address of this server, to which it then sends a form with
//! the file. The address ends with a token that nobody can guess, for one picture of one dataset, for a while; the form
//! needs no other right.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use atelier_core::ErrorCode;
use atelier_server::door::{App, AppFor, Failure, Json, add_from_form};
use atelier_store::{AccountId, DatasetId, ImageId};
use axum::Extension;
use axum::extract::Request;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::PREFIX;
use super::datasets::{called, present};
use super::refusal::{Refusal, Result};
use super::request::{Address, Body, Id};

/// How long an announced picture may come.
const LIFETIME: Duration = Duration::from_hours(1);
/// Announced pictures that have not come yet: of everybody, and of one account.
const MOST_TICKETS: usize = 5_000;
const MOST_OF_ONE: usize = 1_000;
/// Endings of files, and their types.
const EXTENSIONS: [(&str, &str); 4] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
];

/// What was announced.
#[derive(Debug, Clone)]
struct Ticket<W> {
    /// Who announced it, who needs not say so again. Whether they still may is asked when the picture comes.
    who: W,
    /// Their account; nothing stands for the user of this machine.
    account: Option<AccountId>,
    dataset: DatasetId,
    /// What the picture will be called.
    file_name: String,
    until: Instant,
    /// Whether the picture is on its way.
    is_coming: bool,
}

/// What was announced and may still come. It is forgotten when the server stops.
#[derive(Debug)]
pub(super) struct Tickets<W = App>(Mutex<HashMap<Uuid, Ticket<W>>>);

impl<W> Default for Tickets<W> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<W> Tickets<W> {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Ticket<W>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token for a ticket, unless there are too many.
    fn keep(&self, ticket: Ticket<W>, now: Instant) -> Result<Uuid> {
        let mut tickets = self.lock();
        tickets.retain(|_, ticket| ticket.until > now);
        let of_one = tickets.values();
        let of_one = of_one.filter(|other| other.account == ticket.account);
        if tickets.len() >= MOST_TICKETS || of_one.count() >= MOST_OF_ONE {
            let message = "too many announced pictures have not come yet";
            let failure = Failure::new(ErrorCode::Busy, message);
            return Err(failure.with_status(StatusCode::TOO_MANY_REQUESTS).into());
        }
        // 122 bits of the system's random numbers.
        let token = Uuid::new_v4();
        tickets.insert(token, ticket);
        Ok(token)
    }

    /// The ticket of a picture that comes now; meanwhile no other comes with it.
    ///
    /// # Errors
    /// When there is none any more, or its picture is on its way.
    fn take(self: &Arc<Self>, token: Uuid, now: Instant) -> Result<Coming<W>>
    where
        W: Clone,
    {
        let mut tickets = self.lock();
        let ticket = tickets.get_mut(&token).filter(|one| one.until > now);
        let ticket = ticket.ok_or_else(gone)?;
        if ticket.is_coming {
            let message = "the picture of this address is on its way already; send it again if that one does not arrive, or \
                           announce another";
            return Err(Refusal::conflict(message));
        }
        ticket.is_coming = true;
        Ok(Coming {
            tickets: Arc::clone(self),
            token,
            ticket: ticket.clone(),
        })
    }
}

/// Nothing is expected.
fn gone() -> Refusal {
    Refusal::not_found("no picture is expected here any more; announce it again")
}

/// A picture on its way. Its ticket is good again when this goes, unless it was used up.
#[derive(Debug)]
struct Coming<W> {
    tickets: Arc<Tickets<W>>,
    token: Uuid,
    ticket: Ticket<W>,
}

impl<W> Coming<W> {
    /// Nothing more comes with the ticket.
    fn end(self) {
        self.tickets.lock().remove(&self.token);
    }
}

impl<W> Drop for Coming<W> {
    fn drop(&mut self) {
        if let Some(ticket) = self.tickets.lock().get_mut(&self.token) {
            ticket.is_coming = false;
        }
    }
}

/// What will come.
#[derive(Debug, Deserialize)]
pub(super) struct AnnounceUpload {
    extension: String,
}

/// Says where to send a picture.
pub(super) async fn announce_upload(
    AppFor(app): AppFor,
    Extension(tickets): Extension<Arc<Tickets>>,
    Id(dataset): Id<DatasetId>,
    Address(address): Address,
    Body(wanted): Body<AnnounceUpload>,
) -> Result<Json<Value>> {
    let extension = wanted.extension.to_ascii_lowercase();
    let known = EXTENSIONS.iter().find(|(name, _)| *name == extension);
    let Some((extension, kind)) = known else {
        let message = "`extension` must be `png`, `jpg`, `jpeg` or `webp`";
        return Err(Refusal::invalid(message));
    };
    let library = app.library();
    let look = move || {
        present(&library, dataset)?;
        library.get_dataset_to_change(dataset)
    };
    app.work().catalogue(look).await?;
    let id = Uuid::new_v4();
    let (file_name, now) = (format!("{id}.{extension}"), Instant::now());
    let key = format!("datasets/{dataset}/{file_name}");
    let ticket = Ticket {
        account: app.account().map(|account| account.id),
        who: app,
        dataset,
        file_name,
        until: now + LIFETIME,
        is_coming: false,
    };
    let token = tickets.keep(ticket, now)?;
    let fields = json!({"Content-Type": kind, "key": key});
    Ok(Json(json!({"uploadDatasetImage": {
        "id": id.to_string(),
        "key": key,
        "fields": fields.to_string(),
        "url": format!("{address}{PREFIX}/uploads/{token}"),
    }})))
}

/// Takes an announced picture: a form whose last part is `file`. Answered with 204, as the storage of the other house does, unless
/// the dataset has it already.
pub(super) async fn receive_upload(
    Extension(tickets): Extension<Arc<Tickets>>,
    Id(token): Id<Uuid>,
    request: Request,
) -> Result<StatusCode> {
    let coming = tickets.take(token, Instant::now())?;
    let ticket = &coming.ticket;
    if !ticket.who.is_still_admitted().await {
        coming.end();
        return Err(gone());
    }
    let name = ticket.file_name.clone();
    let present = add_from_form(&ticket.who, ticket.dataset, name, request).await?;
    let refusal = match present {
        Some(image) => Some(already_there(ticket, image).await?),
        None => None,
    };
    coming.end();
    refusal.map_or(Ok(StatusCode::NO_CONTENT), Err)
}

/// The dataset has the picture, so that there will be no image with the id that was announced.
async fn already_there(ticket: &Ticket<App>, image: ImageId) -> Result<Refusal> {
    let (library, dataset) = (ticket.who.library(), ticket.dataset);
    let look = move || library.get_image(dataset, image, None);
    let image = ticket.who.work().catalogue(look).await?;
    let message = format!(
        "the dataset has this picture already, as `{}`",
        called(&image)
    );
    Ok(Refusal::conflict(message))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn ticket(until: Instant) -> Ticket<()> {
        Ticket {
            who: (),
            account: None,
            dataset: "018f0000-0000-7000-8000-000000000000".parse().unwrap(),
            file_name: "a.png".to_owned(),
            until,
            is_coming: false,
        }
    }

    /// Why a token is not good, as a status; nothing where it is.
    fn refused(tickets: &Arc<Tickets<()>>, token: Uuid, now: Instant) -> Option<StatusCode> {
        let refusal = tickets.take(token, now).err()?;
        Some(refusal.into_response().status())
    }

    #[test]
    fn a_token_is_good_for_a_while_and_until_its_picture_is_there() {
        let (tickets, now) = (Arc::<Tickets<()>>::default(), Instant::now());
        let until = now + LIFETIME;
        let token = tickets.keep(ticket(until), now).unwrap();
        let not_found = Some(StatusCode::NOT_FOUND);
        assert_eq!(refused(&tickets, token, until), not_found);
        assert_eq!(refused(&tickets, Uuid::new_v4(), now), not_found);
        let coming = tickets.take(token, now).unwrap();
        assert_eq!(coming.ticket.file_name, "a.png");
        coming.end();
        assert_eq!(refused(&tickets, token, now), not_found);
    }

    #[test]
    fn a_token_is_for_one_picture_at_a_time_and_good_again_where_that_fails() {
        let (tickets, now) = (Arc::<Tickets<()>>::default(), Instant::now());
        let token = tickets.keep(ticket(now + LIFETIME), now).unwrap();
        for _ in 0..2 {
            let coming = tickets.take(token, now).unwrap();
            assert_eq!(refused(&tickets, token, now), Some(StatusCode::CONFLICT));
            drop(coming);
        }
        // One that is on its way counts like one that has not begun.
        let _coming = tickets.take(token, now).unwrap();
        for _ in 1..MOST_OF_ONE {
            tickets.keep(ticket(now + LIFETIME), now).unwrap();
        }
        assert!(tickets.keep(ticket(now + LIFETIME), now).is_err());
    }

    /// A ticket of one of many accounts.
    fn ticket_of(account: usize, until: Instant) -> Ticket<()> {
        let id = format!("018f0000-0000-7000-8000-{account:012}");
        Ticket {
            account: Some(id.parse().unwrap()),
            ..ticket(until)
        }
    }

    #[test]
    fn there_are_not_more_tickets_than_can_be_kept() {
        let (tickets, now) = (Tickets::<()>::default(), Instant::now());
        let until = now + LIFETIME;
        for at in 0..MOST_TICKETS {
            let ticket = ticket_of(at / MOST_OF_ONE, until);
            tickets.keep(ticket, now).unwrap();
        }
        assert!(tickets.keep(ticket(until), now).is_err());
        assert!(tickets.keep(ticket(until + LIFETIME), until).is_ok());
        assert_eq!(tickets.lock().len(), 1);
    }

    #[test]
    fn one_account_does_not_keep_the_others_from_announcing() {
        let (tickets, now) = (Tickets::<()>::default(), Instant::now());
        let until = now + LIFETIME;
        for _ in 0..MOST_OF_ONE {
            tickets.keep(ticket_of(1, until), now).unwrap();
        }
        assert!(tickets.keep(ticket_of(1, until), now).is_err());
        assert!(tickets.keep(ticket_of(2, until), now).is_ok());
        assert!(tickets.keep(ticket(until), now).is_ok());
    }
}
