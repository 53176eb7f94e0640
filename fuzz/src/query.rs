//! Queries: parameters of a list, the same in a body, and the cursors that come back.

use portcullis::http::scim::json;
use portcullis::scim::cursor::{Cursor, Position, Query, SortKey};
use portcullis::scim::leniency::{Dialect, Leniencies};
use portcullis::scim::list::{PageLimits, PageRequest, SearchRequest};
use serde_json::Value;

use super::world::NOW_MILLIS;

const LIMITS: PageLimits = PageLimits {
    default_count: 100,
    max_count: 500,
};
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const TIMEOUT: i64 = 600;

/// A line for each parameter, or the JSON of a body. A page is within its bounds, and no cursor is made up.
pub fn run(data: &[u8]) {
    if let Ok(body @ Value::Object(_)) = json::parse(data) {
        let mut lenient = Leniencies::new(Dialect::Lenient);
        let leniently = SearchRequest::from_body(&body, &LIMITS, &mut lenient);
        let strictly =
            SearchRequest::from_body(&body, &LIMITS, &mut Leniencies::new(Dialect::Strict));
        if lenient.used().next().is_none() {
            assert_eq!(strictly, leniently, "nothing was forgiven");
        }
        if let Ok(request) = leniently {
            is_bounded(&request);
        }
        return;
    }
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let pairs: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if let Ok(request) = SearchRequest::from_query(&pairs, &LIMITS) {
        is_bounded(&request);
    }
}

fn is_bounded(request: &SearchRequest) {
    assert!((0..=LIMITS.max_count).contains(&request.page.count()));
    let query = Query::new("d", "/Users", request);
    let open = |text: &str, query: &Query| Cursor::open(text, KEY, NOW_MILLIS, TIMEOUT, query);
    let sorted_by = request.sort.as_ref().map(|sort| sort.path.to_string());
    let cursor = Cursor {
        query: query.clone(),
        position: Position {
            sort_key: sorted_by.map(SortKey::Text),
            id: "0190".to_owned(),
        },
        issued_at_millis: NOW_MILLIS,
    };
    let sealed = cursor.seal(KEY).expect("it can be signed");
    assert_eq!(open(&sealed, &query), Ok(cursor));
    let elsewhere = Query::new("e", "/Users", request);
    assert!(open(&sealed, &elsewhere).is_err(), "another directory's");
    match &request.page {
        PageRequest::Index { start_index, .. } => assert!(*start_index >= 1),
        PageRequest::Cursor { cursor, .. } => {
            if let Some(text) = cursor {
                assert!(open(text, &query).is_err(), "a cursor was made up");
            }
        }
    }
}
