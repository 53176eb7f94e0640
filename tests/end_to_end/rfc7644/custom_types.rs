//! RFC 7643 sections 3.3, 6 and 7: resource types and extensions that a directory of schemas brings
//! (`--schemas`); and with them every type of attribute and every characteristic (sections 2.2 and 2.3).

use std::path::PathBuf;

use portcullis::config::Settings;
use serde_json::{Value, json};

use super::{ENTERPRISE, USER, create, create_user, extend, patch, texts, user, without_common};

const DEVICE: &str = "urn:example:params:scim:schemas:core:2.0:Device";
const WARRANTY: &str = "urn:example:params:scim:schemas:extension:2.0:Warranty";
const BADGE: &str = "urn:example:params:scim:schemas:extension:2.0:Badge";

fn with_devices(settings: &mut Settings) {
    let schemas = "tests/end_to_end/rfc7644/schemas";
    settings.schemas = Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(schemas));
}

/// A device as a client sends it.
fn device(serial_number: &str, further: Value) -> Value {
    let mut body = json!({
        "schemas": [DEVICE, WARRANTY],
        "serialNumber": serial_number,
        WARRANTY: {"until": "2030-01-01T00:00:00Z"},
    });
    extend(&mut body, further);
    body
}

on_both_databases!(
    /// RFC 7643 sections 6 and 7: what a file brings is discovered like what is built in.
    a_new_type_and_a_new_extension_are_discovered,
    |server| {
        let client = server.scim();
        let types = client.get("/ResourceTypes").expect(200);
        assert_eq!(texts(&types, "/endpoint"), ["/Users", "/Groups", "/Devices"]);
        let kind = client.get("/ResourceTypes/Device").expect(200).body;
        assert_eq!(kind["schema"], DEVICE);
        assert_eq!(kind["schemaExtensions"], json!([{"schema": WARRANTY, "required": true}]));
        let kind = client.get("/ResourceTypes/User").expect(200).body;
        assert_eq!(
            kind["schemaExtensions"],
            json!([{"schema": ENTERPRISE, "required": false}, {"schema": BADGE, "required": false}])
        );
        let schema = client.get(&format!("/Schemas/{DEVICE}")).expect(200).body;
        let file = std::fs::read_to_string(format!(
            "{}/tests/end_to_end/rfc7644/schemas/device.json",
            env!("CARGO_MANIFEST_DIR")
        ));
        let file: Value = serde_json::from_str(&file.expect("a file")).expect("it is JSON");
        assert_eq!(schema["attributes"], file[0]["attributes"]);
    },
    with_devices
);

on_both_databases!(
    /// RFC 7644 section 3: a new type takes every operation.
    a_new_type_is_served_like_the_built_in_ones,
    |server| {
        let client = server.scim();
        let owner = create_user(&client, "bjensen", json!({}));
        let body = device(
            "SN-1",
            json!({
                "displayName": "Switch",
                "ports": 48,
                "weight": 3.5,
                "purchased": "2024-05-13T04:42:34Z",
                "tags": ["core", "Rack 7"],
                "owner": {"value": owner},
            }),
        );
        let created = client.post("/Devices", &body).expect(201);
        let location = format!("{}/Devices/{}", server.scim_base, created.id());
        assert_eq!(created.header("Location"), Some(location.as_str()));
        assert_eq!(created.body["meta"]["resourceType"], "Device");
        let shown = without_common(created.body.clone());
        for (name, value) in body.as_object().expect("an object") {
            let same = match value.as_str() {
                Some(text) if text.starts_with("2024") => {
                    shown[name].as_str().is_some_and(|shown| shown.starts_with("2024-05-13T04:42:34"))
                }
                _ if name == WARRANTY => shown[name]["until"].is_string(),
                _ => &shown[name] == value,
            };
            assert!(same, "{name}: {shown}");
        }
        let change = patch(json!([
            {"op": "replace", "path": "ports", "value": 24},
            {"op": "add", "path": "tags", "value": ["spare"]},
            {"op": "add", "path": format!("{WARRANTY}:vendor"), "value": "ACME"},
        ]));
        let changed = client.patch(&location, &change).expect(200);
        assert_eq!(changed.body["ports"], 24);
        assert_eq!(changed.body["tags"], json!(["core", "Rack 7", "spare"]));
        assert_eq!(changed.body[WARRANTY]["vendor"], "ACME");
        let replaced = client.put(&location, &device("SN-1", json!({"ports": 8}))).expect(200);
        assert_eq!(replaced.body["displayName"], Value::Null);
        assert_eq!(client.get(&location).expect(200).body, replaced.body);
        client.delete(&location).expect(204);
        client.get(&location).expect_error(404, None);
    },
    with_devices
);

