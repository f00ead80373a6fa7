//! Everything that answers, put together: one line for each place.

use std::fmt::Display;
use std::future::ready;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use atelier_core::Planner;
use atelier_http::Error;
use atelier_http::Limits;
use atelier_http::answer::Failure;
use atelier_http::answer::coding::known_coding;
use atelier_http::incoming::disk::Disk;
use atelier_http::incoming::steady::steady;
use atelier_http::metrics::Metrics;
use atelier_http::rounds::Rounds;
use atelier_http::security::Rates;
use atelier_http::security::{Access, Addresses, add_headers, check_origin, is_https};
use atelier_http::work::{Place, Work, WorkOf};
use atelier_jobs::Queue;
use atelier_kept::{Thumbnails, thumbnails_folder};
use atelier_store::{Account, AccountId, Library};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state, map_request, map_request_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};

use crate::events::{Clients, Watch};
use crate::models::export::AdapterWriter;
use crate::models::proofs::Proofs;
use crate::routes::described;
use crate::session::{self, Viewer};
use crate::status::metrics;
use crate::{openapi, web};

/// Where remarks go that only the person at the server should read.
pub type Note = Arc<dyn Fn(&dyn Display) + Send + Sync>;

/// What a server is made of.
#[derive(Clone)]
pub struct Settings {
    /// The library that it shows.
    pub library: Library,
    /// The folder of the library, for thumbnails and for uploads while they come in.
    pub home: PathBuf,
    /// How much is accepted.
    pub limits: Limits,
    /// Where remarks go.
    pub note: Note,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut settings = f.debug_struct("Settings");
        settings.field("home", &self.home).finish_non_exhaustive()
    }
}

/// Who does what the server itself cannot. Without one of them, what needs it is answered as not found.
#[derive(Clone, Default)]
pub struct Services {
    /// Who knows bases and what trainings on them will be.
    pub planner: Option<Arc<dyn Planner>>,
    /// Who trains and draws.
    pub queue: Option<Queue>,
    /// Who writes adapters in the formats of other programs.
    pub adapter_writer: Option<AdapterWriter>,
    /// Other APIs over the same library, which stand on [`crate::door`].
    pub doors: Router<App>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut services = f.debug_struct("Services");
        let planner = self.planner.is_some();
        services.field("planner", &planner);
        let services = services.field("queue", &self.queue);
        services.finish_non_exhaustive()
    }
}

/// What handlers share, and for whom. Clones are the same one.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
    viewer: Arc<Viewer>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut app = f.debug_struct("App");
        let app = app.field("settings", &self.shared.settings);
        app.field("viewer", &self.viewer).finish()
    }
}

struct Shared {
    settings: Settings,
    access: Access,
    rates: Rates,
    /// Counts changes of who has access.
    admissions: watch::Sender<u64>,
    services: Services,
    uploads: PathBuf,
    thumbnails: Thumbnails,
    work: Work,
    proofs: Proofs,
    watch: Option<Watch>,
    clients: Clients,
    metrics: Metrics,
    openapi: String,
}

impl App {
    pub(crate) fn new(
        settings: Settings,
        services: Services,
        access: Access,
    ) -> Result<Self, Error> {
        let uploads = settings.home.join("uploads");
        let made = atelier_store::create_private_folder(&uploads);
        made.map_err(|source| Error::Folder {
            path: uploads.clone(),
            source,
        })?;
        let limits = &settings.limits;
        let watch = services.queue.clone().map(Watch::new).transpose();
        let thumbnails = thumbnails_folder(&settings.home);
        Ok(Self {
            // Each request brings its own.
            viewer: Arc::default(),
            shared: Arc::new(Shared {
                access,
                rates: Rates::default(),
                admissions: watch::Sender::new(0),
                thumbnails: Thumbnails::new(thumbnails, limits.thumbnails_bytes),
                work: Work::new(limits.turn),
                proofs: Proofs::default(),
                watch: watch.map_err(Error::Threads)?,
                clients: Clients::new(limits.event_clients),
                metrics: Metrics::default(),
                uploads,
                openapi: openapi::openapi_json(),
                services,
                settings,
            }),
        })
    }

