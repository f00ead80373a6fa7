//! How many requests there were and how long they took, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Method;
use axum::response::Response;

/// Upper ends of the ranges that durations are counted in, in seconds.
const BUCKETS: [f64; 9] = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0];

/// The numbers since the start. There are as many rows as routes, methods and statuses, whatever clients ask for.
#[derive(Debug, Default)]
pub struct Metrics {
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
    pub fn count_again(&self, response: &Response, duration: Duration) {
        if let Some(Counted(key)) = response.extensions().get() {
            self.add(key, duration);
        }
    }

    /// Counts an answer to a request by a method for a route that took so long.
    pub fn count(&self, method: &Method, route: &str, response: &mut Response, duration: Duration) {
        let status = response.status().as_u16();
        let key = (known_method(method.as_str()), route.to_owned(), status);
        self.add(&key, duration);
        response.extensions_mut().insert(Counted(Arc::new(key)));
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

    /// All of them, in the text format of Prometheus.
    pub fn text(&self) -> String {
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

fn known_method(method: &str) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"];
    let known = known.into_iter().find(|known| *known == method);
    known.unwrap_or("other")
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
