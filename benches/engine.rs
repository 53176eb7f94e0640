//! What the SCIM engine costs, without HTTP and database: each step of a request on the same user.
//!
//! `cargo bench --bench engine` times them; `scripts/bench --instructions` counts the instructions of one call
//! each, which come out the same every time. For that each is a function of its own in [`steps`].

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

use divan::{Bencher, black_box};
use portcullis::scim::condition::{Condition, Unknown, bind};
use portcullis::scim::filter::{self, Filter};
use portcullis::scim::leniency::{Dialect, Leniencies};
use portcullis::scim::projection::Projection;
use portcullis::scim::resource;
use portcullis::scim::schema::{Registry, ResourceType};
use portcullis::store::SqlDialect;
use portcullis::store::filter::Compiler;
use portcullis::store::id::DirectoryId;
use portcullis::store::layout::{Column, Layout};
use serde_json::{Map, Value, json};

const FILTER: &str =
    r#"emails[type eq "work" and value co "@example.com"] and not (active eq false)"#;

fn main() {
    divan::main();
}

/// What is measured. Never inlined, so that a profiler can tell each from what surrounds it.
mod steps {
    use portcullis::scim::patch;

    use super::{
        Compiler, Condition, FILTER, Filter, Map, Projection, ResourceType, Unknown, Value, bind,
        filter, lenient, resource,
    };

    #[inline(never)]
    pub fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[inline(never)]
    pub fn write(document: &Map<String, Value>) -> String {
        serde_json::to_string(document).unwrap()
    }

    #[inline(never)]
    pub fn validate(user: &ResourceType, input: &Value) -> Map<String, Value> {
        resource::create(user, input, &mut lenient()).unwrap()
    }

    #[inline(never)]
    pub fn parse_filter() -> Filter {
        filter::parse(FILTER).unwrap()
    }

    #[inline(never)]
    pub fn bind_filter(filter: &Filter, user: &ResourceType) -> Condition {
        bind(filter, user, Unknown::Refused, &mut lenient()).unwrap()
    }

    #[inline(never)]
    pub fn evaluate(condition: &Condition, document: &Map<String, Value>) -> bool {
        condition.matches(document)
    }

    #[inline(never)]
    pub fn compile_to_sql(compiler: &Compiler, condition: &Condition) {
        divan::black_box(compiler.compile(condition));
    }

    #[inline(never)]
    pub fn patch(
        user: &ResourceType,
        stored: &Map<String, Value>,
        body: &Value,
    ) -> Map<String, Value> {
        let request = patch::parse(body, 100, &mut lenient()).unwrap();
        patch::apply(user, stored, &request, &mut lenient()).unwrap()
    }

    #[inline(never)]
    pub fn project(
        user: &ResourceType,
        stored: &Map<String, Value>,
        projection: &Projection,
    ) -> Map<String, Value> {
        let mut document = stored.clone();
        projection.apply(user, &mut document);
        document
    }
}

#[divan::bench]
fn read(bencher: Bencher) {
    let text = input().to_string();
    bencher.bench_local(|| steps::read(black_box(&text)));
}

#[divan::bench]
fn write(bencher: Bencher) {
    let (_, stored) = stored();
    bencher.bench_local(|| steps::write(black_box(&stored)));
}

#[divan::bench]
fn validate(bencher: Bencher) {
    let (registry, _) = stored();
    let user = registry.resource_type("User").unwrap();
    let input = input();
    bencher.bench_local(|| steps::validate(user, black_box(&input)));
}

#[divan::bench]
fn parse_filter(bencher: Bencher) {
    bencher.bench_local(steps::parse_filter);
}

#[divan::bench]
fn bind_filter(bencher: Bencher) {
    let (registry, _) = stored();
    let user = registry.resource_type("User").unwrap();
    let parsed = filter::parse(FILTER).unwrap();
    bencher.bench_local(|| steps::bind_filter(black_box(&parsed), user));
}

#[divan::bench]
fn evaluate(bencher: Bencher) {
    let (registry, stored) = stored();
    let user = registry.resource_type("User").unwrap();
    let parsed = filter::parse(FILTER).unwrap();
    let condition = bind(&parsed, user, Unknown::Refused, &mut lenient()).unwrap();
    bencher.bench_local(|| steps::evaluate(black_box(&condition), &stored));
}

#[divan::bench]
fn compile_to_sql(bencher: Bencher) {
    let (registry, _) = stored();
    let user = registry.resource_type("User").unwrap();
    let parsed = filter::parse(FILTER).unwrap();
    let condition = bind(&parsed, user, Unknown::Refused, &mut lenient()).unwrap();
    let layout = Layout {
        resource_type: "User".to_owned(),
        columns: vec![
            ("id".to_owned(), Column::Id),
            ("userName".to_owned(), Column::UserName),
            ("externalId".to_owned(), Column::ExternalId),
            ("displayName".to_owned(), Column::DisplayName),
        ],
        indexed: vec!["emails.value".to_owned()],
        addresses: Vec::new(),
    };
    let directory = DirectoryId::generate();
    let compiler = Compiler::new(SqlDialect::Postgres, &directory, &layout);
    bencher.bench_local(|| steps::compile_to_sql(&compiler, black_box(&condition)));
}

#[divan::bench]
fn patch(bencher: Bencher) {
    let (registry, stored) = stored();
    let user = registry.resource_type("User").unwrap();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "b@example.com"},
            {"op": "Replace", "value": {"name.givenName": "Babs", "active": "False"}},
        ],
    });
    bencher.bench_local(|| steps::patch(user, black_box(&stored), &body));
}

#[divan::bench]
fn project(bencher: Bencher) {
    let (registry, stored) = stored();
    let user = registry.resource_type("User").unwrap();
    let projection = Projection::parse(Some("userName,emails.value"), None).unwrap();
    bencher.bench_local(|| steps::project(user, black_box(&stored), &projection));
}

fn lenient() -> Leniencies {
    Leniencies::new(Dialect::Lenient)
}

/// The schemas, and the user as it is stored.
fn stored() -> (Registry, Map<String, Value>) {
    let registry = Registry::load(&[]).unwrap();
    let user = registry.resource_type("User").unwrap();
    let stored = resource::create(user, &input(), &mut lenient()).unwrap();
    (registry, stored)
}

/// The user as it is sent.
fn input() -> Value {
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
