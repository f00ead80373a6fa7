//! A server on a real socket.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use atelier_core::{CancelFlag, Coded as _, ErrorCode};
use atelier_server::{Access, Error, Limits, Server};

use crate::studio::Studio;

/// A server that runs until it goes.
pub(crate) struct Running {
    address: SocketAddr,
    stop: CancelFlag,
    thread: Option<JoinHandle<Result<(), Error>>>,
    studio: Studio,
}

impl Running {
    pub(crate) fn start(limits: Limits) -> Self {
        Self::guarded(Studio::with_limits(limits), Access::default())
    }

    /// One that lets in whom these rules let in.
    pub(crate) fn guarded(studio: Studio, access: Access) -> Self {
        let free = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind_with(free, studio.settings.clone(), access).unwrap();
        let (address, stop) = (server.address(), CancelFlag::default());
        let stopping = stop.clone();
        Self {
            address,
            stop,
            thread: Some(std::thread::spawn(move || server.run(&stopping))),
            studio,
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    /// Sends text and reads until the server closes.
    pub(crate) fn ask(&self, text: &str) -> String {
        let mut stream = self.connect();
        stream
            .write_all(text.replace("HOST", &self.address.to_string()).as_bytes())
            .unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Asks until it answers, which it does when those are gone who were there before.
    pub(crate) fn becomes_well(&self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if self.ask(HEALTH).starts_with("HTTP/1.1 200") {
                return true;
            }
        }
        false
    }

    /// Where an archive is that is larger than the sockets between the two take.
    fn large_export(&self) -> String {
        let library = &self.studio.settings.library;
        let about = atelier_store::About {
            name: "Large".to_owned(),
            ..atelier_store::About::default()
        };
        let dataset = library.create_dataset(about).unwrap().id;
        let hold = library.blobs().hold().unwrap();
        let additions = (0..12).map(|number| atelier_store::Addition {
            image: library
                .keep_image(&hold, "a.bmp", &large_picture(number))
                .unwrap(),
            file_name: "a.bmp".to_owned(),
            caption: String::new(),
            crop: None,
        });
        let additions = additions.collect();
        library.add_images(&hold, dataset, additions, None).unwrap();
        format!("/api/v1/datasets/{dataset}/versions/latest/export")
    }

    pub(crate) fn finish(mut self) {
        self.stop.cancel();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

pub(crate) const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n";

#[test]
fn it_answers_on_a_socket_and_stops_when_it_is_asked() {
    let running = Running::start(Limits::default());
    let answer = running.ask(HEALTH);
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("{\"status\":\"ok\"}"),
        "{answer}"
    );
    let answer =
        running.ask("GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let head = running.ask("HEAD / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    // An idle connection does not hold the end up.
    let idle = running.connect();
    let start = Instant::now();
    let address = running.address;
    running.finish();
    assert!(start.elapsed() < Duration::from_secs(5));
    drop(idle);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn an_address_that_is_taken_is_told() {
    let running = Running::start(Limits::default());
    let studio = Studio::new();
    let taken = running.address.to_string().parse().unwrap();
    let error = Server::bind(taken, studio.settings.clone()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::AddressInUse);
    assert!(error.to_string().contains(&running.address.to_string()));
    running.finish();
}

#[test]
fn slow_clients_are_sent_away_and_others_are_answered_meanwhile() {
    let running = Running::start(Limits {
        head: Duration::from_millis(300),
        pause: Duration::from_millis(300),
        ..Limits::default()
    });
    let start = Instant::now();
    let heads: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = running.connect();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
            stream
        })
        .collect();
    assert!(running.ask(HEALTH).starts_with("HTTP/1.1 200"));
    for mut stream in heads {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    let body = "POST /api/v1/datasets HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\
                Connection: close\r\n\r\n{\"name\":";
    let answer = running.ask(body);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(start.elapsed() < Duration::from_secs(15));
    running.finish();
}

#[test]
fn an_upload_that_drips_is_sent_away_and_leaves_its_place() {
    let running = Running::start(Limits {
        pause: Duration::from_millis(400),
        least_bytes_per_sec: 1_000,
        ..Limits::default()
    });
    let dataset = running.studio.settings.library.clone();
    let dataset = dataset.create_dataset(atelier_store::About {
        name: "Drips".to_owned(),
        ..atelier_store::About::default()
    });
    let path = format!("/api/v1/datasets/{}/images", dataset.unwrap().id);
    let part = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n";
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\
         Connection: close\r\n\r\n{part}",
        running.address
    );
    // More uploads than there are places, and each sends something all the time.
    let mut streams: Vec<_> = (0..12).map(|_| running.connect()).collect();
    for stream in &mut streams {
        stream.write_all(head.as_bytes()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
    }
    let (start, mut answers) = (Instant::now(), Vec::new());
    while !streams.is_empty() && start.elapsed() < Duration::from_secs(20) {
        streams.retain_mut(|stream| {
            let _ = stream.write_all(b".");
            let mut answer = [0; 12];
            let is_answered = stream.read_exact(&mut answer).is_ok();
            answers.extend(is_answered.then_some(answer));
            !is_answered
        });
    }
    assert_eq!(answers, [*b"HTTP/1.1 408"; 12]);
    running.finish();
}

#[test]
fn clients_that_do_not_read_their_answers_do_not_keep_others_out() {
    let running = Running::start(Limits {
        pause: Duration::from_millis(300),
        farewell: Duration::from_millis(200),
        connections: 4,
        ..Limits::default()
    });
    let path = running.large_export();
    let unread: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = running.connect();
            let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", running.address);
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert!(running.ask(HEALTH).starts_with("HTTP/1.1 200"));
    drop(unread);
    running.finish();
}

#[test]
fn the_trash_is_emptied_and_left_uploads_are_swept_when_a_server_starts() {
    let studio = Studio::new();
    let about = |name: &str| atelier_store::About {
        name: name.to_owned(),
        ..atelier_store::About::default()
    };
    let library = &studio.settings.library;
    let [old, young] = ["old", "young"].map(|name| library.create_dataset(about(name)).unwrap());
    library.delete_dataset(old.id).unwrap();
    // A month later.
    let mut settings = studio.settings.clone();
    let clock = std::sync::Arc::new(crate::studio::SetClock(1.7e9 + 31.0 * 86_400.0));
    settings.library = atelier_store::Library::open(&settings.home, clock).unwrap();
    settings.library.delete_dataset(young.id).unwrap();
    let left = settings.home.join("uploads/upload-left");
    fs_err::create_dir_all(&left).unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), settings).unwrap();
    let stop = CancelFlag::default();
    let stopping = stop.clone();
    let thread = std::thread::spawn(move || server.run(&stopping));
    let start = Instant::now();
    let is_done = || library.get_dataset(old.id).is_err() && !left.exists();
    while !is_done() && start.elapsed() < Duration::from_secs(20) {
        std::thread::yield_now();
    }
    assert!(is_done() && library.get_dataset(young.id).is_ok());
    stop.cancel();
    thread.join().unwrap().unwrap();
}

#[test]
fn nonsense_and_clients_that_go_away_do_no_harm() {
    let running = Running::start(Limits::default());
    for text in [
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "\u{0}\u{1}\u{2}",
        "GET / HTTP/9.9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = running.connect();
        stream.write_all(text.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "x".repeat(200_000)
    );
    let answer = running.ask(&long);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    let dropped: Vec<_> = (0..500)
        .map(|_| {
            let mut stream = running.connect();
            let _ =
                stream.write_all(b"POST /api/v1/datasets HTTP/1.1\r\nContent-Length: 9\r\n\r\n{");
            stream
        })
        .collect();
    drop(dropped);
    assert!(running.becomes_well());
    running.finish();
}

#[test]
fn a_reader_of_an_archive_that_goes_away_is_nothing_to_speak_of() {
    let running = Running::start(Limits {
        pause: Duration::from_millis(200),
        farewell: Duration::from_millis(200),
        connections: 1,
        ..Limits::default()
    });
    let path = running.large_export();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", running.address);
    let mut gone = running.connect();
    gone.write_all(head.as_bytes()).unwrap();
    gone.read_exact(&mut [0; 1000]).unwrap();
    drop(gone);
    let mut slow = running.connect();
    slow.write_all(head.as_bytes()).unwrap();
    slow.read_exact(&mut [0; 1000]).unwrap();
    // There is one place, which is free again when there is nothing more for the slow one.
    assert!(running.ask(HEALTH).starts_with("HTTP/1.1 200"));
    let mut whole = Vec::new();
    let _ = slow.read_to_end(&mut whole);
    assert!(whole.len() < 12_000_000, "{}", whole.len());
    let notes = running.studio.notes.lock().unwrap().clone();
    assert_eq!(notes, [""; 0]);
    running.finish();
}

/// A BMP of 600×600 pixels.
fn large_picture(shade: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(600, 600, image::Rgb([shade; 3]));
    picture
        .write_to(&mut bytes, image::ImageFormat::Bmp)
        .unwrap();
    bytes.into_inner()
}
