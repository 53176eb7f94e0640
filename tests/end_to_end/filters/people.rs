//! Random people and groups: texts that fold, escape and sort in surprising ways, missing attributes, several
//! elements, extensions.

use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// An extension with the types of attribute that the built-in schemas lack.
pub const EXTENSION: &str = "urn:example:params:scim:schemas:extension:work:2.0:User";
const MOST_PEOPLE: usize = 9;
const MOST_GROUPS: usize = 3;

/// Case pairs within and outside ASCII, letters whose folding changes their length or depends on their place,
/// what `LIKE` and JSON escape, what sorts differently by UTF-16 and by bytes, and the empty text.
pub const TEXTS: [&str; 32] = [
    "anna",
    "Anna",
    "ANNA",
    "an",
    "na",
    "b",
    "B",
    "Ünsal",
    "ünsal",
    "straße",
    "STRASSE",
    "İstanbul",
    "istanbul",
    "ΟΔΟΣ",
    "οδος",
    "ς",
    "é",
    "e\u{301}",
    "ﬀ",
    "K",
    "k",
    "a%b",
    "a_b",
    "axb",
    "a\\b",
    "O'Malley",
    "\"q\"",
    "😀",
    "\u{ffee}",
    "",
    " ",
    "0",
];

/// The bodies of one case.
#[derive(Debug, Clone)]
pub struct Population {
    users: Vec<Value>,
    groups: Vec<Value>,
}

impl Population {
    /// What is created, in this order, each under its identifier.
    pub fn bodies(&self) -> impl Iterator<Item = (String, Value)> {
        let users = self.users.iter().cloned().enumerate();
        let groups = self.groups.iter().cloned().enumerate();
        users
            .map(|(number, body)| (user_id(number), body))
            .chain(groups.map(|(number, body)| (group_id(number), body)))
    }
}

fn user_id(number: usize) -> String {
    format!("01900000-0000-7000-8000-{number:012}")
}

fn group_id(number: usize) -> String {
    format!("01900000-0000-7000-9000-{number:012}")
}

/// The identifiers that resources of a case may have.
pub fn ids() -> Vec<String> {
    let users = (0..MOST_PEOPLE).map(user_id);
    users.chain((0..MOST_GROUPS).map(group_id)).collect()
}

/// Mostly what others have too, so that filters find something.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => select(&TEXTS[..]).prop_map(str::to_owned),
        1 => "[^\\p{C}]{0,4}",
    ]
}

