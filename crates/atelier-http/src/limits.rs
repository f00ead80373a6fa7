//! How much is accepted, and how long is waited.

use std::time::Duration;

/// What a request may be and take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The size of a picture file.
    pub picture_bytes: u64,
    /// The size of a caption file.
    pub caption_bytes: u64,
    /// What an upload may send, and apart from that what the archives in it may hold when unpacked.
    pub upload_bytes: u64,
    /// Files of an upload, those inside its archives included.
    pub upload_files: usize,
    /// The size of an adapter file.
    pub adapter_bytes: u64,
    /// What stays free on the disk for everything else while uploads come in.
    pub spare_bytes: u64,
    /// The size of a JSON document in a request.
    pub json_bytes: usize,
    /// The size of one with pictures in it, which other houses' clients send.
    pub picture_json_bytes: usize,
    /// What thumbnails may take on the disk.
    pub thumbnails_bytes: u64,
    /// How long a client may take for the head of a request, and until the next one on the same connection.
    pub head: Duration,
    /// The same on connections that came when few places for connections were left.
    pub hurried_head: Duration,
    /// How long it is waited for in the middle of a body or an answer, in one pause or in several.
    pub pause: Duration,
    /// Whoever sends or takes so many bytes a second is waited for as if it had not paused yet.
    pub least_bytes_per_sec: u64,
    /// How long a client may take to send a JSON document; what it waits for a place meanwhile does not count.
    pub json: Duration,
    /// How long a request waits for its turn.
    pub turn: Duration,
    /// How long requests may go on when the server stops.
    pub farewell: Duration,
    /// Open connections.
    pub connections: usize,
    /// Those from one address, where clients come themselves and not through a proxy.
    pub connections_of_each: usize,
    /// Jobs in the queue that are neither done nor given up. An account that is no owner's has a quarter of them.
    pub open_jobs: usize,
    /// Clients that listen to events.
    pub event_clients: usize,
    /// How often these are told that the server is still there.
    pub heartbeat: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            picture_bytes: 128 << 20,
            caption_bytes: 64 << 10,
            upload_bytes: 4 << 30,
            upload_files: 10_000,
            adapter_bytes: 1 << 30,
            spare_bytes: 1 << 30,
            json_bytes: 8 << 20,
            picture_json_bytes: 64 << 20,
            thumbnails_bytes: 512 << 20,
            head: Duration::from_secs(30),
            hurried_head: Duration::from_secs(5),
            pause: Duration::from_secs(30),
            least_bytes_per_sec: 4 << 10,
            json: Duration::from_mins(1),
            turn: Duration::from_secs(30),
            farewell: Duration::from_secs(10),
            connections: 1_024,
            connections_of_each: 256,
            open_jobs: 1_000,
            event_clients: 64,
            heartbeat: Duration::from_secs(15),
        }
    }
}