    /// The same for somebody.
    pub(crate) fn seen_by(&self, viewer: Arc<Viewer>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            viewer,
        }
    }

    /// Who asks.
    pub(crate) fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// The account that asks; nothing where it is the user of this machine.
    pub fn account(&self) -> Option<&Account> {
        self.viewer.account()
    }

    /// Whether those who asked would be let in as the same again: their account, their token or their session may have changed
    /// or gone since.
    pub async fn is_still_admitted(&self) -> bool {
        session::is_still_admitted(self).await
    }

    /// Whether another request came from the same, who showed the same token or session.
    pub fn is_same_asker(&self, other: &Self) -> bool {
        (&self.viewer.who, &self.viewer.by) == (&other.viewer.who, &other.viewer.by)
    }

    /// Whether whoever sent these headers speaks HTTPS, with a proxy or as the owner says.
    pub fn is_https(&self, headers: &HeaderMap) -> bool {
        is_https(headers, self.access())
    }

    /// Who is let in.
    pub fn access(&self) -> &Access {
        &self.shared.access
    }

    /// How often things were tried.
    pub(crate) fn rates(&self) -> &Rates {
        &self.shared.rates
    }

    /// Says that somebody may have access no longer.
    pub(crate) fn change_admissions(&self) {
        self.shared.admissions.send_modify(|count| *count += 1);
    }

    /// To be told of that.
    pub(crate) fn admissions(&self) -> watch::Receiver<u64> {
        self.shared.admissions.subscribe()
    }

    /// The library as those who ask see it; only to be asked on the threads of [`Self::work`].
    pub fn library(&self) -> Library {
        let library = &self.shared.settings.library;
        library.seen_by(self.viewer.of_library())
    }

    /// The library as the program itself sees it.
    pub(crate) fn own_library(&self) -> Library {
        self.shared.settings.library.clone()
    }

    /// Who knows bases; only to be asked on the threads of [`Self::work`].
    pub fn planner(&self) -> Result<Arc<dyn Planner>, Failure> {
        let planner = self.shared.services.planner.clone();
        planner.ok_or_else(|| Failure::not_found("this server knows no bases and trains nothing"))
    }

    /// Who writes adapters in other formats; only to be asked on the threads of [`Self::work`].
    pub(crate) fn adapter_writer(&self) -> Result<AdapterWriter, Failure> {
        let writer = self.shared.services.adapter_writer.clone();
        writer.ok_or_else(|| Failure::not_found("this server writes adapters in no other format"))
    }

    /// Who trains and draws; only to be asked on the threads of [`Self::work`].
    pub fn queue(&self) -> Result<Queue, Failure> {
        let queue = self.shared.services.queue.clone();
        let queue = queue.map(|queue| queue.seen_by(self.viewer.of_library()));
        queue.ok_or_else(|| Failure::not_found("this server has no queue of jobs"))
    }

    /// To be told when something changes in the queue.
    pub fn revisions(&self) -> Result<tokio::sync::watch::Receiver<u64>, Failure> {
        let watch = self.shared.watch.as_ref().map(Watch::revisions);
        watch.ok_or_else(|| Failure::not_found("this server has no queue of jobs"))
    }

    /// How clients that ask without a pause are answered while the queue works.
    pub(crate) fn rounds(&self) -> Rounds {
        let queue = self.shared.services.queue.clone();
        let works = move || queue.as_ref().is_some_and(Queue::works);
        let app = self.clone();
        Rounds::new(works, move |answer, after| {
            let may_repeat = session::count_again(&app, answer);
            if may_repeat {
                app.metrics().count_again(answer, after);
            }
            may_repeat
        })
    }

    /// Who listens to events.
    pub(crate) fn clients(&self) -> &Clients {
        &self.shared.clients
    }

    /// How much is accepted.
    pub fn limits(&self) -> &Limits {
        &self.shared.settings.limits
    }

    /// Threads for what is slow.
    pub fn work(&self) -> WorkOf<'_> {
        self.work_of(self.viewer.account_id())
    }

    /// The same for whoever asks, before that is known here.
    pub(crate) fn work_of(&self, account: Option<AccountId>) -> WorkOf<'_> {
        self.shared.work.of(account)
    }

    /// Proofs of where models come from that are being made.
    pub(crate) fn proofs(&self) -> &Proofs {
        &self.shared.proofs
    }

    /// Whether the studio's disk has room for what a request adds to the library.
    pub fn check_disk(&self) -> Result<(), Failure> {
        let home = self.shared.settings.home.clone();
        Ok(Disk::new(home, self.limits().spare_bytes).take(0)?)
    }

    /// A place for an upload of whoever asks.
    pub async fn upload_place(&self) -> Result<Place, Failure> {
        self.work().upload().await
    }

    pub(crate) fn thumbnails(&self) -> &Thumbnails {
        &self.shared.thumbnails
    }

    /// The folder for uploads while they come in.
    pub(crate) fn uploads(&self) -> &std::path::Path {
        &self.shared.uploads
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// The description of the API.
    pub(crate) fn openapi(&self) -> &str {
        &self.shared.openapi
    }

    /// Words as everybody may read them, without the folders around the library and the user's own.
    pub(crate) fn told(&self, words: &str) -> String {
        self.shared.settings.library.told(words)
    }

    /// Says something to the person at the server.
    pub(crate) fn note(&self, text: &dyn Display) {
        (self.shared.settings.note)(text);
    }
}

