//! A model hub on a free port of this machine, with the faults that a test asks for.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::workbench::files_below;

/// The only repository.
pub(crate) const REPO: &str = "someone/tiny-1.5";
/// The commit that `main` and `v1` stand for.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Nothing here waits longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What happens in place of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This status, with these header lines.
    Status(u16, &'static str),
    /// The whole length is announced, and the connection ends after so many bytes.
    CutAfter(usize),
    /// No length is announced, and the connection ends after so many bytes.
    EndAfter(usize),
    /// No length is announced, and so many bytes follow the content.
    EndLate(usize),
    /// So many bytes come, and then nothing until the hub is told to go on.
    SilentAfter(usize),
    /// Another content, with its own length.
    Other(Vec<u8>),
    /// A page for a browser.
    Page,
    /// The content is elsewhere.
    Redirect(String),
    /// The whole content comes, whatever part was asked for.
    WholeAlways,
    /// The same, and the connection ends after so many bytes.
    WholeCutAfter(usize),
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: String,
    /// First byte that was asked for.
    pub(crate) from: Option<usize>,
    pub(crate) token: Option<String>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    listed: BTreeMap<String, Value>,
    faults: Vec<(String, Fault, usize)>,
    seen: Vec<Seen>,
    silent: usize,
    goes_on: bool,
    stopped: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// The hub; it ends when it is dropped.
pub(crate) struct FakeHub {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
}

impl FakeHub {
    /// With these files.
    pub(crate) fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        shared.state().files = files.into_iter().collect();
        let for_server = Arc::clone(&shared);
        let server = thread::spawn(move || serve(&listener, &for_server));
        Self {
            address,
            shared,
            server: Some(server),
        }
    }

    /// With the files of a folder.
    pub(crate) fn with_folder(folder: &Path) -> Self {
        let read = |name: String| {
            let content = std::fs::read(folder.join(&name)).unwrap();
            (name, content)
        };
        Self::new(files_below(folder).into_iter().map(read))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a file.
    pub(crate) fn put(&self, name: &str, content: &[u8]) {
        let content = content.to_vec();
        self.shared.state().files.insert(name.to_owned(), content);
    }

    /// Announces a file that is not there, or announces one in another way.
    pub(crate) fn list(&self, name: &str, entry: Value) {
        self.shared.state().listed.insert(name.to_owned(), entry);
    }

    pub(crate) fn content(&self, name: &str) -> Vec<u8> {
        self.shared.state().files[name].clone()
    }

    /// The next `times` requests for a path with this end meet a fault.
    pub(crate) fn fail(&self, end: &str, fault: Fault, times: usize) {
        let mut state = self.shared.state();
        state.faults.push((end.to_owned(), fault, times));
    }

    /// Every request so far, and forgets them.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.state().seen)
    }

    /// First bytes of the requests for paths with this end.
    pub(crate) fn ranges(&self, end: &str) -> Vec<Option<usize>> {
        let state = self.shared.state();
        let seen = state.seen.iter().filter(|seen| seen.path.ends_with(end));
        seen.map(|seen| seen.from).collect()
    }

    /// Returns when so many answers have fallen silent.
    pub(crate) fn wait_for_silence(&self, answers: usize) {
        let state = self.shared.state();
        let waits = |state: &mut State| state.silent < answers;
        let (_state, waited) = self
            .shared
            .changed
            .wait_timeout_while(state, PATIENCE, waits)
            .unwrap();
        assert!(!waited.timed_out(), "no answer fell silent");
    }

    /// Lets silent answers go on.
    pub(crate) fn go_on(&self) {
        self.shared.state().goes_on = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.shared.state().stopped = true;
        self.shared.changed.notify_all();
        // A last connection wakes the server up.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.state().stopped {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = stream.set_write_timeout(Some(PATIENCE));
            // A client that goes away is what some tests want.
            let _ = answer(&stream, &shared);
        });
    }
}

fn answer(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let Some(seen) = request(stream)? else {
        return Ok(());
    };
    let fault = {
        let mut state = shared.state();
        state.seen.push(seen.clone());
        take_fault(&mut state.faults, &seen.path)
    };
    if let Some(Fault::Status(status, headers)) = fault {
        return send(
            stream,
            &format!("{status} Fault\r\n{headers}"),
            Some(0),
            b"",
        );
    }
    if let Some(Fault::Page) = fault {
        let page = b"<html>please log in</html>";
        return send(
            stream,
            "200 OK\r\nContent-Type: text/html; charset=utf-8\r\n",
            Some(page.len()),
            page,
        );
    }
    if let Some(Fault::Redirect(to)) = fault {
        return send(
            stream,
            &format!("302 Found\r\nLocation: {to}\r\n"),
            Some(0),
            b"",
        );
    }
    // Found first, so that the state is not held while the content is sent.
    let found = content(&shared.state(), &seen.path);
    match found {
        Ok(content) => send_content(stream, shared, &content, &seen, fault),
        Err(code) => {
            let status = format!("404 Not Found\r\nX-Error-Code: {code}\r\n");
            send(stream, &status, Some(0), b"")
        }
    }
}

