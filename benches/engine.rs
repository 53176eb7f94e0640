//! What the SCIM engine costs, as ratios to reading the same document with `serde_json`: figures of one run
//! on one machine, so that they can be compared with another run's. `docs/performance.md` says what they
//! showed.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use portcullis::scim::condition::{Unknown, bind};
use portcullis::scim::filter;
use portcullis::scim::leniency::{Dialect, Leniencies};
use portcullis::scim::projection::Projection;
use portcullis::scim::schema::Registry;
use portcullis::scim::{patch, resource};
use serde_json::{Map, Value, json};

/// How long each is run.
const DURATION: Duration = Duration::from_millis(500);
/// How often it is run between two looks at the clock.
const BATCH: u32 = 64;

fn main() {
    let registry = Registry::load(&[]).unwrap();
    let user = registry.resource_type("User").unwrap();
    let input = user_document();
    let text = input.to_string();
    let lenient = || Leniencies::new(Dialect::Lenient);
    let stored: Map<String, Value> = resource::create(user, &input, &mut lenient()).unwrap();
    let filter_text =
        r#"emails[type eq "work" and value co "@example.com"] and not (active eq false)"#;
    let parsed = filter::parse(filter_text).unwrap();
    let condition = bind(&parsed, user, Unknown::Refused, &mut lenient()).unwrap();
    let patch_body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "b@example.com"},
            {"op": "Replace", "value": {"name.givenName": "Babs", "active": "False"}},
        ],
    });
    let projection = Projection::parse(Some("userName,emails.value"), None).unwrap();

    let unit = measure(|| serde_json::from_str::<Value>(&text).unwrap());
    println!(
        "read a user of {} bytes with serde_json: {unit:?}, the unit",
        text.len()
    );
    let report = |name: &str, duration: Duration| {
        println!("{name}: {:.2}", duration.as_secs_f64() / unit.as_secs_f64());
    };
    report(
        "validate and canonicalise it",
        measure(|| resource::create(user, &input, &mut lenient()).unwrap()),
    );
    report(
        "parse a filter",
        measure(|| filter::parse(filter_text).unwrap()),
    );
    report(
        "give the filter its meaning",
        measure(|| bind(&parsed, user, Unknown::Refused, &mut lenient()).unwrap()),
    );
    report(
        "evaluate the filter on it",
        measure(|| condition.matches(&stored)),
    );
    report(
        "apply a PATCH of two operations to it",
        measure(|| {
            let request = patch::parse(&patch_body, 100, &mut lenient()).unwrap();
            patch::apply(user, &stored, &request, &mut lenient()).unwrap()
        }),
    );
    report(
        "project it to two attributes",
        measure(|| {
            let mut document = stored.clone();
            projection.apply(user, &mut document);
            document
        }),
    );
}

/// The mean time of one run.
fn measure<T>(run: impl Fn() -> T) -> Duration {
    let started = Instant::now();
    let mut runs = 0;
    while started.elapsed() < DURATION {
        for _ in 0..BATCH {
            black_box(run());
        }
        runs += BATCH;
    }
    started.elapsed() / runs
}

fn user_document() -> Value {
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ],
        "externalId": "701984",
        "userName": "bjensen@example.com",
        "name": {"formatted": "Ms. Barbara J Jensen III", "familyName": "Jensen", "givenName": "Barbara"},
        "displayName": "Babs Jensen",
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.example", "type": "home"},
        ],
        "addresses": [{
            "streetAddress": "100 Universal City Plaza", "locality": "Hollywood", "region": "CA",
            "postalCode": "91608", "country": "US", "type": "work",
        }],
        "phoneNumbers": [{"value": "tel:+1-555-555-5555", "type": "work"}],
        "active": true,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": "701984", "costCenter": "4130", "department": "Tour Operations",
            "manager": {"value": "26118915-6090-4610-87e4-49d8ca9f808d"},
        },
    })
}
