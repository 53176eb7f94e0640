//! Policies and changes of them as they are sent: the settings stand beside the rest in one object. It is taken
//! apart by hand, so that the member which is wrong is named.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::clock::Timestamp;
use crate::policies::authentication::{NewPolicy, PolicyChange, SettingsChange};
use crate::store::id::ResourceId;

use super::super::problem::Problem;

/// A policy to be.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct NewPolicyBody(Map<String, Value>);

impl NewPolicyBody {
    pub(super) fn read(self) -> Result<NewPolicy, Problem> {
        let mut body = self.0;
        Ok(NewPolicy {
            name: take(&mut body, "name")?.unwrap_or_default(),
            members: take(&mut body, "members")?.unwrap_or_default(),
            settings: settings(body)?,
        })
    }
}

/// A change of a policy.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct PolicyChangeBody(Map<String, Value>);

impl PolicyChangeBody {
    pub(super) fn read(self) -> Result<PolicyChange, Problem> {
        let mut body = self.0;
        let effective_at = take::<String>(&mut body, "effective_at")?
            .map(|text| {
                Timestamp::parse_rfc3339(&text).ok_or_else(|| {
                    Problem::invalid_value(format!(
                        "effective_at is {text:?}; write a time such as 2026-01-31T12:00:00Z"
                    ))
                })
            })
            .transpose()?;
        Ok(PolicyChange {
            name: take(&mut body, "name")?,
            shorten_existing: take(&mut body, "shorten_existing")?.unwrap_or_default(),
            effective_at,
            settings: settings(body)?,
        })
    }
}

/// Takes a member out of a body; one that is null is not there.
fn take<T: DeserializeOwned>(
    body: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<T>, Problem> {
    let value = body.remove(name).unwrap_or_default();
    serde_json::from_value(value).map_err(|error| not_taken(name, &error))
}

fn not_taken(name: &str, error: &serde_json::Error) -> Problem {
    Problem::invalid_value(format!("{name} is not acceptable: {error}"))
}

/// What is left of a body once the rest is taken. The first that is wrong is named.
fn settings(body: Map<String, Value>) -> Result<SettingsChange, Problem> {
    for (name, value) in &body {
        let alone = Map::from_iter([(name.clone(), value.clone())]);
        let taken: Result<SettingsChange, _> = serde_json::from_value(Value::Object(alone));
        taken.map_err(|error| not_taken(name, &error))?;
    }
    serde_json::from_value(Value::Object(body)).map_err(|error| Problem::not_taken(&error))
}

impl PartialSchema for NewPolicyBody {
    fn schema() -> RefOr<Schema> {
        let resource = Ref::from_schema_name(<ResourceId as ToSchema>::name());
        let members = ArrayBuilder::new()
            .items(resource)
            .description(Some("The people and groups that it names."));
        let name = ObjectBuilder::new().schema_type(Type::String);
        beside_settings(
            [("name", name.into()), ("members", members.into())],
            &["name"],
        )
    }
}

impl ToSchema for NewPolicyBody {
    fn name() -> Cow<'static, str> {
        "NewPolicy".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        SettingsChange::schemas(schemas);
        let name = <ResourceId as ToSchema>::name().into_owned();
        schemas.push((name, ResourceId::schema()));
    }
}

impl PartialSchema for PolicyChangeBody {
    fn schema() -> RefOr<Schema> {
        let or_null = |kind| {
            let types = SchemaType::from_iter([kind, Type::Null]);
            ObjectBuilder::new().schema_type(types)
        };
        let shorten = or_null(Type::Boolean).description(Some(
            "Whether tokens that live longer than the maximum are cut to it.",
        ));
        let effective_at = or_null(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some(
                "From when on the settings hold; at once where nothing is said.",
            ));
        beside_settings(
            [
                ("name", or_null(Type::String).into()),
                ("shorten_existing", shorten.into()),
                ("effective_at", effective_at.into()),
            ],
            &[],
        )
    }
}

impl ToSchema for PolicyChangeBody {
    fn name() -> Cow<'static, str> {
        "PolicyChange".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        SettingsChange::schemas(schemas);
    }
}

/// The schema of these members and those of a change of settings.
fn beside_settings(
    members: impl IntoIterator<Item = (&'static str, RefOr<Schema>)>,
    required: &[&str],
) -> RefOr<Schema> {
    let mut object = match SettingsChange::schema() {
        RefOr::T(Schema::Object(object)) => object,
        _ => Object::new(),
    };
    object.description = None;
    // What is not given stays; null says something else.
    for property in object.properties.values_mut() {
        match property {
            RefOr::T(Schema::Object(simple)) => simple.default = None,
            RefOr::T(Schema::OneOf(either)) => either.default = None,
            RefOr::T(Schema::Array(list)) => list.default = None,
            _ => {}
        }
    }
    for (name, schema) in members {
        object.properties.insert(name.to_owned(), schema);
    }
    object
        .required
        .extend(required.iter().map(|name| (*name).to_owned()));
    Schema::Object(object).into()
}
