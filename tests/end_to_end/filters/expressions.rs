//! Random filters and orders, as texts that parse and fit the types of the attributes.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::people::{ENTERPRISE, EXTENSION, ids, text};

/// What is compared as text; those of one's extensions are written with `E:` and `X:`.
const TEXT_PATHS: [&str; 25] = [
    "userName",
    "externalId",
    "displayName",
    "title",
    "nickName",
    "locale",
    "profileUrl",
    "id",
    "name.givenName",
    "name.familyName",
    "emails",
    "emails.value",
    "emails.type",
    "emails.display",
    "E:department",
    "E:employeeNumber",
    "E:manager",
    "E:manager.value",
    "X:badge",
    "X:tags",
    "meta.resourceType",
    "meta.version",
    "groups",
    "groups.display",
    "groups.type",
];
const ADDRESS_PATHS: [&str; 3] = ["meta.location", "groups.$ref", "schemas"];
const BOOLEAN_PATHS: [&str; 3] = ["active", "emails.primary", "X:remote"];
const NUMBER_PATHS: [&str; 3] = ["X:level", "X:score", "X:slots"];
const DATE_PATHS: [&str; 3] = ["meta.created", "meta.lastModified", "X:hired"];
const COMPLEX_PATHS: [&str; 7] = ["name", "emails", "groups", "meta", "E", "X", "E:manager"];
const ORDERS: [&str; 6] = ["eq", "ne", "gt", "ge", "lt", "le"];
const TEXT_OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
const EQUALITY: [&str; 2] = ["eq", "ne"];

fn full(path: &str) -> String {
    match path.split_once(':') {
        Some(("E", attribute)) => format!("{ENTERPRISE}:{attribute}"),
        Some((_, attribute)) => format!("{EXTENSION}:{attribute}"),
        None if path == "E" => ENTERPRISE.to_owned(),
        None if path == "X" => EXTENSION.to_owned(),
        None => path.to_owned(),
    }
}

fn path(paths: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(paths).prop_map(full)
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A text as people have it, with the number that makes it unique, an identifier, or what the server writes.
fn operand() -> impl Strategy<Value = String> {
    let numbered = (text(), 0..9_u8).prop_map(|(text, number)| format!("{text}{number}"));
    let written = select(
        &[
            "User", "direct", "indirect", "work", "W/\"1\"", "!", "W/\"2\"",
        ][..],
    );
    prop_oneof![
        5 => text(),
        2 => numbered,
        2 => select(ids()),
        2 => written.prop_map(str::to_owned),
    ]
    .prop_map(|text| quoted(&text))
}

fn address() -> impl Strategy<Value = String> {
    let base = "https://scim.example.org/scim/v2";
    prop_oneof![
        select(ids()).prop_map(move |id| format!("{base}/Users/{id}")),
        select(ids()).prop_map(move |id| format!("{base}/Groups/{id}")),
        Just(format!("{base}/Users/")),
        Just("HTTPS://".to_owned()),
        Just("000001".to_owned()),
        Just(ENTERPRISE.to_owned()),
        Just(EXTENSION.to_uppercase()),
    ]
    .prop_map(|text| quoted(&text))
}

fn date() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("2020-02-29T12:00:00Z".to_owned()),
        Just("2020-02-29T12:00:00.001Z".to_owned()),
        Just("2020-02-29T06:00:00-06:00".to_owned()),
        Just("2020-02-29T12:00:00".to_owned()),
        Just("1969-12-31T23:59:59.999Z".to_owned()),
        Just("0001-01-01T00:00:00Z".to_owned()),
        Just("9999-12-31T23:59:59Z".to_owned()),
        // As the rows have it, whole seconds after these.
        (0..12_u8).prop_map(|second| format!("2023-11-14T22:13:{:02}Z", 20 + second)),
        (0..12_u8).prop_map(|second| format!("2027-01-15T07:59:{:02}Z", 60 - 1 - second)),
        Just("2027-01-15T08:00:00Z".to_owned()),
    ]
    .prop_map(|text| quoted(&text))
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        (-2..3_i64).prop_map(|number| number.to_string()),
        select(
            &[
                "0.1",
                "0.30000000000000004",
                "0.3",
                "2.0",
                "-1.5",
                "1e15",
                "12345.678",
                "0.0",
                "9223372036854775807",
                "-9223372036854775808",
                "1e300"
            ][..]
        )
        .prop_map(str::to_owned),
    ]
}

fn compared(
    path: impl Strategy<Value = String>,
    operators: &'static [&'static str],
    operand: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    (path, select(operators), operand)
        .prop_map(|(path, operator, operand)| format!("{path} {operator} {operand}"))
}

fn flag() -> impl Strategy<Value = String> {
    any::<bool>().prop_map(|flag| flag.to_string())
}

