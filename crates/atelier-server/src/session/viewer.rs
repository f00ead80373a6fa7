//! Who asks. What nobody recognised sees nothing.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Viewer {
    /// Somebody who did not say.
    #[default]
    Nobody,
    /// The user of this machine.
    Local,
}

/// Says to the handlers who asks.
pub(crate) async fn recognise(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Viewer::Local);
    next.run(request).await
}
