//! Which attributes an answer holds: `attributes`, `excludedAttributes` (RFC 7644 section 3.9) and the
//! `returned` characteristic (RFC 7643 section 7).
//!
//! A [`Projection`] knows no resource type until it is applied, so that one serves a query across types.

use serde_json::{Map, Value};

use super::ScimError;
use super::path::AttributePath;
use super::schema::{Attribute, Resolved, ResourceType, Returned, Schema};

/// What a client asked to see of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Projection {
    /// Whether the paths are all that is asked for; else they are what is excluded.
    only: bool,
    paths: Vec<AttributePath>,
}

/// How the paths of a projection speak of one attribute.
#[derive(Debug)]
enum Mention<'a> {
    /// Not at all.
    Absent,
    /// By the URN of its extension.
    ByExtension,
    /// By its name.
    Whole,
    /// By these sub-attributes.
    Parts(Vec<&'a Attribute>),
}

impl Projection {
    /// Reads the comma-separated query parameters. A parameter that lists nothing counts as not given.
    ///
    /// # Errors
    /// 400 `invalidValue` where both are given, or one lists what is no attribute path. A path that no
    /// schema defines is no error: it selects nothing.
    pub fn parse(attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, ScimError> {
        let split = |list: Option<&str>| -> Vec<String> {
            list.unwrap_or_default()
                .split(',')
                .map(str::to_owned)
                .collect()
        };
        Self::from_lists(&split(attributes), &split(excluded))
    }

    /// The same from the lists in the body of a `/.search` request (RFC 7644 section 3.4.3).
    ///
    /// # Errors
    /// As [`Projection::parse`].
    pub fn from_lists(attributes: &[String], excluded: &[String]) -> Result<Self, ScimError> {
        let only = paths("attributes", attributes)?;
        let without = paths("excludedAttributes", excluded)?;
        match (only.is_empty(), without.is_empty()) {
            (false, false) => Err(ScimError::invalid_value(
                "attributes and excludedAttributes exclude each other: give one of them",
            )),
            (false, true) => Ok(Self {
                only: true,
                paths: only,
            }),
            (true, _) => Ok(Self {
                only: false,
                paths: without,
            }),
        }
    }

    /// Whether the client asked for nothing in particular.
    #[must_use]
    pub fn is_default(&self) -> bool {
        !self.only && self.paths.is_empty()
    }

    /// Whether an answer may hold anything of this core attribute or extension; false where the resource
    /// type has no such.
    #[must_use]
    pub fn wants(&self, resource_type: &ResourceType, name: &str) -> bool {
        let mentioned = self.resolve(resource_type);
        if let Some(attribute) = resource_type.attribute(name) {
            return self.keeps(attribute, &mention(&mentioned, None, attribute));
        }
        resource_type.extension(name).is_some_and(|extension| {
            let schema = extension.schema.as_ref();
            schema.attributes.iter().any(|attribute| {
                self.keeps(attribute, &mention(&mentioned, Some(schema), attribute))
            })
        })
    }

    /// Takes everything from a full representation that the answer does not hold. Values and extensions
    /// of which nothing is left go as a whole.
    pub fn apply(&self, resource_type: &ResourceType, resource: &mut Map<String, Value>) {
        let mentioned = self.resolve(resource_type);
        resource.retain(|name, value| match resource_type.extension(name) {
            Some(extension) => match value {
                Value::Object(object) => {
                    let schema = extension.schema.as_ref();
                    object.retain(|name, value| {
                        self.project(&mentioned, Some(schema), schema.attribute(name), value)
                    });
                    !object.is_empty()
                }
                _ => false,
            },
            None => self.project(&mentioned, None, resource_type.attribute(name), value),
        });
    }

    fn resolve<'a>(&self, resource_type: &'a ResourceType) -> Vec<Resolved<'a>> {
        self.paths
            .iter()
            .filter_map(|path| resource_type.resolve(path))
            .collect()
    }

    /// Projects one attribute's value in place; false where nothing of it stays.
    fn project(
        &self,
        mentioned: &[Resolved<'_>],
        extension: Option<&Schema>,
        attribute: Option<&Attribute>,
        value: &mut Value,
    ) -> bool {
        let Some(attribute) = attribute else {
            return !self.only;
        };
        let mention = mention(mentioned, extension, attribute);
        if !self.keeps(attribute, &mention) {
            return false;
        }
        if attribute.sub_attributes.is_empty() {
            return true;
        }
        match value {
            Value::Array(elements) => {
                elements.retain_mut(|element| self.project_parts(attribute, &mention, element));
                !elements.is_empty()
            }
            single => self.project_parts(attribute, &mention, single),
        }
    }

    /// Projects the sub-attributes of one complex value in place; false where none stays.
    fn project_parts(
        &self,
        attribute: &Attribute,
        mention: &Mention<'_>,
        value: &mut Value,
    ) -> bool {
        let Value::Object(parts) = value else {
            return true;
        };
        parts.retain(|name, _| {
            attribute
                .sub_attribute(name)
                .is_some_and(|sub| self.keeps_part(sub, mention))
        });
        !parts.is_empty()
    }

    fn keeps(&self, attribute: &Attribute, mention: &Mention<'_>) -> bool {
        match attribute.returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Request => self.only && matches!(mention, Mention::Whole | Mention::Parts(_)),
            Returned::Default => match mention {
                Mention::Absent => !self.only,
                Mention::Parts(_) => true,
                Mention::Whole | Mention::ByExtension => self.only,
            },
        }
    }

    /// Whether a sub-attribute stays, given that its attribute does.
    fn keeps_part(&self, sub: &Attribute, mention: &Mention<'_>) -> bool {
        let named = match mention {
            Mention::Parts(parts) => Some(parts.iter().any(|part| std::ptr::eq(*part, sub))),
            _ => None,
        };
        match sub.returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Request => self.only && named == Some(true),
            Returned::Default => named.is_none_or(|named| self.only == named),
        }
    }
}

