//! What holds of any document and any request.

use proptest::prelude::*;

use super::*;

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        prop::sample::select(vec!["", "True", "work", "home", "x", "AAAA"]).prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "userName",
        "active",
        "title",
        "name",
        "name.givenName",
        "givenName",
        "emails",
        "emails[type eq \"work\"].value",
        "x509Certificates",
        "addresses",
        "locality",
        "value",
        "type",
        "primary",
        "display",
        "$ref",
        "id",
        "schemas",
        "manager",
        "nosuch",
        ENTERPRISE,
    ]);
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            any_object(keys.clone(), inner),
        ]
    })
}

fn any_object(
    keys: impl Strategy<Value = &'static str>,
    values: impl Strategy<Value = Value>,
) -> impl Strategy<Value = Value> {
    prop::collection::vec((keys, values), 0..5).prop_map(|members| {
        let members = members
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        Value::Object(members.collect())
    })
}

fn any_element() -> impl Strategy<Value = Value> {
    let text = || prop::sample::select(vec!["a", "b", "work", "home", ""]).prop_map(Value::from);
    let member = prop_oneof![
        (
            prop::sample::select(vec!["value", "type", "display"]),
            text()
        ),
        (Just("primary"), any::<bool>().prop_map(Value::from)),
    ];
    prop::collection::vec(member, 0..4).prop_map(|members| {
        let members = members
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        Value::Object(members.collect())
    })
}

fn any_document() -> impl Strategy<Value = Value> {
    let elements = || prop::collection::vec(any_element(), 0..4).prop_map(Value::from);
    let more = prop_oneof![4 => Just(json!({"title": "x", ENTERPRISE: {"manager": "1"}})), 1 => any_value()];
    (more, elements(), elements()).prop_map(|(more, emails, roles)| {
        let mut document = json!({"emails": emails, "roles": roles});
        if let (Some(document), Value::Object(given)) = (document.as_object_mut(), more) {
            document.extend(given);
        }
        document["userName"] = json!("bjensen");
        document
    })
}

/// An operation that is likely to be taken.
fn apt_operation() -> impl Strategy<Value = Value> {
    let texts = prop::sample::select(vec![
        "title",
        "name.givenName",
        "emails[type eq \"work\"].value",
        "emails[type eq \"home\" or value eq \"a\"].type",
        "roles[primary eq \"True\"].display",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    ]);
    let lists = prop::sample::select(vec!["emails", "roles"]);
    let selected = prop::sample::select(vec![
        "emails[type eq \"work\"]",
        "roles[value eq \"a\" and type eq \"home\"]",
        "emails[not (primary eq true)]",
    ]);
    let kind = || prop::sample::select(vec!["add", "replace", "remove"]);
    let of = |(kind, path, value): (&str, &str, Value)| match kind {
        "remove" => json!({"op": kind, "path": path}),
        _ => json!({"op": kind, "path": path, "value": value}),
    };
    prop_oneof![
        (
            kind(),
            texts,
            prop::sample::select(vec!["", "a", "b", "work"]).prop_map(Value::from)
        )
            .prop_map(of),
        (
            kind(),
            lists,
            prop::collection::vec(any_element(), 0..4).prop_map(Value::from)
        )
            .prop_map(of),
        (kind(), selected, any_element()).prop_map(of),
    ]
}

fn any_operation() -> impl Strategy<Value = Value> {
    let paths = prop::sample::select(vec![
        "userName",
        "title",
        "active",
        "name",
        "name.givenName",
        "emails",
        "emails.value",
        "emails[type eq \"work\"]",
        "emails[type eq \"work\"].value",
        "emails[primary eq \"True\"].display",
        "emails[not (value pr)].primary",
        "emails[value pr].type",
        "roles[value eq \"a\" and type eq \"home\"].primary",
        "roles",
        "x509Certificates[type eq \"work\"].value",
        "addresses[type eq \"home\"].locality",
        "schemas",
        "id",
        "nosuch",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    ]);
    let kind = prop::sample::select(vec!["add", "remove", "Replace", "replace"]);
    let value = prop_oneof![
        any_value(),
        any_element(),
        prop::collection::vec(any_element(), 0..4).prop_map(Value::from),
    ];
    (kind, prop::option::of(paths), value).prop_map(|(kind, path, value)| {
        // A remove that names values is the rarer form.
        let value = match (kind, &value) {
            ("remove", Value::Object(_)) => Value::Null,
            _ => value,
        };
        json!({"op": kind, "path": path, "value": value})
    })
}

fn any_dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(vec![
        Dialect::Lenient,
        Dialect::Lenient,
        Dialect::Strict,
        Dialect::Entra,
        Dialect::Okta,
    ])
}

proptest! {
    #[test]
    fn a_patched_document_is_canonical(
        input in any_document(),
        operations in prop::collection::vec(prop_oneof![8 => apt_operation(), 1 => any_operation()], 1..6),
        dialect in any_dialect(),
    ) {
        let user = of_type("User");
        let mut lenient = Leniencies::new(Dialect::Lenient);
        if let Ok(stored) = resource::create(&user, &input, &mut lenient)
            && let Ok((document, _)) = apply_to(&user, &Value::Object(stored), &json!(operations), dialect)
        {
            let mut strict = Leniencies::new(Dialect::Strict);
            let mut checked = document.as_object().unwrap().clone();
            resource::check(&user, &mut checked, &mut strict).unwrap();
            prop_assert_eq!(json!(checked).to_string(), document.to_string());
            let read = resource::replace(&user, &checked, &document, &[], &mut strict).unwrap();
            prop_assert_eq!(json!(read).to_string(), document.to_string());
            let itself = json!([{"op": "replace", "value": document}]);
            let (again, _) = apply_to(&user, &document, &itself, Dialect::Strict).unwrap();
            prop_assert_eq!(again.to_string(), document.to_string());
        }
    }

    #[test]
    fn splitting_never_panics_and_gives_elements_with_values(
        operations in prop::collection::vec((any_operation(), any::<bool>()), 1..5),
        dialect in any_dialect(),
    ) {
        let operations: Vec<Value> = operations
            .into_iter()
            .map(|(mut operation, on_members)| {
                if on_members {
                    operation["path"] = json!("members");
                }
                operation
            })
            .collect();
        let mut leniencies = Leniencies::new(dialect);
        if let Ok(request) = parse(&body(&json!(operations)), 100, &mut leniencies)
            && let Ok((rest, changes)) = split_elements(&of_type("Group"), request, "members", &mut leniencies)
        {
            prop_assert!(!rest.touched().contains(&"members".to_owned()));
            for change in changes {
                if let ElementChange::Add(elements) | ElementChange::Replace(elements) = change {
                    prop_assert!(elements.iter().all(|element| element["value"].is_string()));
                }
            }
        }
    }

    #[test]
    fn any_text_is_read_as_a_path_or_refused(text in "\\PC{0,40}", filter in "[a-z\\[\\]\"(). ]{0,30}") {
        let _ = PatchPath::parse(&text);
        if let Ok(path) = PatchPath::parse(&format!("emails[{filter}")) {
            prop_assert_eq!(PatchPath::parse(&path.to_string()).unwrap(), path);
        }
    }
}
