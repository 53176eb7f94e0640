//! What is counted, for Prometheus: by part of the interface and class of status, never by person.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web;

use super::State;

/// The parts of the interface, by the start of the path; the last stands for all other paths.
const AREAS: [(&str, &str); 8] = [
    ("/scim/", "scim"),
    ("/admin/", "admin"),
    ("/account/", "account"),
    ("/oauth2/", "oauth2"),
    ("/gateway/", "gateway"),
    ("/console", "console"),
    ("/.well-known/", "well_known"),
    ("", "operations"),
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Default)]
struct Area {
    requests: [AtomicU64; CLASSES.len()],
    micros: AtomicU64,
}

/// The counters of one process.
#[derive(Default)]
pub struct Metrics {
    areas: [Area; AREAS.len()],
    refusals: Mutex<BTreeMap<&'static str, u64>>,
}

impl Metrics {
    /// Counts a credential that was refused for this reason.
    pub fn count_refusal(&self, reason: &'static str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        *refusals.entry(reason).or_default() += 1;
    }

    fn count_request(&self, area: usize, status: u16, micros: u64) {
        let Some(area) = self.areas.get(area) else {
            return;
        };
        area.micros.fetch_add(micros, Ordering::Relaxed);
        if let Some(requests) = area.requests.get(usize::from(status / 100).wrapping_sub(1)) {
            requests.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The exposition format of Prometheus, version 0.0.4.
    #[must_use]
    pub fn exposition(&self) -> String {
        let mut text = String::from(
            "# HELP portcullis_build_info The release that runs.\n\
             # TYPE portcullis_build_info gauge\n",
        );
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "portcullis_build_info{{version=\"{}\"}} 1\n\
             # HELP portcullis_http_requests_total Requests answered.\n\
             # TYPE portcullis_http_requests_total counter",
            env!("CARGO_PKG_VERSION")
        );
        for ((_, name), area) in AREAS.iter().zip(&self.areas) {
            for (class, requests) in CLASSES.iter().zip(&area.requests) {
                let count = requests.load(Ordering::Relaxed);
                if count > 0 {
                    let _ = writeln!(
                        text,
                        "portcullis_http_requests_total{{area=\"{name}\",status=\"{class}\"}} {count}"
                    );
                }
            }
        }
        text.push_str(
            "# HELP portcullis_http_request_seconds_total Time spent on requests until their answer began.\n\
             # TYPE portcullis_http_request_seconds_total counter\n",
        );
        for ((_, name), area) in AREAS.iter().zip(&self.areas) {
            let micros = area.micros.load(Ordering::Relaxed);
            if micros > 0 {
                let _ = writeln!(
                    text,
                    "portcullis_http_request_seconds_total{{area=\"{name}\"}} {}.{:06}",
                    micros / 1_000_000,
                    micros % 1_000_000
                );
            }
        }
        text.push_str(
            "# HELP portcullis_credentials_refused_total Credentials refused.\n\
             # TYPE portcullis_credentials_refused_total counter\n",
        );
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        for (reason, count) in refusals.iter() {
            let _ = writeln!(
                text,
                "portcullis_credentials_refused_total{{reason=\"{reason}\"}} {count}"
            );
        }
        text
    }
}

fn area_of(path: &str) -> usize {
    AREAS
        .iter()
        .position(|(start, _)| path.starts_with(start))
        .unwrap_or(AREAS.len())
}

/// Counts the request and logs it at debug level: path without query, since filters name people.
pub(super) async fn measure(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let area = area_of(request.path());
    let state = request.app_data::<web::Data<State>>().cloned();
    let outcome = next.call(request).await;
    let status = match &outcome {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    if let Some(state) = state {
        state.metrics.count_request(area, status.as_u16(), micros);
    }
    if let Ok(response) = &outcome {
        let request = response.request();
        tracing::debug!(method = %request.method(), path = request.path(), status = status.as_u16(), micros, "request");
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_area_and_class() {
        let metrics = Metrics::default();
        metrics.count_request(area_of("/scim/v2/Users"), 200, 1_500_000);
        metrics.count_request(area_of("/scim/v2/Users"), 404, 1);
        metrics.count_request(area_of("/console"), 200, 5);
        metrics.count_request(area_of("/elsewhere"), 404, 5);
        metrics.count_refusal("expired");
        let text = metrics.exposition();
        for line in [
            "portcullis_http_requests_total{area=\"scim\",status=\"2xx\"} 1\n",
            "portcullis_http_requests_total{area=\"scim\",status=\"4xx\"} 1\n",
            "portcullis_http_requests_total{area=\"console\",status=\"2xx\"} 1\n",
            "portcullis_http_requests_total{area=\"operations\",status=\"4xx\"} 1\n",
            "portcullis_http_request_seconds_total{area=\"scim\"} 1.500001\n",
            "portcullis_credentials_refused_total{reason=\"expired\"} 1\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
