//! Discovery (RFC 7644 section 4): what this server offers, its resource types and its schemas.

use serde_json::{Map, Value, json};

use super::list::ListResponse;
use super::schema::{Registry, SERVICE_PROVIDER_CONFIG_SCHEMA};
use super::{ErrorKind, ScimError};

/// The settings in force that `ServiceProviderConfig` states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer<'a> {
    /// The base URL of the SCIM interface, without a slash at its end.
    pub base_url: &'a str,
    /// Where people can read about this server.
    pub documentation_uri: Option<&'a str>,
    /// Operations in one Bulk request.
    pub max_bulk_operations: usize,
    /// Bytes of a Bulk request.
    pub max_bulk_payload: usize,
    /// Whether clients may set passwords.
    pub change_password: bool,
    /// Resources on a page where the client names no number.
    pub default_page_size: usize,
    /// Resources on a page at most.
    pub max_page_size: usize,
    /// How long a cursor may be used, in seconds.
    pub cursor_timeout_seconds: i64,
}

/// The document at `/ServiceProviderConfig` (RFC 7643 section 5, RFC 9865 section 4).
#[must_use]
pub fn service_provider_config(offer: &Offer<'_>) -> Value {
    let mut config = Map::new();
    let mut set = |name: &str, value: Value| config.insert(name.to_owned(), value);
    set("schemas", json!([SERVICE_PROVIDER_CONFIG_SCHEMA]));
    if let Some(uri) = offer.documentation_uri {
        set("documentationUri", Value::from(uri));
    }
    set("patch", json!({"supported": true}));
    set(
        "bulk",
        json!({
            "supported": true,
            "maxOperations": offer.max_bulk_operations,
            "maxPayloadSize": offer.max_bulk_payload,
        }),
    );
    set(
        "filter",
        json!({"supported": true, "maxResults": offer.max_page_size}),
    );
    set(
        "changePassword",
        json!({"supported": offer.change_password}),
    );
    set("sort", json!({"supported": true}));
    set("etag", json!({"supported": true}));
    set(
        "authenticationSchemes",
        json!([{
            "type": "oauthbearertoken",
            "name": "OAuth Bearer Token",
            "description": "A SCIM key, or an access token with the scope scim, as a bearer token",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }]),
    );
    set(
        "pagination",
        json!({
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": offer.default_page_size,
            "maxPageSize": offer.max_page_size,
            "cursorTimeout": offer.cursor_timeout_seconds,
        }),
    );
    set(
        "meta",
        meta(
            "ServiceProviderConfig",
            &format!("{}/ServiceProviderConfig", offer.base_url),
        ),
    );
    Value::Object(config)
}

/// The list at `/ResourceTypes` (RFC 7643 section 6).
#[must_use]
pub fn resource_types(registry: &Registry, base_url: &str) -> Value {
    let resources = registry
        .resource_types()
        .iter()
        .map(|kind| resource_type_document(&kind.id, &kind.document, base_url))
        .collect();
    list(resources)
}

/// The document at `/ResourceTypes/{id}`.
#[must_use]
pub fn resource_type(registry: &Registry, id: &str, base_url: &str) -> Option<Value> {
    registry
        .resource_types()
        .iter()
        .find(|kind| kind.id == id)
        .map(|kind| resource_type_document(&kind.id, &kind.document, base_url))
}

/// The list at `/Schemas` (RFC 7643 section 7).
#[must_use]
pub fn schemas(registry: &Registry, base_url: &str) -> Value {
    let resources = registry
        .schemas()
        .iter()
        .map(|schema| schema_document(&schema.id, &schema.document, base_url))
        .collect();
    list(resources)
}

/// The document at `/Schemas/{urn}`, whatever the case of the URN.
#[must_use]
pub fn schema(registry: &Registry, urn: &str, base_url: &str) -> Option<Value> {
    registry
        .schema(urn)
        .map(|schema| schema_document(&schema.id, &schema.document, base_url))
}

/// Discovery takes no filter, and says so, lest a client believe that one was met (RFC 7644 section 4).
///
/// # Errors
/// 403 where the query string holds a filter.
pub fn check_query(pairs: &[(String, String)]) -> Result<(), ScimError> {
    if pairs
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("filter"))
    {
        return Err(ScimError::new(
            ErrorKind::Forbidden,
            "a filter cannot be applied to discovery endpoints",
        ));
    }
    Ok(())
}

fn resource_type_document(id: &str, document: &Value, base_url: &str) -> Value {
    let mut document = document.clone();
    if let Value::Object(members) = &mut document {
        members.insert("id".to_owned(), Value::from(id));
        // Having no extensions is the absence of the attribute (RFC 7643 section 2.5).
        if members.get("schemaExtensions") == Some(&Value::Array(Vec::new())) {
            members.remove("schemaExtensions");
        }
        let location = format!("{base_url}/ResourceTypes/{id}");
        members.insert("meta".to_owned(), meta("ResourceType", &location));
    }
    document
}

fn schema_document(id: &str, document: &Value, base_url: &str) -> Value {
    let mut document = document.clone();
    if let Value::Object(members) = &mut document {
        let location = format!("{base_url}/Schemas/{id}");
        members.insert("meta".to_owned(), meta("Schema", &location));
    }
    document
}

