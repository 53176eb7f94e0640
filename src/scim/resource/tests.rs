//! Tests of validation and canonicalisation.

use super::*;
use crate::scim::leniency::Dialect;
use crate::scim::schema::Registry;
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn user() -> Arc<ResourceType> {
    Arc::clone(Registry::load(&[]).unwrap().resource_type("User").unwrap())
}

fn created(input: &Value, dialect: Dialect) -> Result<Value, ScimError> {
    create(&user(), input, &mut Leniencies::new(dialect)).map(Value::Object)
}

#[test]
fn names_get_their_canonical_case_and_the_schema_s_order() {
    let input = json!({
        "ENTERPRISE": 1, "USERNAME": "bjensen", "EMAILS": [{"TYPE": "work", "Value": "b@example.com"}], "schemas": [USER.to_uppercase()],
        ENTERPRISE.to_uppercase(): {"DEPARTMENT": "Tours"}, "externalID": "701984", "id": "mine", "meta": {"created": "x"}, "groups": [1],
    });
    let expected = json!({
        "schemas": [USER, ENTERPRISE], "externalId": "701984", "userName": "bjensen",
        "emails": [{"value": "b@example.com", "type": "work"}], ENTERPRISE: {"department": "Tours"},
    });
    assert_eq!(
        created(&input, Dialect::Lenient).unwrap().to_string(),
        expected.to_string()
    );
}

#[test]
fn null_and_empty_are_unassigned() {
    let input = json!({"schemas": [USER], "userName": "a", "title": null, "roles": [], "name": {"givenName": null}, "emails": [{}], "addresses": null});
    assert_eq!(
        created(&input, Dialect::Strict).unwrap(),
        json!({"schemas": [USER], "userName": "a"})
    );
}

#[test]
fn the_lenient_dialect_takes_what_identity_providers_send() {
    let input = json!({
        "userName": "a", "active": "False", "emails": {"value": "x@y", "primary": "TRUE"}, "roles": ["admin", "admin"],
        format!("{ENTERPRISE}:department"): "Tours", ENTERPRISE: {"manager": "26118915"},
    });
    let expected = json!({
        "schemas": [USER, ENTERPRISE], "userName": "a", "active": false, "emails": [{"value": "x@y", "primary": true}], "roles": [{"value": "admin"}],
        ENTERPRISE: {"department": "Tours", "manager": {"value": "26118915"}},
    });
    assert_eq!(created(&input, Dialect::Lenient).unwrap(), expected);
    let mut leniencies = Leniencies::new(Dialect::Lenient);
    create(&user(), &input, &mut leniencies).unwrap();
    let used: Vec<_> = leniencies.used().map(Leniency::name).collect();
    assert_eq!(
        used,
        [
            "boolean_as_string",
            "qualified_key",
            "bare_value",
            "single_for_multiple",
            "missing_schema"
        ]
    );
}

#[test]
fn bad_values_are_refused_with_the_attribute_s_name() {
    let cases = [
        (json!([]), "JSON object"),
        (json!({"schemas": [USER]}), "userName is required"),
        (
            json!({"schemas": [USER], "userName": "  "}),
            "userName is required",
        ),
        (json!({"schemas": USER, "userName": "a"}), "schemas must be"),
        (
            json!({"schemas": [USER], "userName": 7}),
            "userName must be a string",
        ),
        (
            json!({"schemas": [USER], "userName": ["a"]}),
            "userName must be a single value",
        ),
        (json!({"schemas": [USER], "userName": "a\u{0}"}), "U+0000"),
        (
            json!({"schemas": [USER], "userName": "a", "USERNAME": "b"}),
            "more than once",
        ),
        (
            json!({"schemas": [USER], "userName": "a", "active": "maybe"}),
            "active must be true or false",
        ),
        (
            json!({"schemas": [USER], "userName": "a", "name": "Jensen"}),
            "name must be an object",
        ),
        (
            json!({"schemas": [USER], "userName": "a", "profileUrl": "no url"}),
            "profileUrl must be a URI",
        ),
        (
            json!({"schemas": [USER], "userName": "a", "x509Certificates": [{"value": "%%"}]}),
            "x509Certificates.value must be base64",
        ),
        (
            json!({"schemas": [USER], "userName": "a", ENTERPRISE: []}),
            "must be an object",
        ),
    ];
    for (input, detail) in cases {
        let error = created(&input, Dialect::Lenient).unwrap_err();
        assert_eq!(error.kind.status(), 400);
        assert!(error.detail.contains(detail), "{} / {detail}", error.detail);
    }
}

#[test]
fn the_strict_dialect_takes_the_letter_of_the_rfc_only() {
    for input in [
        json!({"userName": "a"}),
        json!({"schemas": [USER], "userName": "a", "active": "true"}),
        json!({"schemas": [USER], "userName": "a", "nosuch": 1}),
        json!({"schemas": [USER, "urn:other"], "userName": "a"}),
        json!({"schemas": [USER], "userName": "a", "emails": {"value": "x"}}),
        json!({"schemas": [USER], "userName": "a", "emails": ["x"]}),
        json!({"schemas": [USER], "userName": "a", "emails": [{"value": "x", "primary": true}, {"value": "y", "primary": true}]}),
        json!({"schemas": [USER], "userName": "a", ENTERPRISE: {"nosuch": 1}}),
    ] {
        assert!(created(&input, Dialect::Strict).is_err(), "{input}");
        assert!(created(&input, Dialect::Lenient).is_ok(), "{input}");
    }
}