fn any_path() -> impl Strategy<Value = String> {
    prop_oneof![
        path(&TEXT_PATHS),
        path(&ADDRESS_PATHS),
        path(&BOOLEAN_PATHS),
        path(&NUMBER_PATHS),
        path(&DATE_PATHS),
        path(&COMPLEX_PATHS),
    ]
}

fn comparison() -> impl Strategy<Value = String> {
    let null = (any_path(), select(&EQUALITY[..]))
        .prop_map(|(path, operator)| format!("{path} {operator} null"));
    prop_oneof![
        10 => compared(path(&TEXT_PATHS), &TEXT_OPERATORS, operand()),
        2 => compared(path(&ADDRESS_PATHS), &TEXT_OPERATORS, address()),
        2 => compared(path(&BOOLEAN_PATHS), &EQUALITY, flag()),
        3 => compared(path(&NUMBER_PATHS), &ORDERS, number()),
        3 => compared(path(&DATE_PATHS), &ORDERS, date()),
        2 => any_path().prop_map(|path| format!("{path} pr")),
        1 => null,
    ]
}

/// What may stand in the brackets of an attribute with these sub-attributes.
fn element(sub_attributes: &'static [&'static str]) -> impl Strategy<Value = String> {
    let sub = || select(sub_attributes).prop_map(str::to_owned);
    let leaf = prop_oneof![
        4 => compared(sub(), &TEXT_OPERATORS, operand()),
        1 => sub().prop_map(|sub| format!("{sub} pr")),
        1 => compared(sub(), &EQUALITY, Just("null".to_owned())),
    ];
    combined(leaf.boxed())
}

fn value_path() -> impl Strategy<Value = String> {
    let primary = prop_oneof![
        flag().prop_map(|flag| format!("primary eq {flag}")),
        Just("primary pr".to_owned()),
        Just("primary ne true".to_owned()),
    ];
    let emails = prop_oneof![
        3 => element(&["value", "type", "display"]),
        1 => (element(&["value", "type"]), primary).prop_map(|(text, flag)| format!("({text}) and {flag}")),
    ];
    let groups = element(&["value", "display", "type", "$ref"]);
    let name = element(&["givenName", "familyName"]);
    let manager = element(&["value"]);
    let tags = element(&["value"]);
    let slots = compared(Just("value".to_owned()), &ORDERS, number());
    prop_oneof![
        4 => emails.prop_map(|inner| format!("emails[{inner}]")),
        2 => groups.prop_map(|inner| format!("groups[{inner}]")),
        1 => name.prop_map(|inner| format!("name[{inner}]")),
        1 => manager.prop_map(|inner| format!("{ENTERPRISE}:manager[{inner}]")),
        1 => tags.prop_map(|inner| format!("{EXTENSION}:tags[{inner}]")),
        1 => slots.prop_map(|inner| format!("{EXTENSION}:slots[{inner}]")),
    ]
}

fn combined(leaf: BoxedStrategy<String>) -> BoxedStrategy<String> {
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("not ({inner})")),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| join(&parts, "and")),
            proptest::collection::vec(inner, 2..4).prop_map(|parts| join(&parts, "or")),
        ]
    })
    .boxed()
}

fn join(parts: &[String], word: &str) -> String {
    let parts: Vec<String> = parts.iter().map(|part| format!("({part})")).collect();
    parts.join(&format!(" {word} "))
}

/// A filter over people.
pub fn filter() -> BoxedStrategy<String> {
    combined(prop_oneof![4 => comparison(), 1 => value_path()].boxed())
}

/// A filter over groups.
pub fn group_filter() -> BoxedStrategy<String> {
    let texts = [
        "displayName",
        "externalId",
        "id",
        "members",
        "members.value",
        "members.type",
        "members.display",
        "meta.version",
    ];
    let text_path = select(texts.to_vec()).prop_map(str::to_owned);
    let present = select(vec![
        "members",
        "members.type",
        "externalId",
        "meta.created",
    ]);
    combined(
        prop_oneof![
            5 => compared(text_path, &TEXT_OPERATORS, operand()),
            1 => compared(Just("members.$ref".to_owned()), &TEXT_OPERATORS, address()),
            1 => present.prop_map(|path| format!("{path} pr")),
            2 => element(&["value", "type", "display", "$ref"]).prop_map(|inner| format!("members[{inner}]")),
        ]
        .boxed(),
    )
}

/// What people are sorted by.
pub fn sort_by() -> impl Strategy<Value = String> {
    select(
        &[
            "id",
            "userName",
            "externalId",
            "displayName",
            "title",
            "name.familyName",
            "active",
            "emails",
            "emails.value",
            "emails.type",
            "emails.primary",
            "E:department",
            "E:manager.value",
            "X:badge",
            "X:level",
            "X:score",
            "X:hired",
            "X:remote",
            "X:tags",
            "X:slots",
            "meta.created",
            "meta.lastModified",
            "meta.version",
            "meta.location",
            "meta.resourceType",
            "groups.display",
            "schemas",
        ][..],
    )
    .prop_map(full)
}