fn request(stream: &TcpStream) -> std::io::Result<Option<Seen>> {
    // The limit bounds what a broken client can send.
    let mut lines = BufReader::new(stream.take(64 << 10)).lines();
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    let first = first?;
    let path = first.split(' ').nth(1).unwrap_or_default();
    let mut seen = Seen {
        path: path.split('?').next().unwrap_or_default().to_owned(),
        from: None,
        token: None,
    };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let from = value.trim().strip_prefix("bytes=").unwrap();
                seen.from = Some(from.trim_end_matches('-').parse().unwrap());
            }
            "authorization" => seen.token = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    Ok(Some(seen))
}

fn take_fault(faults: &mut [(String, Fault, usize)], path: &str) -> Option<Fault> {
    let (_, fault, times) = faults
        .iter_mut()
        .find(|(end, _, times)| *times > 0 && path.ends_with(end))?;
    *times -= 1;
    Some(fault.clone())
}

/// What lies at a path, or the hub's word for why nothing does.
fn content(state: &State, path: &str) -> Result<Vec<u8>, &'static str> {
    if let Some(revision) = path.strip_prefix(&format!("/api/models/{REPO}/revision/")) {
        return if ["main", "v1", "refs%2Fpr%2F1", COMMIT].contains(&revision) {
            Ok(listing(state).to_string().into_bytes())
        } else {
            Err("RevisionNotFound")
        };
    }
    let file = path.strip_prefix(&format!("/{REPO}/resolve/{COMMIT}/"));
    let Some(file) = file.or_else(|| path.strip_prefix("/elsewhere/")) else {
        return Err("RepoNotFound");
    };
    let file = file.replace("%20", " ");
    state.files.get(&file).cloned().ok_or("EntryNotFound")
}

fn listing(state: &State) -> Value {
    let mut entries = BTreeMap::new();
    for (name, content) in &state.files {
        entries.insert(name, entry(name, content));
    }
    for (name, entry) in &state.listed {
        entries.insert(name, entry.clone());
    }
    let siblings: Vec<_> = entries
        .into_iter()
        .map(|(name, mut entry)| {
            entry["rfilename"] = json!(name);
            entry
        })
        .collect();
    json!({"id": REPO, "sha": COMMIT, "private": false, "gated": false, "siblings": siblings})
}

/// As the hub lists a file: weights lie in its store for large files.
pub(crate) fn entry(name: &str, content: &[u8]) -> Value {
    let size = content.len();
    let mut header = format!("blob {size}\0").into_bytes();
    header.extend(content);
    let blob_id = format!("{:x}", Sha1::digest(&header));
    if name.ends_with(".safetensors") {
        let sha256 = format!("{:x}", Sha256::digest(content));
        let lfs = json!({"sha256": sha256, "size": size, "pointerSize": 130});
        return json!({"size": size, "blobId": blob_id, "lfs": lfs});
    }
    json!({"size": size, "blobId": blob_id})
}

fn send_content(
    stream: &TcpStream,
    shared: &Shared,
    content: &[u8],
    seen: &Seen,
    fault: Option<Fault>,
) -> std::io::Result<()> {
    let whole = content.len();
    let from = match fault {
        Some(Fault::WholeAlways | Fault::WholeCutAfter(_)) => 0,
        _ => seen.from.unwrap_or(0),
    };
    if from >= whole && from > 0 {
        let status = format!("416 Range Not Satisfiable\r\nContent-Range: bytes */{whole}\r\n");
        return send(stream, &status, Some(0), b"");
    }
    let body = &content[from..];
    let status = if from > 0 {
        let last = whole - 1;
        format!("206 Partial Content\r\nContent-Range: bytes {from}-{last}/{whole}\r\n")
    } else {
        "200 OK\r\n".to_owned()
    };
    match fault {
        Some(Fault::CutAfter(count) | Fault::WholeCutAfter(count)) => {
            send(stream, &status, Some(body.len()), &body[..count])
        }
        Some(Fault::EndAfter(count)) => send(stream, &status, None, &body[..count]),
        Some(Fault::EndLate(count)) => {
            send(stream, &status, None, &[body, &vec![0; count]].concat())
        }
        Some(Fault::Other(body)) => send(stream, "200 OK\r\n", Some(body.len()), &body),
        Some(Fault::SilentAfter(count)) => {
            send(stream, &status, Some(body.len()), &body[..count])?;
            be_silent(shared);
            (&*stream).write_all(&body[count..])
        }
        _ => send(stream, &status, Some(body.len()), body),
    }
}

fn be_silent(shared: &Shared) {
    let mut state = shared.state();
    state.silent += 1;
    shared.changed.notify_all();
    let waits = |state: &mut State| !state.goes_on && !state.stopped;
    let waited = shared.changed.wait_timeout_while(state, PATIENCE, waits);
    drop(waited.unwrap());
}

/// `status` is the status line without the version, with headers behind it.
fn send(
    mut stream: &TcpStream,
    status: &str,
    length: Option<usize>,
    body: &[u8],
) -> std::io::Result<()> {
    let status = status.trim_end();
    let length = length.map(|length| format!("Content-Length: {length}\r\n"));
    let length = length.unwrap_or_default();
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{length}\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}