/// Everything that answers requests for a server at this address that lets everybody in who reaches it.
///
/// # Errors
/// When the folder for uploads cannot be made.
pub fn router(
    settings: Settings,
    services: Services,
    address: SocketAddr,
) -> Result<Router, Error> {
    guarded_router(settings, services, (address, Access::default()))
}

/// The same for a server with rules of its own about who is let in.
///
/// # Errors
/// When the folder for uploads cannot be made.
pub fn guarded_router(
    settings: Settings,
    services: Services,
    (address, access): (SocketAddr, Access),
) -> Result<Router, Error> {
    Ok(router_of(&App::new(settings, services, access)?, address))
}

/// The same for what handlers share.
pub(crate) fn router_of(app: &App, address: SocketAddr) -> Router {
    let (router, _) = described();
    // Weights become no smaller, take long, and are continued where a download broke off.
    let compression = SizeAbove::new(1024)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::SSE)
        .and(NotForContentType::new("application/zip"))
        .and(NotForContentType::new("application/octet-stream"));
    // Answers of doors have pictures in their words, which become no smaller either.
    let doors = app.shared.services.doors.clone();
    router
        .route("/api/v1/openapi.json", get(openapi::get_openapi))
        .fallback(web::get_page)
        .method_not_allowed_fallback(refuse_method)
        // From the inside out: the last one sees a request first.
        .layer(CompressionLayer::new().compress_when(compression))
        .layer(map_request(|request| ready(known_coding(request))))
        .merge(doors.method_not_allowed_fallback(refuse_method))
        // Whoever reads a body has a limit of its own.
        .layer(DefaultBodyLimit::disable())
        .layer(map_request_with_state(app.clone(), keep_steady))
        .layer(from_fn_with_state(app.clone(), session::recognise))
        .layer(from_fn_with_state(
            Addresses::of(address, app.access()),
            check_origin,
        ))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(from_fn_with_state(app.clone(), metrics::count))
        .layer(from_fn(add_headers))
        .with_state(app.clone())
}

async fn keep_steady(State(app): State<App>, request: Request) -> Request {
    steady(request, app.limits())
}

async fn refuse_method() -> Failure {
    Failure::invalid("this address does not take this method")
        .with_status(StatusCode::METHOD_NOT_ALLOWED)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer gives what was thrown away"
)]
fn answer_panic(thrown: Box<dyn std::any::Any + Send>) -> Response {
    let words = thrown.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| thrown.downcast_ref::<&str>().copied());
    Failure::internal(words.unwrap_or("a panic")).into_response()
}
