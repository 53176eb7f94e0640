//! Pages of the web console, as a browser without a cache asks for them.

use crate::LoadError;
use crate::credentials::Authority;
use crate::http::Request;
use crate::measure::{Bench, Plan};
use crate::people;

/// Times each page is read, at the most.
const TIMES: u64 = 300;

/// Measures the overview, the list of people, a search in it, and one person.
///
/// # Errors
/// Where results cannot be written.
pub fn run(bench: &Bench, authority: &Authority, size: u64, run: u64) -> Result<(), LoadError> {
    let admin = authority.admin(&format!("visitor.{run}"))?;
    let middle = size / 2;
    let pages = [
        ("console: overview", "/console/".to_owned()),
        ("console: people", "/console/people".to_owned()),
        (
            "console: search for a person",
            format!("/console/people?q=person.{middle:07}%40example.com"),
        ),
        (
            "console: search that finds nobody",
            "/console/people?q=hopper".to_owned(),
        ),
        (
            "console: one person",
            format!("/console/people/{}", people::id(middle)),
        ),
        ("console: keys", "/console/keys".to_owned()),
        ("console: audit", "/console/audit".to_owned()),
    ];
    for (name, path) in pages {
        let plan = Plan {
            at_most: TIMES,
            ..authority.scim.reads(name, 1)
        };
        bench.run(
            &authority.endpoint,
            &plan,
            |_, _| Request {
                method: "GET",
                path: path.clone(),
                headers: vec![
                    format!("Cookie: portcullis_session={}", admin.session),
                    "Accept: text/html".to_owned(),
                ],
                body: String::new(),
            },
            |answer| answer.status == 200,
        )?;
    }
    Ok(())
}
