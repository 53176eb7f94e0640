//! Pages of a whole directory, by index and by cursor (RFC 9865).

use serde_json::{Map, json};

use crate::LoadError;
use crate::http::{Answer, Connection};
use crate::measure::{Bench, Measurement, Plan};
use crate::scim::{Scim, number, total_results};

/// Users on a page by index.
const PAGE: u64 = 100;
/// Users on a page by cursor, as somebody asks who fetches everybody.
const LARGE_PAGE: u64 = 1_000;
/// Times a page is read by one client, at the most.
const TIMES: u64 = 60;

/// Measures the first page, one at nine tenths, and the walk through all.
///
/// # Errors
/// Where results cannot be written, or a cursor is not followed.
pub fn run(bench: &Bench, scim: &Scim, size: u64) -> Result<(), LoadError> {
    let alone = |name| Plan {
        at_most: TIMES,
        ..scim.reads(name, 1)
    };
    let is_full = |answer: &Answer| {
        answer.status == 200 && total_results(answer).is_some_and(|total| total >= size)
    };
    let by_index = |start: u64| scim.get(format!("/Users?startIndex={start}&count={PAGE}"));
    let by_cursor = |cursor: &str| scim.get(format!("/Users?cursor={cursor}&count={LARGE_PAGE}"));
    bench.run(
        &scim.endpoint,
        &scim.reads("first page by index", 8),
        |_, _| by_index(1),
        is_full,
    )?;
    bench.run(
        &scim.endpoint,
        &alone("first page by index, one client"),
        |_, _| by_index(1),
        is_full,
    )?;
    bench.run(
        &scim.endpoint,
        &alone("page at nine tenths by index"),
        |_, _| by_index(size / 10 * 9 + 1),
        is_full,
    )?;
    let last = walk(bench, scim)?;
    bench.run(
        &scim.endpoint,
        &alone("first page by cursor"),
        |_, _| by_cursor(""),
        is_full,
    )?;
    bench.run(
        &scim.endpoint,
        &alone("last page by cursor"),
        |_, _| by_cursor(&last),
        is_full,
    )?;
    Ok(())
}

/// Fetches everybody, and gives the cursor of the last page that is full.
fn walk(bench: &Bench, scim: &Scim) -> Result<String, LoadError> {
    let mut connection = Connection::new(&scim.endpoint);
    let mut cursor = String::new();
    let mut last = String::new();
    let mut latencies = Vec::new();
    let mut people: u64 = 0;
    loop {
        let path = format!("/Users?cursor={cursor}&count={LARGE_PAGE}");
        let answer = connection.send(&scim.get(path.clone()))?;
        if answer.status != 200 {
            return Err(LoadError::Unexpected {
                what: path,
                status: answer.status,
                body: answer.text(),
            });
        }
        latencies.push(answer.whole);
        let items = number(&answer, "itemsPerPage").unwrap_or_default();
        people += items;
        if items == LARGE_PAGE {
            last.clone_from(&cursor);
        }
        match next_cursor(&answer) {
            Some(next) => cursor = next,
            None => break,
        }
    }
    let measurement = Measurement::of(latencies);
    let more: Map<_, _> = [("people".to_owned(), json!(people))].into_iter().collect();
    bench.write("walk by cursor", 1, &measurement, more)?;
    Ok(last)
}

/// Stands in the head of a list, before the resources.
fn next_cursor(answer: &Answer) -> Option<String> {
    let head = answer.body.get(..1_000).unwrap_or(&answer.body);
    let head = String::from_utf8_lossy(head);
    let (_, rest) = head.split_once("\"nextCursor\":\"")?;
    rest.split('"').next().map(str::to_owned)
}
