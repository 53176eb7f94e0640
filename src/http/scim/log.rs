//! The log of recent SCIM requests: what was asked, not what it held. Requests are gathered in memory and written in
//! batches, when literals of filters and whatever might name a person are taken out: of most requests of a busy
//! directory nothing is written, since only the newest are kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::http::caller::Caller;
use crate::scim::filter::{self, Filter, Literal};
use crate::scim::leniency::Leniency;
use crate::store::id::{CredentialId, DirectoryId, ScimRequestId};
use crate::store::scim_requests::ScimRequestRow;

use super::{Exchange, request};

/// Requests of a directory that may wait; beyond it the oldest are dropped, since no more are kept anyway.
const WAITING: usize = 1_000;

/// A request as it was made.
struct Noted {
    at: Timestamp,
    credential: CredentialId,
    method: Method,
    path: String,
    query: String,
    status: StatusCode,
    outcome: &'static str,
    named: Vec<String>,
    leniencies: Vec<Leniency>,
    duration: Duration,
}

impl Noted {
    fn into_row(self, directory: &DirectoryId) -> ScimRequestRow {
        let leniencies: Vec<&str> = self.leniencies.iter().map(|one| one.name()).collect();
        ScimRequestRow {
            id: ScimRequestId::generate().to_string(),
            directory_id: directory.to_string(),
            at: self.at.as_millis(),
            credential_id: self.credential.to_string(),
            method: self.method.to_string(),
            path: redacted(&self.path, &self.query),
            status: self.status.as_u16().into(),
            outcome: self.outcome.to_owned(),
            changed: json!(self.named).to_string(),
            leniencies: json!(leniencies).to_string(),
            duration_micros: i64::try_from(self.duration.as_micros()).unwrap_or(i64::MAX),
        }
    }
}

/// What is waiting to be written of one directory.
#[derive(Default)]
struct Waiting {
    requests: VecDeque<Noted>,
    leniencies: BTreeMap<Leniency, i64>,
}

/// The requests that have not been written yet.
#[derive(Default)]
pub struct RequestLog {
    waiting: Mutex<BTreeMap<DirectoryId, Waiting>>,
    writing: tokio::sync::Mutex<()>,
}

/// How often each leniency was used in a directory, by its name.
pub type LeniencyUses = (DirectoryId, Vec<(String, i64)>);

impl RequestLog {
    fn note(&self, directory: &DirectoryId, noted: Noted) {
        let mut directories = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = directories.entry(directory.clone()).or_default();
        if waiting.requests.len() >= WAITING {
            waiting.requests.pop_front();
        }
        for leniency in &noted.leniencies {
            *waiting.leniencies.entry(*leniency).or_default() += 1;
        }
        waiting.requests.push_back(noted);
    }

    /// Held by who writes, so that who reads next sees what was taken before.
    pub async fn writing(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// Takes what has been noted: the requests, and how often leniencies were used.
    #[must_use]
    pub fn drain(&self) -> (Vec<ScimRequestRow>, Vec<LeniencyUses>) {
        let mut directories = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::take(&mut *directories);
        drop(directories);
        let mut requests = Vec::new();
        let mut leniencies = Vec::new();
        for (directory, waiting) in taken {
            let noted = waiting.requests.into_iter();
            requests.extend(noted.map(|noted| noted.into_row(&directory)));
            let uses: Vec<(String, i64)> = waiting
                .leniencies
                .into_iter()
                .map(|(leniency, times)| (leniency.name().to_owned(), times))
                .collect();
            if !uses.is_empty() {
                leniencies.push((directory, uses));
            }
        }
        (requests, leniencies)
    }
}

/// Notes a request that was answered.
pub(super) fn note(
    exchange: &Exchange,
    caller: &Caller,
    status: StatusCode,
    scim_type: Option<&'static str>,
    duration: Duration,
) {
    let outcome = match scim_type {
        Some(scim_type) => scim_type,
        None if status.is_client_error() || status.is_server_error() => "error",
        None => "success",
    };
    let noted = Noted {
        at: caller.requested_at,
        credential: caller.verified.credential.id.clone(),
        method: exchange.request.method().clone(),
        path: exchange.request.path().to_owned(),
        query: exchange.request.query_string().to_owned(),
        status,
        outcome,
        named: exchange.done.named.clone(),
        leniencies: exchange.done.leniencies.clone(),
        duration,
    };
    exchange
        .state
        .request_log
        .note(&exchange.context.directory.id, noted);
}

/// The path and query without what may name a person.
fn redacted(path: &str, query: &str) -> String {
    const LONGEST: usize = 1_024;
    // The third segment after the leading slash: `/scim/v2/Users`.
    const ENDPOINT: usize = 3;
    let path: Vec<&str> = path
        .split('/')
        .enumerate()
        .map(|(index, segment)| {
            let is_endpoint =
                index <= ENDPOINT && segment.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if is_endpoint || is_telling_nothing(segment) {
                segment
            } else {
                "…"
            }
        })
        .collect();
    let mut text = path.join("/");
    let parameters = request::parameters(query).unwrap_or_default();
    for (index, (name, value)) in parameters.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(&redacted_parameter(name, value));
    }
    text.chars().take(LONGEST).collect()
}

/// URNs of schemas and our own identifiers.
fn is_telling_nothing(segment: &str) -> bool {
    segment == ".search" || segment.starts_with("urn:ietf:") || Uuid::try_parse(segment).is_ok()
}

fn redacted_parameter(name: &str, value: &str) -> String {
    let folded = name.to_ascii_lowercase();
    match folded.as_str() {
        "filter" => match filter::parse(value) {
            Ok(filter) => format!("filter={}", without_literals(filter)),
            Err(_) => "filter=…".to_owned(),
        },
        "startindex" | "count" | "sortby" | "sortorder" | "attributes" | "excludedattributes" => {
            format!("{name}={value}")
        }
        "cursor" => "cursor=…".to_owned(),
        _ => "…".to_owned(),
    }
}

fn without_literals(filter: Filter) -> Filter {
    let all = |parts: Vec<Filter>| parts.into_iter().map(without_literals).collect();
    match filter {
        Filter::And(parts) => Filter::And(all(parts)),
        Filter::Or(parts) => Filter::Or(all(parts)),
        Filter::Not(inner) => Filter::Not(Box::new(without_literals(*inner))),
        Filter::ValuePath { path, filter } => Filter::ValuePath {
            path,
            filter: Box::new(without_literals(*filter)),
        },
        Filter::Compare {
            path,
            operator,
            value: Literal::Text(_) | Literal::Number(_),
        } => Filter::Compare {
            path,
            operator,
            value: Literal::Text("…".to_owned()),
        },
        other => other,
    }
}