on_both_databases!(
    /// RFC 7644 section 3.4.2.2 and 3.4.2.3: numbers by their size, dates as instants, elements one by one.
    a_new_type_is_filtered_and_sorted_by_its_types,
    |server| {
        let client = server.scim();
        for (serial, further) in [
            ("a", json!({"ports": 9, "weight": 0.5, "purchased": "2024-01-01T00:00:00Z", "tags": ["x"]})),
            ("B", json!({"ports": 10, "weight": 10.25, "purchased": "2023-12-31T23:30:00-01:00"})),
            ("c", json!({"ports": -1, "weight": 2, "tags": ["X y", "z"]})),
        ] {
            create(&client, "/Devices", &device(serial, further));
        }
        let until = format!("{WARRANTY}:until gt \"2029-12-31T23:59:59Z\"");
        let cases: &[(&str, &[&str])] = &[
            ("filter=ports gt 9", &["B"]),
            ("filter=ports ge 9", &["a", "B"]),
            ("filter=ports lt 9.5", &["a", "c"]),
            ("filter=weight eq 2", &["c"]),
            ("filter=weight gt 0.5", &["B", "c"]),
            ("filter=purchased eq \"2024-01-01T00:00:00Z\"", &["a"]),
            ("filter=purchased gt \"2024-01-01T00:00:00Z\"", &["B"]),
            ("filter=tags eq \"x\"", &["a"]),
            ("filter=tags sw \"x\"", &["a", "c"]),
            ("filter=tags[value eq \"z\"]", &["c"]),
            ("filter=serialNumber eq \"b\"", &[]),
            (&format!("filter={until}"), &["a", "B", "c"]),
            ("sortBy=ports", &["c", "a", "B"]),
            ("sortBy=weight&sortOrder=descending", &["B", "c", "a"]),
            ("sortBy=purchased", &["a", "B", "c"]),
            ("sortBy=serialNumber", &["B", "a", "c"]),
        ];
        for (query, expected) in cases {
            let answer = client.get(&format!("/Devices?{query}")).expect(200);
            assert_eq!(texts(&answer, "/serialNumber"), *expected, "{query}");
        }
    },
    with_devices
);