fn paths(parameter: &str, list: &[String]) -> Result<Vec<AttributePath>, ScimError> {
    list.iter()
        .map(|path| path.trim())
        .filter(|path| !path.is_empty())
        .map(|path| {
            AttributePath::parse(path)
                .map_err(|error| ScimError::invalid_value(format!("{parameter}: {error}")))
        })
        .collect()
}

fn mention<'a>(
    mentioned: &[Resolved<'a>],
    extension: Option<&Schema>,
    attribute: &Attribute,
) -> Mention<'a> {
    let mut parts = Vec::new();
    let mut by_extension = false;
    for path in mentioned {
        match *path {
            Resolved::Extension(schema) => {
                by_extension |= extension.is_some_and(|holder| std::ptr::eq(holder, schema));
            }
            Resolved::Attribute {
                attribute: named,
                sub_attribute,
                ..
            } if std::ptr::eq(named, attribute) => match sub_attribute {
                None => return Mention::Whole,
                Some(sub) => parts.push(sub),
            },
            Resolved::Attribute { .. } => {}
        }
    }
    match (by_extension, parts.is_empty()) {
        (true, _) => Mention::ByExtension,
        (false, true) => Mention::Absent,
        (false, false) => Mention::Parts(parts),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::ErrorKind;
    use crate::scim::schema::Registry;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    /// A badge has an attribute of each kind of `returned`, also among sub-attributes and in an extension.
    fn registry() -> Registry {
        let schema = "urn:ietf:params:scim:schemas:core:2.0:Schema";
        let attribute = |name: &str, returned: &str| json!({"name": name, "type": "string", "returned": returned});
        let badge = json!([
            {
                "schemas": [schema],
                "id": "urn:example:Badge",
                "name": "Badge",
                "attributes": [
                    attribute("serial", "always"),
                    attribute("colour", "default"),
                    attribute("photo", "request"),
                    attribute("pin", "never"),
                    {
                        "name": "doors", "type": "complex", "multiValued": true,
                        "subAttributes": [
                            attribute("value", "always"),
                            attribute("display", "default"),
                            attribute("plan", "request"),
                            attribute("code", "never"),
                        ],
                    },
                ],
            },
            {
                "schemas": [schema],
                "id": "urn:example:Visit",
                "name": "Visit",
                "attributes": [attribute("host", "default"), attribute("escort", "request")],
            },
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "name": "Badge", "endpoint": "/Badges", "schema": "urn:example:Badge",
                "schemaExtensions": [{"schema": "urn:example:Visit", "required": false}],
            },
        ]);
        Registry::load(&[("badge.json".to_owned(), badge.to_string())]).unwrap()
    }

    fn badge() -> Value {
        json!({
            "schemas": ["urn:example:Badge"],
            "id": "1",
            "serial": "s", "colour": "c", "photo": "p", "pin": "n",
            "doors": [
                {"value": "v", "display": "d", "plan": "p", "code": "c"},
                {"value": "w", "plan": "q"},
            ],
            "urn:example:Visit": {"host": "h", "escort": "e"},
        })
    }

    fn user() -> Value {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
            "id": "1",
            "externalId": "x",
            "userName": "bjensen",
            "name": {"familyName": "Jensen", "givenName": "Barbara"},
            "emails": [{"value": "b@example.com", "type": "work"}, {"value": "c@example.com"}],
            "meta": {"resourceType": "User", "version": "W/\"1\""},
            ENTERPRISE: {"department": "Tours", "manager": {"value": "2", "displayName": "John"}},
        })
    }

    fn projected(kind: &str, resource: Value, only: Option<&str>, without: Option<&str>) -> Value {
        let registry = registry();
        let Value::Object(mut resource) = resource else {
            panic!("not an object")
        };
        let projection = Projection::parse(only, without).unwrap();
        projection.apply(registry.resource_type(kind).unwrap(), &mut resource);
        Value::Object(resource)
    }

    /// What stays, beside `schemas` and `id`, which always do.
    fn rest(kind: &str, resource: Value, only: Option<&str>, without: Option<&str>) -> Value {
        let mut answer = projected(kind, resource, only, without);
        let object = answer.as_object_mut().unwrap();
        assert!(object.remove("schemas").is_some(), "schemas is missing");
        assert!(object.remove("id").is_some(), "id is missing");
        answer
    }

    #[test]
    fn attributes_asked_for_replace_the_default_set() {
        let cases = [
            ("userName", json!({"userName": "bjensen"})),
            ("USERNAME", json!({"userName": "bjensen"})),
            (
                " userName , externalId,",
                json!({"externalId": "x", "userName": "bjensen"}),
            ),
            (
                "urn:ietf:params:scim:schemas:core:2.0:user:userName",
                json!({"userName": "bjensen"}),
            ),
            ("name.familyName", json!({"name": {"familyName": "Jensen"}})),
            (
                "name,name.familyName",
                json!({"name": {"familyName": "Jensen", "givenName": "Barbara"}}),
            ),
            ("emails.type", json!({"emails": [{"type": "work"}]})),
            ("emails.display", json!({})),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                json!({ENTERPRISE: {"department": "Tours", "manager": {"value": "2", "displayName": "John"}}}),
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName",
                json!({ENTERPRISE: {"manager": {"displayName": "John"}}}),
            ),
            ("id", json!({})),
            ("noSuch,name.noSuch,urn:example:none:x", json!({})),
            ("department", json!({})),
        ];
        for (only, wanted) in cases {
            assert_eq!(rest("User", user(), Some(only), None), wanted, "{only}");
        }
    }

    #[test]
    fn excluded_attributes_are_taken_from_the_default_set() {
        let cases = [
            (
                "emails,meta,name,externalId",
                json!({"userName": "bjensen", ENTERPRISE: user()[ENTERPRISE]}),
            ),
            (
                "id,schemas,emails,meta,NAME.givenName,externalId",
                json!({
                    "userName": "bjensen", "name": {"familyName": "Jensen"}, ENTERPRISE: user()[ENTERPRISE],
                }),
            ),
            (
                "emails,emails.value,meta,name.familyName,name.givenName,externalId,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                json!({"userName": "bjensen"}),
            ),
            (
                "emails,meta,name,externalId,noSuch,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
                json!({"userName": "bjensen", ENTERPRISE: {"department": "Tours"}}),
            ),
        ];
        for (without, wanted) in cases {
            assert_eq!(
                rest("User", user(), None, Some(without)),
                wanted,
                "{without}"
            );
        }
    }

    #[test]
    fn returned_decides_for_attributes_and_for_sub_attributes() {
        let doors = json!([{"value": "v", "display": "d"}, {"value": "w"}]);
        let visit = "urn:example:Visit";
        let cases = [
            (
                None,
                None,
                json!({"serial": "s", "colour": "c", "doors": doors, visit: {"host": "h"}}),
            ),
            (Some("photo"), None, json!({"serial": "s", "photo": "p"})),
            (
                Some("pin,doors.code"),
                None,
                json!({"serial": "s", "doors": [{"value": "v"}, {"value": "w"}]}),
            ),
            (Some("doors"), None, json!({"serial": "s", "doors": doors})),
            (
                Some("doors.plan"),
                None,
                json!({"serial": "s", "doors": [{"value": "v", "plan": "p"}, {"value": "w", "plan": "q"}]}),
            ),
            (
                Some("urn:example:Visit"),
                None,
                json!({"serial": "s", visit: {"host": "h"}}),
            ),
            (
                Some("urn:example:Visit:escort"),
                None,
                json!({"serial": "s", visit: {"escort": "e"}}),
            ),
            (
                None,
                Some("serial,colour,photo,doors.value,doors.display,urn:example:Visit:host"),
                json!({"serial": "s", "doors": [{"value": "v"}, {"value": "w"}]}),
            ),
        ];
        for (only, without, wanted) in cases {
            assert_eq!(
                rest("Badge", badge(), only, without),
                wanted,
                "{only:?} {without:?}"
            );
        }
    }

    #[test]
    fn what_an_answer_cannot_hold_need_not_be_computed() {
        let registry = registry();
        let cases = [
            (None, None, "members", true),
            (None, Some("members"), "members", false),
            (None, Some("members.display"), "members", true),
            (Some("displayName"), None, "members", false),
            (Some("Members.value"), None, "MEMBERS", true),
            (Some("displayName"), None, "id", true),
            (None, None, "noSuch", false),
        ];
        let group = registry.resource_type("Group").unwrap();
        for (only, without, name, wanted) in cases {
            let projection = Projection::parse(only, without).unwrap();
            assert_eq!(
                projection.wants(group, name),
                wanted,
                "{only:?} {without:?} {name}"
            );
        }
        let user = registry.resource_type("User").unwrap();
        let wants = |only| {
            Projection::parse(Some(only), None)
                .unwrap()
                .wants(user, ENTERPRISE)
        };
        assert!(wants(ENTERPRISE) && !wants("userName"));
    }

    #[test]
    fn a_request_for_nothing_in_particular_is_the_default() {
        for (only, without) in [(None, None), (Some(""), None), (Some(" , "), Some(""))] {
            assert!(Projection::parse(only, without).unwrap().is_default());
        }
        assert!(
            !Projection::parse(None, Some("noSuch"))
                .unwrap()
                .is_default()
        );
    }

    #[test]
    fn both_parameters_at_once_and_malformed_paths_are_refused() {
        let cases = [
            (Some("userName"), Some("emails")),
            (Some("user name"), None),
            (Some("emails[type eq \"work\"]"), None),
            (None, Some("1a")),
            (None, Some("name..x")),
        ];
        for (only, without) in cases {
            let error = Projection::parse(only, without).unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidValue, "{only:?} {without:?}");
        }
    }
}
