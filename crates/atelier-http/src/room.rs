//! Room for connections: so many at the same time, of which one address has its part, so that a client that holds all it can
//! get keeps no others out.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;
use crate::places::Parts;
use crate::security::{Access, neighbourhood};

/// Few places are left when it is less than one of so many.
const FEW: usize = 4;
/// Open files that are none of a connection's: catalogue, logs, uploads, the queue.
#[cfg(unix)]
const OTHER_FILES: usize = 128;
/// Without these a browser would wait for itself.
const LEAST_CONNECTIONS: usize = 16;

/// The room of a server.
#[derive(Debug)]
pub struct Room {
    places: Arc<Semaphore>,
    count: usize,
    parts: Option<Parts<IpAddr>>,
}

/// A place for a connection, which is free again when this goes.
#[derive(Debug)]
pub struct Seat {
    _place: OwnedSemaphorePermit,
    _part: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// For so many, of which an address has a part. Without parts all may come from one, such as that of a proxy.
    pub fn new(count: usize, of_each: Option<usize>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(count)),
            count,
            parts: of_each.map(Parts::new),
        }
    }

    /// That of a server with these limits, as far as the system lets it have files open. Where connections come through a proxy,
    /// all are from its address.
    pub fn of(limits: &Limits, access: &Access) -> Self {
        let most = most_connections();
        let of_each = limits.connections_of_each.min(part_of(most));
        let of_each = (!access.is_behind_proxy).then_some(of_each);
        Self::new(limits.connections.min(most), of_each)
    }

    /// The limits of whoever comes now: with few places left, it has to say soon what it wants.
    pub fn hurried(&self, limits: &Limits) -> Limits {
        let mut limits = *limits;
        if self.is_scarce() {
            limits.head = limits.head.min(limits.hurried_head);
        }
        limits
    }

    /// Waits for a place, for whoever comes next; nothing where there is none any more.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Gives the place to whoever came; nothing where that address has its part already.
    pub fn seat(&self, place: OwnedSemaphorePermit, peer: IpAddr) -> Option<Seat> {
        let parts = self.parts.as_ref();
        let part = parts.map(|parts| parts.try_take(neighbourhood(peer)));
        Some(Seat {
            _place: place,
            _part: part.transpose().ok()?,
        })
    }

    /// Whether few places are left.
    fn is_scarce(&self) -> bool {
        self.places.available_permits() * FEW < self.count
    }
}

/// What one address has of so many connections.
fn part_of(connections: usize) -> usize {
    (connections / 4).max(LEAST_CONNECTIONS)
}

/// As many connections as the system lets us have files open, each with one that it reads.
#[cfg(unix)]
fn most_connections() -> usize {
    use rustix::process::{Resource, getrlimit};
    let files = getrlimit(Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok());
    files.map_or(usize::MAX, connections_of)
}

#[cfg(not(unix))]
fn most_connections() -> usize {
    usize::MAX
}

/// As many connections as fit into so many open files.
#[cfg(unix)]
fn connections_of(files: usize) -> usize {
    (files.saturating_sub(OTHER_FILES) / 2).max(LEAST_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_its_part_and_leaves_the_others_theirs() {
        let room = Room::new(5, Some(2));
        let [one, other] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        let sit = async |peer| room.seat(room.place().await.unwrap(), peer);
        let seats = (sit(one).await.unwrap(), sit(one).await.unwrap());
        assert!(sit(one).await.is_none());
        // A network of the newer addresses is one client's, and an old address is itself in both forms.
        assert!(sit("::ffff:10.0.0.1".parse().unwrap()).await.is_none());
        let of_network = sit("2001:db8:1:2::1".parse().unwrap()).await;
        let same_network = sit("2001:db8:1:2:ffff::2".parse().unwrap()).await;
        assert!(of_network.is_some() && same_network.is_some());
        assert!(sit("2001:db8:1:2::3".parse().unwrap()).await.is_none());
        drop((of_network, same_network));
        let _other = sit(other).await.unwrap();
        // Who was turned away took no place.
        assert_eq!(room.places.available_permits(), 2);
        drop(seats);
        assert!(sit(one).await.is_some());
    }

    #[tokio::test]
    async fn all_may_come_from_a_proxy_and_it_is_known_when_few_places_are_left() {
        let room = Room::new(8, None);
        let (mut seats, mut scarce) = (Vec::new(), Vec::new());
        for _ in 0..8 {
            let place = room.place().await.unwrap();
            seats.push(room.seat(place, [127, 0, 0, 1].into()).unwrap());
            scarce.push(room.is_scarce());
        }
        assert_eq!(
            scarce,
            [false, false, false, false, false, false, true, true]
        );
    }

    #[cfg(unix)]
    #[test]
    fn connections_and_what_they_read_fit_into_the_open_files() {
        assert_eq!(connections_of(1024), 448);
        assert_eq!(connections_of(64), 16);
        assert!(most_connections() > 0);
    }
}