fn date_time() -> impl Strategy<Value = String> {
    select(
        &[
            "2020-02-29T12:00:00Z",
            "2020-02-29T13:00:00+01:00",
            "2020-02-29T12:00:00.001Z",
            "1969-12-31T23:59:59.999Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ][..],
    )
    .prop_map(str::to_owned)
}

fn object(members: Vec<(&str, Option<Value>)>) -> Value {
    let given = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

fn email() -> impl Strategy<Value = Value> {
    let kind = select(&["work", "Work", "home", "other"][..]);
    let primary = weighted(0.3, any::<bool>());
    (weighted(0.8, text()), of(kind), primary, of(text())).prop_map(
        |(value, kind, primary, display)| {
            object(vec![
                ("value", value.map(Value::from)),
                ("type", kind.map(Value::from)),
                ("primary", primary.map(Value::from)),
                ("display", display.map(Value::from)),
            ])
        },
    )
}

fn enterprise() -> impl Strategy<Value = Value> {
    (of(text()), of(text()), of(select(ids()))).prop_map(|(department, number, manager)| {
        object(vec![
            ("department", department.map(Value::from)),
            ("employeeNumber", number.map(Value::from)),
            ("manager", manager.map(|id| json!({"value": id}))),
        ])
    })
}

fn extension_values() -> impl Strategy<Value = Value> {
    let score = select(
        &[
            -1.5,
            0.0,
            0.1,
            0.300_000_000_000_000_04,
            2.0,
            1e15,
            12_345.678,
        ][..],
    );
    let level = prop_oneof![-2..3_i64, Just(i64::MAX), Just(i64::MIN)];
    (
        of(level),
        of(score),
        of(date_time()),
        of(text()),
        of(any::<bool>()),
        proptest::collection::vec(text(), 0..3),
        proptest::collection::vec(-1..3_i64, 0..3),
    )
        .prop_map(|(level, score, hired, badge, remote, tags, slots)| {
            object(vec![
                ("level", level.map(Value::from)),
                ("score", score.map(Value::from)),
                ("hired", hired.map(Value::from)),
                ("badge", badge.map(Value::from)),
                ("remote", remote.map(Value::from)),
                ("tags", Some(Value::from(tags))),
                ("slots", Some(Value::from(slots))),
            ])
        })
}

fn user() -> impl Strategy<Value = Value> {
    let names = (text(), of(text()), of(text()), of(text()), of(text()));
    let parts = (
        of((of(text()), of(text()))),
        of(any::<bool>()),
        proptest::collection::vec(email(), 0..4),
        of(enterprise()),
        of(extension_values()),
    );
    (names, parts).prop_map(
        |(
            (user_name, external_id, display_name, title, nick_name),
            (name, active, emails, enterprise, extension),
        )| {
            object(vec![
                ("schemas", Some(json!([USER]))),
                ("userName", Some(Value::from(user_name))),
                ("externalId", external_id.map(Value::from)),
                ("displayName", display_name.map(Value::from)),
                ("title", title.map(Value::from)),
                ("nickName", nick_name.map(Value::from)),
                (
                    "name",
                    name.map(|(given, family)| json!({"givenName": given, "familyName": family})),
                ),
                ("active", active.map(Value::from)),
                ("emails", Some(Value::from(emails))),
                (ENTERPRISE, enterprise),
                (EXTENSION, extension),
            ])
        },
    )
}

fn group() -> impl Strategy<Value = Value> {
    (
        text(),
        of(text()),
        proptest::collection::vec(select(ids()), 0..4),
    )
        .prop_map(|(name, external_id, members)| {
            let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
            object(vec![
                ("schemas", Some(json!([GROUP]))),
                // It needs a name that is not empty.
                ("displayName", Some(Value::from(format!("{name}!")))),
                ("externalId", external_id.map(Value::from)),
                ("members", Some(Value::from(members))),
            ])
        })
}

/// People and groups. What must be unique is made so by its number.
pub fn population() -> impl Strategy<Value = Population> {
    let users = proptest::collection::vec(user(), 0..=MOST_PEOPLE);
    let groups = proptest::collection::vec(group(), 0..=MOST_GROUPS);
    (users, groups).prop_map(|(mut users, mut groups)| {
        for (number, body) in users.iter_mut().chain(&mut groups).enumerate() {
            for name in ["userName", "externalId"] {
                if let Some(Value::String(text)) = body.get_mut(name) {
                    text.push_str(&number.to_string());
                }
            }
        }
        Population { users, groups }
    })
}

/// The schema documents of [`EXTENSION`].
pub fn extension() -> Value {
    let attribute = |name: &str, kind: &str, multi_valued: bool, case_exact: bool| {
        json!({
            "name": name,
            "type": kind,
            "multiValued": multi_valued,
            "description": name,
            "required": false,
            "caseExact": case_exact,
            "mutability": "readWrite",
            "returned": "default",
            "uniqueness": "none",
        })
    };
    json!([
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": EXTENSION,
            "name": "Work",
            "description": "Every type of attribute",
            "attributes": [
                attribute("level", "integer", false, false),
                attribute("score", "decimal", false, false),
                attribute("hired", "dateTime", false, false),
                attribute("badge", "string", false, true),
                attribute("remote", "boolean", false, false),
                attribute("tags", "string", true, false),
                attribute("slots", "integer", true, false),
            ],
        },
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": "User",
            "name": "User",
            "endpoint": "/Users",
            "description": "User Account",
            "schema": USER,
            "schemaExtensions": [{"schema": EXTENSION, "required": false}],
        },
    ])
}
