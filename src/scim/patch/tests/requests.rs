//! Reading the body.

use super::*;

fn parsed(body: &Value, dialect: Dialect) -> Result<PatchRequest, ScimError> {
    parse(body, 3, &mut Leniencies::new(dialect))
}

#[test]
fn paths_are_read_and_written_in_every_shape() {
    for text in [
        "members",
        "name.familyName",
        r#"addresses[type eq "work"]"#,
        r#"members[value eq "2819c223-7f76-453a-919d-413861904646"]"#,
        r#"members[value eq "2819c223-7f76-453a-919d-413861904646"].displayName"#,
        "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName",
        r#"urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq "work" and value ew "example.com"].value"#,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        r#"emails[value eq "a]b[c"].type"#,
    ] {
        assert_eq!(PatchPath::parse(text).unwrap().to_string(), text);
    }
    let tight = PatchPath::parse(r#"members[value eq"x"]"#).unwrap();
    assert_eq!(tight.to_string(), r#"members[value eq "x"]"#);
}

#[test]
fn malformed_paths_are_refused() {
    for (text, kind) in [
        ("", ErrorKind::InvalidPath),
        ("1name", ErrorKind::InvalidPath),
        ("name.", ErrorKind::InvalidPath),
        ("[type eq 1]", ErrorKind::InvalidPath),
        (r#"name.x[type eq "work"]"#, ErrorKind::InvalidPath),
        (r#"emails[type eq "work"]value"#, ErrorKind::InvalidPath),
        (r#"emails[type eq "work"]."#, ErrorKind::InvalidPath),
        (r#"emails[type eq "work"].a.b"#, ErrorKind::InvalidPath),
        (r#"emails[type eq "work"].urn:a:b"#, ErrorKind::InvalidPath),
        (r#"emails[type eq "work"][0]"#, ErrorKind::InvalidPath),
        ("emails[0]", ErrorKind::InvalidFilter),
        ("emails[]", ErrorKind::InvalidFilter),
        (r#"emails[type eq "work""#, ErrorKind::InvalidFilter),
        ("emails[type eq work]", ErrorKind::InvalidFilter),
    ] {
        assert_eq!(PatchPath::parse(text).unwrap_err().kind, kind, "{text}");
    }
}

#[test]
fn bodies_of_another_shape_are_refused() {
    let one = json!({"op": "add", "path": "title", "value": "x"});
    let with = |operation: Value| body(&json!([operation]));
    for (body, kind) in [
        (json!([]), ErrorKind::InvalidSyntax),
        (json!({"schemas": [PATCH_SCHEMA]}), ErrorKind::InvalidSyntax),
        (body(&json!([])), ErrorKind::InvalidSyntax),
        (body(&one), ErrorKind::InvalidSyntax),
        (json!({"Operations": [one]}), ErrorKind::InvalidSyntax),
        (
            json!({"schemas": ["urn:other"], "Operations": [one]}),
            ErrorKind::InvalidSyntax,
        ),
        (
            json!({"schemas": [PATCH_SCHEMA], "Operations": [one], "operations": [one]}),
            ErrorKind::InvalidSyntax,
        ),
        (
            body(&json!([one, one, one, one])),
            ErrorKind::PayloadTooLarge,
        ),
        (with(json!("add")), ErrorKind::InvalidSyntax),
        (
            with(json!({"path": "title", "value": 1})),
            ErrorKind::InvalidSyntax,
        ),
        (
            with(json!({"op": "move", "path": "title", "value": 1})),
            ErrorKind::InvalidSyntax,
        ),
        (
            with(json!({"op": 1, "path": "title", "value": 1})),
            ErrorKind::InvalidSyntax,
        ),
        (
            with(json!({"op": "add", "OP": "remove", "path": "title", "value": 1})),
            ErrorKind::InvalidSyntax,
        ),
        (
            with(json!({"op": "add", "path": 1, "value": 1})),
            ErrorKind::InvalidPath,
        ),
        (
            with(json!({"op": "add", "path": "title"})),
            ErrorKind::InvalidValue,
        ),
        (
            with(json!({"op": "replace", "path": "title"})),
            ErrorKind::InvalidValue,
        ),
        (with(json!({"op": "replace"})), ErrorKind::InvalidValue),
        (
            with(json!({"op": "replace", "value": "x"})),
            ErrorKind::InvalidValue,
        ),
        (
            with(json!({"op": "replace", "value": {"active": true, "Active": false}})),
            ErrorKind::InvalidSyntax,
        ),
        (with(json!({"op": "remove"})), ErrorKind::NoTarget),
        (
            with(json!({"op": "remove", "value": {"title": "x"}})),
            ErrorKind::NoTarget,
        ),
    ] {
        assert_eq!(
            parsed(&body, Dialect::Strict).unwrap_err().kind,
            kind,
            "{body}"
        );
    }
}

#[test]
fn keys_are_read_whatever_their_case_and_missing_schemas_are_forgiven() {
    let odd = json!({"operations": [{"Op": "ADD", "Path": "title", "Value": "x"}]});
    let request = parsed(&odd, Dialect::Lenient).unwrap();
    assert_eq!(request.operations[0].kind, OperationKind::Add);
    assert_eq!(request.operations[0].value, Some(json!("x")));
    assert!(parsed(&odd, Dialect::Okta).is_err());
}

#[test]
fn what_a_request_touches_is_told_without_values() {
    let request = parsed(
        &body(&json!([
            {"op": "replace", "path": "emails[value eq \"secret@example.com\"].type", "value": "work"},
            {"op": "add", "value": {"name.givenName": "Secret", "title": "Secret", "emails": [], format!("{ENTERPRISE}:department"): "Secret", ENTERPRISE: {}}},
        ])),
        Dialect::Strict,
    )
    .unwrap();
    let expected = [
        "emails".to_owned(),
        "name".to_owned(),
        "title".to_owned(),
        ENTERPRISE.to_owned(),
        format!("{ENTERPRISE}:department"),
    ];
    assert_eq!(request.touched(), expected);
}