on_both_databases!(
    /// RFC 7643 section 2.2 and section 7: required, unique, immutable, returned.
    the_characteristics_of_attributes_hold,
    |server| {
        let client = server.scim();
        let secrets = json!({"pin": "1234", "certificate": "QUJD"});
        let id = create(&client, "/Devices", &device("SN-1", secrets));
        let path = format!("/Devices/{id}");
        // required: attribute, extension, attribute of an extension
        for (without, body) in [
            ("serialNumber", json!({"schemas": [DEVICE, WARRANTY], WARRANTY: {"until": "2030-01-01T00:00:00Z"}})),
            (WARRANTY, json!({"schemas": [DEVICE], "serialNumber": "SN-2"})),
            ("until", device("SN-2", json!({WARRANTY: {"vendor": "ACME"}}))),
            ("owner.value", device("SN-2", json!({"owner": {"$ref": "x"}}))),
        ] {
            let answer = client.post("/Devices", &body);
            let answer = answer.expect_error(400, Some("invalidValue"));
            assert!(answer.text.contains(without), "{without}: {}", answer.text);
        }
        // uniqueness, where the case counts
        client
            .post("/Devices", &device("SN-1", json!({})))
            .expect_error(409, Some("uniqueness"));
        create(&client, "/Devices", &device("sn-1", json!({})));
        // immutable
        let change = patch(json!([{"op": "replace", "path": "serialNumber", "value": "SN-3"}]));
        client.patch(&path, &change).expect_error(400, Some("mutability"));
        client
            .put(&path, &device("SN-3", json!({})))
            .expect_error(400, Some("mutability"));
        let same = patch(json!([{"op": "replace", "path": "serialNumber", "value": "SN-1"}]));
        client.patch(&path, &same).expect(200);
        // returned: always, request, never
        let shown = |query: &str| client.get(&format!("{path}?{query}")).expect(200).body;
        assert_eq!(shown("")["certificate"], Value::Null);
        assert_eq!(shown("")["pin"], Value::Null);
        assert_eq!(shown("attributes=certificate")["certificate"], "QUJD");
        assert_eq!(shown("attributes=pin")["pin"], Value::Null);
        assert_eq!(shown("attributes=ports")["serialNumber"], "SN-1");
        assert_eq!(shown("excludedAttributes=serialNumber")["serialNumber"], "SN-1");
        client
            .get("/Devices?filter=pin eq \"1234\"")
            .expect_error(400, Some("invalidFilter"));
    },
    with_devices
);

on_both_databases!(
    /// RFC 7643 section 2.3: values of the wrong type are refused, each with its attribute.
    values_have_the_type_of_their_attribute,
    |server| {
        let client = server.scim();
        for (name, value) in [
            ("ports", json!(1.5)),
            ("ports", json!("many")),
            ("ports", json!(true)),
            ("ports", json!(92_233_720_368_547_758_070_f64)),
            ("weight", json!("heavy")),
            ("purchased", json!("yesterday")),
            ("purchased", json!("2024-13-01T00:00:00Z")),
            ("purchased", json!(2024)),
            ("certificate", json!("***")),
            ("tags", json!([{"value": "x"}])),
            ("tags", json!([["x"]])),
            ("owner", json!(7)),
            ("owner", json!([{"value": "x"}, {"value": "y"}])),
        ] {
            let body = device("SN-1", json!({name: value}));
            let answer = client.post("/Devices", &body);
            let answer = answer.expect_error(400, Some("invalidValue"));
            assert!(answer.text_at("/detail").contains(name), "{name} {value}: {}", answer.text);
        }
    },
    with_devices
);

on_both_databases!(
    /// RFC 7643 section 3.3: `schemas` names an extension as long as the resource holds attributes of it.
    schemas_follow_the_extensions_that_are_used,
    |server| {
        let client = server.scim();
        let body = user("bjensen", json!({BADGE: {"number": 7}}));
        let created = client.post("/Users", &body).expect(201);
        assert_eq!(created.body["schemas"], json!([USER, BADGE]));
        let path = format!("/Users/{}", created.id());
        let change = |operation: Value| client.patch(&path, &patch(json!([operation]))).expect(200).body;
        let both = change(json!({"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "x"}));
        let mut schemas: Vec<_> = texts_of(&both["schemas"]);
        schemas.sort();
        let mut expected = [USER, ENTERPRISE, BADGE];
        expected.sort_unstable();
        assert_eq!(schemas, expected);
        let one = change(json!({"op": "remove", "path": BADGE}));
        assert_eq!(one["schemas"], json!([USER, ENTERPRISE]));
        assert_eq!(one[BADGE], Value::Null);
        let filter = format!("/Users?filter={BADGE}:number eq 7");
        assert_eq!(client.get(&filter).expect(200).body["totalResults"], 0);
    },
    with_devices
);

fn texts_of(array: &Value) -> Vec<String> {
    let elements = array.as_array().expect("an array");
    elements
        .iter()
        .map(|element| element.as_str().expect("a text").to_owned())
        .collect()
}