#[test]
fn what_an_extension_defines_is_taken_without_its_urn_and_from_a_list_of_one() {
    let input = json!({"schemas": [USER], "userName": "a", "department": "Tours", "manager": [{"value": "77"}]});
    let canonical = json!({"schemas": [USER, ENTERPRISE], "userName": "a",
        ENTERPRISE: {"department": "Tours", "manager": {"value": "77"}}});
    let mut leniencies = Leniencies::new(Dialect::Entra);
    let document = create(&user(), &input, &mut leniencies).unwrap();
    assert_eq!(Value::Object(document), canonical);
    let used: Vec<_> = leniencies.used().map(Leniency::name).collect();
    assert_eq!(used, ["unqualified_attribute", "list_for_single"]);
    assert_eq!(
        created(&input, Dialect::Strict).unwrap_err().detail,
        format!(
            "department belongs to an extension and must be written as {ENTERPRISE}:department"
        )
    );
}

#[test]
fn what_is_known_by_another_name_is_refused_and_not_ignored() {
    let qualified = format!("{USER}:active");
    for (key, value, dialect) in [
        (USER, json!({"active": false}), Dialect::Lenient),
        ("name.givenName", json!("x"), Dialect::Lenient),
        (qualified.as_str(), json!(false), Dialect::Okta),
    ] {
        let input = json!({"schemas": [USER], "userName": "a", key: value});
        let error = created(&input, dialect).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidSyntax, "{key}");
    }
}

#[test]
fn the_last_of_several_primary_elements_keeps_the_claim() {
    let input = json!({"userName": "a", "emails": [{"value": "x", "primary": true}, {"value": "y", "primary": true}]});
    let document = created(&input, Dialect::Lenient).unwrap();
    assert_eq!(
        document["emails"],
        json!([{"value": "x", "primary": false}, {"value": "y", "primary": true}])
    );
}

fn device() -> Arc<ResourceType> {
    let documents = json!([
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "urn:example:Device", "name": "Device", "attributes": [
            {"name": "serial", "type": "string", "mutability": "immutable"},
            {"name": "pin", "type": "string", "mutability": "writeOnly", "returned": "never"},
            {"name": "seen", "type": "dateTime"}, {"name": "ports", "type": "integer"}, {"name": "load", "type": "decimal"},
            {"name": "firmware", "type": "string", "mutability": "readOnly"}, {"name": "label", "type": "string"}]},
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "name": "Device", "endpoint": "/Devices", "schema": "urn:example:Device"},
    ]);
    let registry = Registry::load(&[("device.json".to_owned(), documents.to_string())]).unwrap();
    Arc::clone(registry.resource_type("Device").unwrap())
}

#[test]
fn put_clears_keeps_and_refuses_by_mutability() {
    let stored = json!({"schemas": ["urn:example:Device"], "serial": "1", "pin": "0000", "firmware": "v1", "label": "door"});
    let put = |input: Value| {
        replace(
            &device(),
            stored.as_object().unwrap(),
            &input,
            &[],
            &mut Leniencies::new(Dialect::Lenient),
        )
        .map(Value::Object)
    };
    let kept =
        json!({"schemas": ["urn:example:Device"], "serial": "1", "pin": "0000", "firmware": "v1"});
    assert_eq!(put(json!({})).unwrap(), kept);
    assert_eq!(put(json!({"serial": "1", "firmware": "v2"})).unwrap(), kept);
    assert_eq!(
        put(json!({"serial": "2"})).unwrap_err().kind,
        ErrorKind::Mutability
    );
    assert_eq!(put(json!({"pin": "1234"})).unwrap()["pin"], "1234");
}

#[test]
fn put_keeps_what_the_caller_names() {
    let stored = json!({"schemas": [USER], "userName": "a", "active": false, "title": "x"});
    let new = replace(
        &user(),
        stored.as_object().unwrap(),
        &json!({"userName": "a"}),
        &["active"],
        &mut Leniencies::default(),
    )
    .unwrap();
    assert_eq!(
        Value::Object(new),
        json!({"schemas": [USER], "userName": "a", "active": false})
    );
}

#[test]
fn numbers_and_instants_are_canonical() {
    let make = |input: Value| {
        create(&device(), &input, &mut Leniencies::new(Dialect::Lenient)).map(Value::Object)
    };
    let document =
        make(json!({"seen": "2026-01-31T13:00:00.5+01:00", "ports": "8", "load": 0.5})).unwrap();
    assert_eq!(document["seen"], "2026-01-31T12:00:00.500Z");
    assert_eq!(document["ports"], 8);
    for bad in [
        json!({"ports": 1.5}),
        json!({"ports": 9_223_372_036_854_775_808_u64}),
        json!({"seen": "2026"}),
        json!({"load": "x"}),
    ] {
        assert!(make(bad.clone()).is_err(), "{bad}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        Just(json!("true")),
        Just(json!("2026-01-31T12:00:00Z")),
    ];
    let keys = prop::sample::select(vec![
        "schemas",
        "userName",
        "USERNAME",
        "active",
        "name",
        "emails",
        "value",
        "type",
        "primary",
        "manager",
        "roles",
        "nosuch",
        ENTERPRISE,
        "name.givenName",
        "x509Certificates",
    ]);
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..6).prop_map(|members| Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn canonicalisation_is_idempotent_and_never_panics(mut input in any_json(), dialect in prop::sample::select(vec![Dialect::Lenient, Dialect::Strict, Dialect::Entra, Dialect::Okta])) {
        if let Some(object) = input.as_object_mut() {
            object.entry("userName").or_insert(json!("a"));
        }
        if let Ok(document) = created(&input, dialect) {
            prop_assert_eq!(created(&document, Dialect::Strict).unwrap().to_string(), document.to_string());
        }
    }
}