fn meta(resource_type: &str, location: &str) -> Value {
    json!({"resourceType": resource_type, "location": location})
}

fn list(resources: Vec<Value>) -> Value {
    let count = resources.len();
    let frame = ListResponse {
        total_results: i64::try_from(count).unwrap_or(i64::MAX),
        items_per_page: count,
        start_index: Some(1),
        next_cursor: None,
    };
    frame.to_json(resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://example.com/scim/v2";

    fn registry() -> Registry {
        let documents = json!([
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
                "id": "urn:example:Device",
                "attributes": [{"name": "serial", "type": "string"}],
            },
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "name": "Device", "endpoint": "/Devices", "schema": "urn:example:Device",
            },
        ]);
        Registry::load(&[("device.json".to_owned(), documents.to_string())]).unwrap()
    }

    #[test]
    fn the_configuration_states_the_settings_in_force() {
        let offer = Offer {
            base_url: BASE,
            documentation_uri: Some("https://example.com/docs"),
            max_bulk_operations: 1_000,
            max_bulk_payload: 1_048_576,
            change_password: false,
            default_page_size: 100,
            max_page_size: 250,
            cursor_timeout_seconds: 3_600,
        };
        let config = service_provider_config(&offer);
        assert_eq!(
            config,
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
                "documentationUri": "https://example.com/docs",
                "patch": {"supported": true},
                "bulk": {"supported": true, "maxOperations": 1_000, "maxPayloadSize": 1_048_576},
                "filter": {"supported": true, "maxResults": 250},
                "changePassword": {"supported": false},
                "sort": {"supported": true},
                "etag": {"supported": true},
                "authenticationSchemes": [{
                    "type": "oauthbearertoken",
                    "name": "OAuth Bearer Token",
                    "description": "A SCIM key, or an access token with the scope scim, as a bearer token",
                    "specUri": "https://www.rfc-editor.org/info/rfc6750",
                    "primary": true,
                }],
                "pagination": {
                    "cursor": true,
                    "index": true,
                    "defaultPaginationMethod": "index",
                    "defaultPageSize": 100,
                    "maxPageSize": 250,
                    "cursorTimeout": 3_600,
                },
                "meta": {
                    "resourceType": "ServiceProviderConfig",
                    "location": "https://example.com/scim/v2/ServiceProviderConfig",
                },
            })
        );
        let silent = Offer {
            documentation_uri: None,
            ..offer
        };
        assert_eq!(
            service_provider_config(&silent).get("documentationUri"),
            None
        );
    }

    #[test]
    fn resource_types_are_listed_and_found_by_id() {
        let registry = registry();
        let list = resource_types(&registry, BASE);
        assert_eq!(list["totalResults"], 3);
        assert_eq!(list["itemsPerPage"], 3);
        assert_eq!(list["startIndex"], 1);
        assert_eq!(
            list["Resources"][0],
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "id": "User",
                "name": "User",
                "endpoint": "/Users",
                "description": "User Account",
                "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
                "schemaExtensions": [{
                    "schema": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                    "required": false,
                }],
                "meta": {
                    "resourceType": "ResourceType",
                    "location": "https://example.com/scim/v2/ResourceTypes/User",
                },
            })
        );
        for (index, id) in ["User", "Group", "Device"].into_iter().enumerate() {
            let single = resource_type(&registry, id, BASE).unwrap();
            assert_eq!(single, list["Resources"][index]);
            assert_eq!(single["id"], id);
        }
        assert_eq!(list["Resources"][1].get("schemaExtensions"), None);
        assert_eq!(resource_type(&registry, "Printer", BASE), None);
    }

    #[test]
    fn schemas_are_listed_and_found_by_urn_whatever_its_case() {
        let registry = registry();
        let list = schemas(&registry, BASE);
        let ids: Vec<&str> = list["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|schema| schema["id"].as_str().unwrap())
            .collect();
        assert_eq!(
            ids,
            [
                "urn:ietf:params:scim:schemas:core:2.0:User",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                "urn:ietf:params:scim:schemas:core:2.0:Group",
                "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
                "urn:ietf:params:scim:schemas:core:2.0:ResourceType",
                "urn:ietf:params:scim:schemas:core:2.0:Schema",
                "urn:example:Device",
            ]
        );
        let single = schema(
            &registry,
            "URN:ietf:params:scim:schemas:CORE:2.0:user",
            BASE,
        )
        .unwrap();
        assert_eq!(single, list["Resources"][0]);
        assert_eq!(
            single["meta"],
            json!({
                "resourceType": "Schema",
                "location": "https://example.com/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
            })
        );
        assert_eq!(
            schema(&registry, "urn:portcullis:schemas:common", BASE),
            None
        );
    }

    #[test]
    fn a_filter_is_refused_and_other_parameters_are_ignored() {
        let pair = |name: &str| vec![(name.to_owned(), "x".to_owned())];
        for name in ["filter", "Filter"] {
            assert_eq!(
                check_query(&pair(name)).unwrap_err().kind,
                ErrorKind::Forbidden
            );
        }
        for name in ["count", "startIndex", "sortBy", "other"] {
            assert_eq!(check_query(&pair(name)), Ok(()));
        }
    }
}
