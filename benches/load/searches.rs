//! Searches of a whole directory: whatever a filter or `sortBy` may ask, how it is answered, and how long that
//! takes.

use serde_json::{Map, Value, json};

use crate::LoadError;
use crate::http::Connection;
use crate::measure::{Bench, Measurement};
use crate::people::{ENTERPRISE, department};
use crate::scim::{Scim, encoded, total_results};

/// How often each is asked, at the most.
const TIMES: usize = 15;

/// Measures each search with one client.
///
/// # Errors
/// Where results cannot be written.
pub fn run(bench: &Bench, scim: &Scim, size: u64) -> Result<(), LoadError> {
    let mut connection = Connection::new(&scim.endpoint);
    for (name, query) in queries(size) {
        let request = scim.get(format!("/Users?{query}"));
        let mut latencies = Vec::new();
        let mut more = Map::new();
        let mut spent = 0.0;
        while latencies.len() < TIMES && spent < scim.seconds {
            let answer = connection.send(&request)?;
            spent += answer.whole.as_secs_f64();
            latencies.push(answer.whole);
            more.insert("status".to_owned(), json!(answer.status));
            more.insert("total".to_owned(), json!(total_results(&answer)));
            if answer.status != 200 {
                let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let kind = body.get("scimType").cloned().unwrap_or_default();
                more.insert("error".to_owned(), kind);
            }
        }
        more.insert("search".to_owned(), json!(true));
        bench.write(&name, 1, &Measurement::of(latencies), more)?;
    }
    Ok(())
}

/// Each with the name that it has in the results.
fn queries(size: u64) -> Vec<(String, String)> {
    let middle = size / 2;
    let person = format!("person.{middle:07}@example.com");
    let prefix = format!("person.{:05}", middle / 100);
    let part = format!("{middle:07}@");
    let department = department(middle);
    let filters = [
        ("userName sw", format!("userName sw \"{prefix}\"")),
        ("userName co", format!("userName co \"{part}\"")),
        (
            "displayName sw",
            "displayName sw \"Grace Hopper\"".to_owned(),
        ),
        ("displayName co", format!("displayName co \"{middle}\"")),
        (
            "name.familyName eq",
            "name.familyName eq \"Turing\"".to_owned(),
        ),
        ("emails.value sw", format!("emails.value sw \"{prefix}\"")),
        ("emails.value co", format!("emails.value co \"{part}\"")),
        (
            "department eq",
            format!("{ENTERPRISE}:department eq \"{department}\""),
        ),
        (
            "department eq and active eq true",
            format!("{ENTERPRISE}:department eq \"{department}\" and active eq true"),
        ),
        ("title pr", "title pr".to_owned()),
        (
            "name.honorificPrefix pr",
            "name.honorificPrefix pr".to_owned(),
        ),
        ("active eq true", "active eq true".to_owned()),
        ("active eq false", "active eq false".to_owned()),
        ("not (active eq true)", "not (active eq true)".to_owned()),
        (
            "active eq false and userName sw",
            format!("active eq false and userName sw \"{prefix}\""),
        ),
        (
            "userName eq or externalId eq",
            format!("userName eq \"{person}\" or externalId eq \"hr-{middle:07}\""),
        ),
        (
            "userName eq or emails.value eq",
            format!("userName eq \"{person}\" or emails.value eq \"home.{person}\""),
        ),
        (
            "meta.lastModified gt now",
            "meta.lastModified gt \"2099-01-01T00:00:00Z\"".to_owned(),
        ),
        (
            "addresses[country eq and locality eq]",
            "addresses[country eq \"GB\" and locality eq \"Paris\"]".to_owned(),
        ),
    ];
    let mut queries: Vec<(String, String)> = filters
        .into_iter()
        .map(|(name, filter)| (name.to_owned(), format!("filter={}", encoded(&filter))))
        .collect();
    for sorted in [
        "userName",
        "displayName",
        "externalId",
        "meta.created",
        "meta.lastModified",
        "name.familyName",
        "emails.value",
    ] {
        queries.push((
            format!("sortBy {sorted}"),
            format!("sortBy={sorted}&count=100"),
        ));
    }
    queries.push((
        "sortBy userName, descending, at nine tenths".to_owned(),
        format!(
            "sortBy=userName&sortOrder=descending&count=100&startIndex={}",
            size / 10 * 9 + 1
        ),
    ));
    let active = encoded("active eq true");
    queries.push((
        "active eq true, sortBy displayName".to_owned(),
        format!("filter={active}&sortBy=displayName&count=100"),
    ));
    queries
}
