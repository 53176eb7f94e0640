use super::*;
use crate::scim::filter::parse;
use crate::scim::leniency::Dialect;
use crate::scim::schema::Registry;
use serde_json::{Map, Value, json};

fn bound(text: &str) -> Result<Condition, ScimError> {
    let registry = Registry::load(&[]).unwrap();
    let user = registry.resource_type("User").unwrap();
    bind(
        &parse(text).unwrap(),
        user,
        Unknown::Refused,
        &mut Leniencies::new(Dialect::Lenient),
    )
}

fn barbara() -> Map<String, Value> {
    let value = json!({
        "id": "2819c223", "userName": "bjensen@Example.com", "active": true, "title": "Führerin",
        "name": {"familyName": "Jensen"}, "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "emails": [{"value": "b@work.example", "type": "work"}, {"value": "babs@home.example", "type": "home", "primary": true}, {"type": "other"}],
        "meta": {"created": "2026-01-31T12:00:00.000Z"},
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Tours", "manager": {"value": "26118915"}},
    });
    value.as_object().unwrap().clone()
}

#[test]
fn conditions_hold_as_the_rfc_says() {
    let cases = [
        (r#"userName eq "BJENSEN@example.COM""#, true),
        (r#"USERNAME EQ "bjensen@example.com""#, true),
        (r#"id eq "2819C223""#, false),
        (r#"title eq "FÜHRERIN""#, true),
        (
            r#"title sw "füh" and title ew "IN" and title co "rer""#,
            true,
        ),
        (r#"manager eq "26118915" and department sw "t""#, true),
        (r#"manager.value eq "1""#, false),
        (r#"nickName eq "x""#, false),
        (r#"nickName ne "x""#, true),
        (r"nickName pr", false),
        (r"nickName eq null", true),
        (r"title ne null", true),
        (r#"emails.value eq "B@work.example""#, true),
        (r#"emails co "home""#, true),
        (r#"emails.value ne "b@work.example""#, true),
        (r#"emails[type eq "work" and value co "home"]"#, false),
        (r#"emails[type eq "home" and primary eq true]"#, true),
        (r#"emails[type eq "home" and primary eq "True"]"#, true),
        (r#"emails[type ne "work"]"#, true),
        (r"emails[not (value pr)]", true),
        (r#"phoneNumbers.value ne "1""#, true),
        (r#"phoneNumbers[value ne "1"]"#, false),
        (r#"meta.created gt "2026-01-31T13:59:59+02:00""#, true),
        (r#"meta.created le "2026-01-31T12:00:00Z""#, true),
        (
            r#"name.familyName ge "jensen" and not (name.familyName gt "jensen")"#,
            true,
        ),
        (r#"name[familyName eq "Jensen"]"#, true),
        (
            r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "tours""#,
            true,
        ),
        (
            r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "26118915""#,
            true,
        ),
        (
            r"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr",
            true,
        ),
        (
            r#"schemas eq "urn:ietf:params:scim:schemas:core:2.0:User""#,
            true,
        ),
        (r"active eq true or active eq false", true),
        (r#"not (active eq "False")"#, true),
    ];
    for (text, expected) in cases {
        assert_eq!(bound(text).unwrap().matches(&barbara()), expected, "{text}");
        let negated = format!("not ({text})");
        assert_eq!(
            bound(&negated).unwrap().matches(&barbara()),
            !expected,
            "{negated}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for text in [
        r#"nosuch eq "x""#,
        r#"name eq "x""#,
        r#"name.nosuch eq "x""#,
        r#"urn:example:other:title eq "x""#,
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User eq "x""#,
        "active gt true",
        r#"active eq "maybe""#,
        "active eq 1",
        "userName eq 1",
        "userName eq true",
        "userName gt null",
        r#"meta.created eq "yesterday""#,
        r#"meta.created co "2026""#,
        r#"password eq "x""#,
        r#"userName[value eq "x"]"#,
        r#"emails[nosuch eq "x"]"#,
    ] {
        let error = bound(text).unwrap_err();
        assert_eq!(error.kind, crate::scim::ErrorKind::InvalidFilter, "{text}");
    }
}
