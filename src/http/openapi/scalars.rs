//! Values that are texts in JSON and more than that here.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::clock::Timestamp;
use crate::policies::Role;
use crate::scim::leniency::Dialect;
use crate::secret::SecretKind;
use crate::store::directories::DirectoryKind;
use crate::store::id::{
    CredentialId, DirectoryId, InstanceId, PolicyId, ProductId, ResourceId, RoleMappingId,
    ServiceAccountId, SigningKeyId, WebhookId,
};

fn text_of_format(format: KnownFormat) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(format)))
        .into()
}

macro_rules! identifiers {
    ($($name:ident)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                text_of_format(KnownFormat::Uuid)
            }
        }

        impl ToSchema for $name {}
    )*};
}

identifiers! {
    CredentialId DirectoryId InstanceId PolicyId ProductId ResourceId RoleMappingId ServiceAccountId SigningKeyId
    WebhookId
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        text_of_format(KnownFormat::DateTime)
    }
}

impl ToSchema for Timestamp {}

fn one_of(names: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
        .into()
}

macro_rules! named {
    ($($type:ident = $all:expr;)*) => {$(
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                one_of($all.into_iter().map($type::name))
            }
        }

        impl ToSchema for $type {}
    )*};
}

named! {
    Role = Role::ALL;
    Dialect = Dialect::ALL;
    DirectoryKind = DirectoryKind::ALL;
    SecretKind = SecretKind::ALL;
}
