use super::*;
use serde_json::json;

fn load(document: &Value) -> Result<Registry, SchemaError> {
    Registry::load(&[("own.json".to_owned(), document.to_string())])
}

fn device_schema() -> Value {
    json!({
        "schemas": [SCHEMA_SCHEMA], "id": "urn:example:schemas:Device", "name": "Device",
        "attributes": [
            {"name": "serial", "type": "string", "required": true, "caseExact": true, "uniqueness": "server"},
            {"name": "ports", "type": "complex", "multiValued": true, "subAttributes": [{"name": "number", "type": "integer"}]},
        ],
    })
}

fn device_type() -> Value {
    json!({"schemas": [RESOURCE_TYPE_SCHEMA], "name": "Device", "endpoint": "/Devices", "schema": "urn:example:schemas:Device"})
}

#[test]
fn the_built_in_documents_load() {
    let registry = Registry::load(&[]).unwrap();
    let names: Vec<_> = registry
        .resource_types()
        .iter()
        .map(|kind| kind.name.as_str())
        .collect();
    assert_eq!(names, ["User", "Group"]);
    assert_eq!(registry.schemas().len(), 6);
    let user = registry.endpoint("/Users").unwrap();
    assert!(user.spliceable);
    assert!(user.unique_paths.is_empty());
    assert!(
        user.extension("URN:ietf:params:scim:schemas:extension:enterprise:2.0:user")
            .is_some()
    );
}

#[test]
fn a_resource_type_and_an_extension_work_by_dropping_in_files() {
    let extension = json!({
        "schemas": [SCHEMA_SCHEMA], "id": "urn:example:schemas:Badge", "name": "Badge",
        "attributes": [{"name": "number", "type": "string", "returned": "request"}],
    });
    let extended = json!({
        "schemas": [RESOURCE_TYPE_SCHEMA], "name": "User", "endpoint": "/Users",
        "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
        "schemaExtensions": [{"schema": "urn:example:schemas:Badge", "required": false}],
    });
    let registry = load(&json!([
        device_schema(),
        device_type(),
        extension,
        extended
    ]))
    .unwrap();
    let device = registry.endpoint("/Devices").unwrap();
    assert_eq!(device.unique_paths, ["serial"]);
    let user = registry.endpoint("/Users").unwrap();
    assert_eq!(user.extensions.len(), 2);
    assert!(!user.spliceable);
}

/// RFC 7643 section 7.
#[test]
fn what_can_only_be_written_is_never_returned() {
    let mut schema = device_schema();
    schema["attributes"][0] = json!({"name": "pin", "type": "string", "mutability": "writeOnly"});
    let registry = load(&json!([schema, device_type()])).unwrap();
    let device = registry.endpoint("/Devices").unwrap();
    assert_eq!(device.attribute("pin").unwrap().returned, Returned::Never);
    assert!(!device.spliceable);
}

#[test]
fn sub_attributes_are_unique_where_their_schema_says_so() {
    let mut schema = device_schema();
    schema["attributes"].as_array_mut().unwrap().push(json!({
        "name": "disks", "type": "complex", "multiValued": true, "uniqueness": "server",
        "subAttributes": [
            {"name": "value", "type": "string", "uniqueness": "server"},
            {"name": "size", "type": "integer"},
        ],
    }));
    let registry = load(&json!([schema, device_type()])).unwrap();
    let device = registry.endpoint("/Devices").unwrap();
    assert_eq!(device.unique_paths, ["serial", "disks.value"]);
}

#[test]
fn bad_documents_are_refused_with_file_pointer_and_reason() {
    let changed = |pointer: &str, value: Value| {
        let mut both = json!([device_schema(), device_type()]);
        *both.pointer_mut(pointer).unwrap() = value;
        both
    };
    let cases = [
        (json!(7), "/schemas", "must name"),
        (json!({"schemas": ["urn:other"]}), "/schemas", "must name"),
        (changed("/0/id", json!("Device")), "/0/id", "URN"),
        (
            changed("/0/id", json!("urn:ietf:params:scim:schemas:core:2.0:User")),
            "/0/id",
            "exists already",
        ),
        (
            changed("/0/attributes", json!({})),
            "/0/attributes",
            "array",
        ),
        (
            changed("/0/attributes/0/name", json!("1st")),
            "/0/attributes/0/name",
            "letter",
        ),
        (
            changed("/0/attributes/1/name", json!("SERIAL")),
            "/0/attributes/1/name",
            "second",
        ),
        (
            changed("/0/attributes/0/type", json!("text")),
            "/0/attributes/0/type",
            "one of",
        ),
        (
            changed("/0/attributes/0/type", json!("complex")),
            "/0/attributes/0",
            "needs subAttributes",
        ),
        (
            changed("/0/attributes/1/type", json!("string")),
            "/0/attributes/1/subAttributes",
            "only a complex",
        ),
        (
            changed("/0/attributes/0/required", json!("yes")),
            "/0/attributes/0/required",
            "true or false",
        ),
        (
            changed("/0/attributes/0/uniqueness", json!("some")),
            "/0/attributes/0/uniqueness",
            "one of",
        ),
        (
            changed("/0/attributes/0/name", json!("externalId")),
            "/1/schema",
            "every resource",
        ),
        (
            changed(
                "/0/attributes/1/subAttributes/0",
                json!({"name": "x", "type": "complex", "subAttributes": []}),
            ),
            "/1/schema",
            "complex sub-attribute",
        ),
        (
            changed(
                "/0/attributes/0",
                json!({"name": "pin", "mutability": "writeOnly", "returned": "always"}),
            ),
            "/0/attributes/0/returned",
            "must be never",
        ),
        (
            changed(
                "/0/attributes/0",
                json!({"name": "pin", "mutability": "readOnly", "required": true}),
            ),
            "/1/schema",
            "no client can give it",
        ),
        (
            changed("/1/schema", json!("urn:missing")),
            "/1/schema",
            "no schema",
        ),
        (
            changed("/1/endpoint", json!("/Bulk")),
            "/1/endpoint",
            "occupied",
        ),
        (
            changed("/1/endpoint", json!("/Users")),
            "/1/endpoint",
            "belongs to another",
        ),
        (
            changed("/1/endpoint", json!("Devices/all")),
            "/1/endpoint",
            "segment",
        ),
        (changed("/1/name", json!("User")), "/1/endpoint", "differs"),
    ];
    for (document, pointer, reason) in cases {
        let error = load(&document).unwrap_err();
        assert_eq!(
            (error.file.as_str(), error.pointer.as_str()),
            ("own.json", pointer),
            "{error}"
        );
        assert!(error.reason.contains(reason), "{error}");
    }
    let error = Registry::load(&[("bad.json".to_owned(), "{".to_owned())]).unwrap_err();
    assert!(
        error.to_string().starts_with("bad.json: not valid JSON"),
        "{error}"
    );
}
