//! How many requests there were and how long they took, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use atelier_http::answer::Cause;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::extract::AppFor;

/// Upper ends of the ranges that durations are counted in, in seconds.
const BUCKETS: [f64; 9] = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0];

/// The numbers since the start. There are as many rows as routes, methods and statuses, whatever clients ask for.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    rows: Mutex<BTreeMap<Key, Row>>,
}

/// Method, route and status.
type Key = (&'static str, String, u16);

/// In the extensions of a response: what it was counted as.
#[derive(Debug, Clone)]
struct Counted(Arc<Key>);

#[derive(Debug, Default, Clone)]
struct Row {
    count: u64,
    total: Duration,
    buckets: [u64; BUCKETS.len()],
}

impl Metrics {
    /// Counts an answer that was given to another client too.
    pub(crate) fn count_again(&self, response: &Response, duration: Duration) {
        if let Some(Counted(key)) = response.extensions().get() {
            self.add(key, duration);
        }
    }

    fn add(&self, key: &Key, duration: Duration) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if !rows.contains_key(key) {
            rows.insert(key.clone(), Row::default());
        }
        let Some(row) = rows.get_mut(key) else { return };
        row.count += 1;
        row.total += duration;
        for (count, end) in row.buckets.iter_mut().zip(BUCKETS) {
            *count += u64::from(duration.as_secs_f64() <= end);
        }
    }

    fn text(&self) -> String {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = rows.clone();
        let mut text = "# HELP atelier_http_request_duration_seconds Requests and the time until the answer began.\n\
                        # TYPE atelier_http_request_duration_seconds histogram\n"
            .to_owned();
        for ((method, route, status), row) in &rows {
            let name = "atelier_http_request_duration_seconds";
            let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            let mut line = |line: String| {
                text.push_str(&line);
                text.push('\n');
            };
            for (count, end) in row.buckets.iter().zip(BUCKETS) {
                line(format!("{name}_bucket{{{labels},le=\"{end}\"}} {count}"));
            }
            let (count, sum) = (row.count, row.total.as_secs_f64());
            line(format!("{name}_bucket{{{labels},le=\"+Inf\"}} {count}"));
            line(format!("{name}_sum{{{labels}}} {sum:.6}"));
            line(format!("{name}_count{{{labels}}} {count}"));
        }
        let about = "# HELP atelier_http_requests_total Requests by route and status.\n\
                     # TYPE atelier_http_requests_total counter";
        let _ = writeln!(text, "{about}");
        for ((method, route, status), row) in &rows {
            let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            let _ = writeln!(
                text,
                "atelier_http_requests_total{{{labels}}} {}",
                row.count
            );
        }
        text
    }
}

/// Counts each request, and tells the person at the server what clients are not told about failures.
pub(crate) async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = known_method(request.method().as_str());
    let path = request.extensions().get::<MatchedPath>();
    let route = path.map_or("pages", MatchedPath::as_str).to_owned();
    let start = Instant::now();
    let mut response = next.run(request).await;
    if let Some(Cause(cause)) = response.extensions().get() {
        app.note(&format_args!("{method} {route}: {cause}"));
    }
    let key = (method, route, response.status().as_u16());
    app.metrics().add(&key, start.elapsed());
    response.extensions_mut().insert(Counted(Arc::new(key)));
    response
}

fn known_method(method: &str) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"];
    let known = known.into_iter().find(|known| *known == method);
    known.unwrap_or("other")
}

/// Requests by route and status, and how long they took.
#[utoipa::path(
    get, path = "/metrics", tag = "server",
    responses((status = 200, description = "In the text format of Prometheus.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn get_metrics(AppFor(app): AppFor) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, app.metrics().text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_its_range_and_all_above() {
        let metrics = Metrics::default();
        let key = || ("GET", "/a/{id}".to_owned(), 200);
        metrics.add(&key(), Duration::from_millis(15));
        metrics.add(&key(), Duration::from_secs(20));
        let text = metrics.text();
        let labels = "method=\"GET\",route=\"/a/{id}\",status=\"200\"";
        for line in [
            format!("_bucket{{{labels},le=\"0.01\"}} 0"),
            format!("_bucket{{{labels},le=\"0.02\"}} 1"),
            format!("_bucket{{{labels},le=\"10\"}} 1"),
            format!("_bucket{{{labels},le=\"+Inf\"}} 2"),
            format!("_sum{{{labels}}} 20.015000"),
            format!("atelier_http_requests_total{{{labels}}} 2"),
        ] {
            assert!(text.contains(&format!("{line}\n")), "{text}");
        }
    }
}
