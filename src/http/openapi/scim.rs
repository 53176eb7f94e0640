//! The SCIM interface as the loaded resource types make it: its paths, and the schemas of its resources.

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::{Content, HeaderBuilder, Ref, RefOr, Required, Response, ResponseBuilder};

use actix_web::http::Method;

use crate::http::scim::{MEDIA_TYPE, SCIM_ERROR};
use crate::scim::bulk::BULK_REQUEST_SCHEMA;
use crate::scim::list::SEARCH_REQUEST_SCHEMA;
use crate::scim::patch::PATCH_SCHEMA;
use crate::scim::schema::{Attribute, AttributeKind, Mutability, Registry, ResourceType, Returned};

use super::arguments::{Body, Taken};
use super::operation::{Caller, Mounted, Operation, text};
use super::refusals::Form;
use super::schemas::Schemas;

const ROOT: &str = "/scim/v2";
/// What every request can be refused with, whatever it asks for.
const ALWAYS: [u16; 6] = [400, 401, 403, 406, 429, 503];
/// And what a body can be refused for.
const OF_BODIES: [u16; 3] = [408, 413, 415];

/// Every operation, with the group that it belongs to.
pub(super) fn operations(registry: &Registry) -> Vec<(String, Mounted)> {
    let mut operations: Vec<(String, Mounted)> = Vec::new();
    for kind in registry.resource_types() {
        let group = format!("scim{}", kind.endpoint);
        let of_type = of_type(kind).into_iter();
        operations.extend(of_type.map(|operation| (group.clone(), operation)));
    }
    let group = "scim".to_owned();
    operations.extend(
        of_all_types()
            .into_iter()
            .chain(discovery())
            .map(|operation| (group.clone(), operation)),
    );
    operations
}

/// One operation before it has a place.
struct Draft {
    taken: Taken,
    operation: Operation,
    schemas: Schemas,
}

impl Draft {
    fn new(summary: &'static str) -> Self {
        let operation = Operation::new(summary)
            .of(Caller::IdentityProvider)
            .refused_as(Form::Scim)
            .refuses(&ALWAYS);
        let mut schemas = Schemas::default();
        schemas.insert(SCIM_ERROR, error());
        Self {
            taken: Taken::default(),
            operation,
            schemas,
        }
    }

    fn changed(mut self, change: impl FnOnce(Operation) -> Operation) -> Self {
        self.operation = change(self.operation);
        self
    }

    fn refuses(self, statuses: &[u16]) -> Self {
        self.changed(|operation| operation.refuses(statuses))
    }

    fn explained(self, text: &'static str) -> Self {
        self.changed(|operation| operation.explained(text))
    }

    fn also_for_people(self) -> Self {
        self.changed(|operation| operation.of(Caller::IdentityProviderOrPerson))
    }

    fn takes(mut self, name: &str, schema: Schema) -> Self {
        self.schemas.insert(name, schema);
        self.taken.body = Some(Body {
            media_type: MEDIA_TYPE,
            required: Required::True,
            content: Content::new(Some(Ref::from_schema_name(name))),
        });
        self.refuses(&OF_BODIES)
    }

    fn asks(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.taken.parameters.extend(parameters);
        self
    }

    fn shows(mut self, status: u16, description: &str, name: &str, schema: Schema) -> Self {
        self.schemas.insert(name, schema);
        let answer = ResponseBuilder::new()
            .description(description)
            .content(MEDIA_TYPE, Content::new(Some(Ref::from_schema_name(name))));
        self.changed(|operation| operation.answer(status, answer.build()))
    }

    /// A resource, with its entity tag and its address.
    fn shows_one(self, status: u16, description: &str, kind: &ResourceType) -> Self {
        let name = shown_name(kind);
        let mut draft = self.shows(status, description, &name, shown(kind));
        draft.operation = draft.operation.with_headers(
            status,
            [
                ("ETag", header("Its version")),
                ("Location", header("Its address")),
            ],
        );
        draft
    }

    fn answers(self, status: u16, description: &str) -> Self {
        let answer: Response = ResponseBuilder::new().description(description).build();
        self.changed(|operation| operation.answer(status, answer))
    }

    fn at(self, method: Method, path: &str) -> Mounted {
        let operation = self.operation.with_schemas(self.schemas);
        Mounted::new(method, &format!("{ROOT}{path}"), self.taken, operation)
    }
}

fn of_type(kind: &ResourceType) -> Vec<Mounted> {
    let endpoint = &kind.endpoint;
    let one = format!("{endpoint}/{{id}}");
    let list_name = format!("{}List", shown_name(kind));
    let list = || list_of(Ref::from_schema_name(shown_name(kind)).into());
    // The list refers to the resources in it.
    let with_resource = |draft: Draft| draft.kept(&shown_name(kind), shown(kind));
    vec![
        with_resource(Draft::new("Query resources"))
            .asks(query())
            .shows(200, "A page of the list", &list_name, list())
            .at(Method::GET, endpoint),
        Draft::new("Create a resource")
            .asks(projection())
            .takes(&written_name(kind), written(kind))
            .shows_one(201, "It was made", kind)
            .refuses(&[409])
            .at(Method::POST, endpoint),
        with_resource(Draft::new("Query resources with a body"))
            .takes("ScimSearchRequest", search_request())
            .shows(200, "A page of the list", &list_name, list())
            .at(Method::POST, &format!("{endpoint}/.search")),
        Draft::new("Show a resource")
            .asks(projection())
            .asks([condition("If-None-Match")])
            .shows_one(200, "Here it is", kind)
            .answers(304, "It has not changed")
            .at(Method::GET, &one),
        Draft::new("Replace a resource")
            .asks(projection())
            .asks([condition("If-Match")])
            .takes(&written_name(kind), written(kind))
            .shows_one(200, "As it is now", kind)
            .answers(204, "Replaced; nothing more was asked for")
            .refuses(&[409, 412])
            .at(Method::PUT, &one),
        Draft::new("Modify a resource")
            .asks(projection())
            .asks([condition("If-Match")])
            .takes("ScimPatchRequest", patch_request())
            .shows_one(200, "As it is now", kind)
            .answers(
                204,
                "Modified; it is too large to be shown unasked, or nothing more was asked for",
            )
            .refuses(&[409, 412])
            .at(Method::PATCH, &one),
        Draft::new("Delete a resource")
            .asks([condition("If-Match")])
            .answers(204, "It is gone")
            .refuses(&[409, 412])
            .at(Method::DELETE, &one),
    ]
}

fn of_all_types() -> [Mounted; 4] {
    let list = || list_of(Schema::from(Object::new()).into());
    [
        Draft::new("Query resources of all types")
            .asks(query())
            .shows(200, "A page of the list", "ScimList", list())
            .at(Method::GET, ""),
        Draft::new("Query resources of all types with a body")
            .takes("ScimSearchRequest", search_request())
            .shows(200, "A page of the list", "ScimList", list())
            .at(Method::POST, "/.search"),
        Draft::new("Run several operations in one transaction")
            .takes("ScimBulkRequest", bulk_request())
            .shows(
                200,
                "What became of each",
                "ScimBulkResponse",
                bulk_response(),
            )
            .refuses(&[409])
            .at(Method::POST, "/Bulk"),
        Draft::new("Show oneself")
            .explained(
                "For a signed-in person. An identity provider is nobody, and is answered 501.",
            )
            .changed(|operation| operation.of(Caller::Person))
            .asks(projection())
            .asks([condition("If-None-Match")])
            .shows(200, "Here it is", "ScimResource", Object::new().into())
            .answers(304, "It has not changed")
            .refuses(&[404, 501])
            .at(Method::GET, "/Me"),
    ]
}

fn discovery() -> Vec<Mounted> {
    let shows = |summary, name: &str, schema: Schema| {
        Draft::new(summary)
            .also_for_people()
            .shows(200, "Here it is", name, schema)
    };
    let list = || list_of(Schema::from(Object::new()).into());
    let resource = || Schema::from(Object::new());
    vec![
        shows("Show what this server offers", "ScimResource", resource())
            .at(Method::GET, "/ServiceProviderConfig"),
        shows("List resource types", "ScimList", list()).at(Method::GET, "/ResourceTypes"),
        shows("Show a resource type", "ScimResource", resource())
            .at(Method::GET, "/ResourceTypes/{name}"),
        shows("List schemas", "ScimList", list()).at(Method::GET, "/Schemas"),
        shows("Show a schema", "ScimResource", resource()).at(Method::GET, "/Schemas/{urn}"),
    ]
}

impl Draft {
    fn kept(mut self, name: &str, schema: Schema) -> Self {
        self.schemas.insert(name, schema);
        self
    }
}

fn header(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(Some(text()))
        .description(Some(description))
        .build()
}

fn parameter(name: &str, place: ParameterIn, schema: Schema, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .schema(Some(schema))
        .description(Some(description))
        .build()
}

fn condition(name: &str) -> Parameter {
    parameter(name, ParameterIn::Header, text(), "An entity tag")
}

/// Which attributes of what is answered.
fn projection() -> [Parameter; 2] {
    [
        parameter(
            "attributes",
            ParameterIn::Query,
            text(),
            "These attributes only, separated by commas",
        ),
        parameter(
            "excludedAttributes",
            ParameterIn::Query,
            text(),
            "Not these attributes, separated by commas",
        ),
    ]
}

fn query() -> Vec<Parameter> {
    let in_query =
        |name, schema, description| parameter(name, ParameterIn::Query, schema, description);
    let mut parameters = vec![
        in_query("filter", text(), "RFC 7644 section 3.4.2.2"),
        in_query("sortBy", text(), "An attribute"),
        in_query("sortOrder", order(), "Ascending where nothing is said"),
        in_query("startIndex", whole(), "The number of the first, from 1"),
        in_query("count", whole(), "How many at most"),
        in_query(
            "cursor",
            text(),
            "The `nextCursor` of the page before (RFC 9865); empty for the first",
        ),
    ];
    parameters.extend(projection());
    parameters
}

fn order() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["ascending", "descending"]))
        .into()
}

fn whole() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .into()
}

fn texts() -> Schema {
    Schema::from(ArrayBuilder::new().items(RefOr::T(text())).build())
}

/// The `schemas` of a message.
fn only(urn: &'static str) -> Schema {
    let urn = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([urn]));
    let all = ArrayBuilder::new().items(urn).min_items(Some(1));
    Schema::from(all.max_items(Some(1)).build())
}

fn shown_name(kind: &ResourceType) -> String {
    format!("Scim{}", kind.name)
}

fn written_name(kind: &ResourceType) -> String {
    format!("Scim{}ToWrite", kind.name)
}

/// A resource as it is answered: any attribute but its identifier can be left out.
fn shown(kind: &ResourceType) -> Schema {
    resource(kind, |attribute| attribute.returned != Returned::Never)
        .required("schemas")
        .required("id")
        .into()
}

/// A resource as it is sent.
fn written(kind: &ResourceType) -> Schema {
    let mut built = resource(kind, |attribute| {
        attribute.name == "schemas" || attribute.mutability != Mutability::ReadOnly
    })
    .required("schemas");
    for attribute in &kind.schema.attributes {
        if attribute.required && attribute.mutability != Mutability::ReadOnly {
            built = built.required(&attribute.name);
        }
    }
    built.into()
}

fn resource(kind: &ResourceType, is_part: impl Fn(&Attribute) -> bool) -> ObjectBuilder {
    let mut built = ObjectBuilder::new().description(Some(kind.description.as_str()));
    for attribute in kind.common.attributes.iter().chain(&kind.schema.attributes) {
        if is_part(attribute) {
            built = built.property(&attribute.name, of_attribute(attribute, &is_part));
        }
    }
    for extension in &kind.extensions {
        let attributes = &extension.schema.attributes;
        let members = attributes.iter().filter(|attribute| is_part(attribute));
        built = built.property(&extension.schema.id, complex(members, &is_part));
    }
    built
}

fn complex<'a>(
    members: impl Iterator<Item = &'a Attribute>,
    is_part: &impl Fn(&Attribute) -> bool,
) -> ObjectBuilder {
    members.fold(ObjectBuilder::new(), |built, member| {
        built.property(&member.name, of_attribute(member, is_part))
    })
}

fn of_attribute(attribute: &Attribute, is_part: &impl Fn(&Attribute) -> bool) -> RefOr<Schema> {
    let simple = |kind: Type| ObjectBuilder::new().schema_type(kind);
    let of_format = |format| simple(Type::String).format(Some(SchemaFormat::KnownFormat(format)));
    let built = match attribute.kind {
        AttributeKind::String | AttributeKind::Reference => simple(Type::String),
        AttributeKind::Binary => of_format(KnownFormat::Byte),
        AttributeKind::DateTime => of_format(KnownFormat::DateTime),
        AttributeKind::Boolean => simple(Type::Boolean),
        AttributeKind::Decimal => simple(Type::Number),
        AttributeKind::Integer => simple(Type::Integer),
        AttributeKind::Complex => {
            let members = attribute.sub_attributes.iter();
            complex(members.filter(|member| is_part(member)), is_part)
        }
    };
    let description = (!attribute.description.is_empty()).then_some(&attribute.description);
    if attribute.multi_valued {
        let array = ArrayBuilder::new().items(built).description(description);
        return Schema::from(array.build()).into();
    }
    built.description(description).into()
}

fn list_of(item: RefOr<Schema>) -> Schema {
    ObjectBuilder::new()
        .property("schemas", texts())
        .property("totalResults", whole())
        .property("itemsPerPage", whole())
        .property("startIndex", whole())
        .property("nextCursor", text())
        .property("Resources", ArrayBuilder::new().items(item))
        .required("schemas")
        .required("totalResults")
        .into()
}

/// RFC 7644 section 3.12.
fn error() -> Schema {
    ObjectBuilder::new()
        .description(Some("Why a request is refused (RFC 7644 section 3.12)"))
        .property("schemas", texts())
        .property("status", text())
        .property("scimType", text())
        .property("detail", text())
        .required("schemas")
        .required("status")
        .required("detail")
        .into()
}

/// RFC 7644 section 3.4.3.
fn search_request() -> Schema {
    ObjectBuilder::new()
        .property("schemas", only(SEARCH_REQUEST_SCHEMA))
        .property("filter", text())
        .property("sortBy", text())
        .property("sortOrder", order())
        .property("startIndex", whole())
        .property("count", whole())
        .property("cursor", text())
        .property("attributes", texts())
        .property("excludedAttributes", texts())
        .required("schemas")
        .into()
}

/// RFC 7644 section 3.5.2.
fn patch_request() -> Schema {
    let operation = ObjectBuilder::new()
        .property(
            "op",
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(["add", "remove", "replace"])),
        )
        .property("path", text())
        .property("value", anything())
        .required("op");
    ObjectBuilder::new()
        .property("schemas", only(PATCH_SCHEMA))
        .property(
            "Operations",
            ArrayBuilder::new().items(operation).min_items(Some(1)),
        )
        .required("schemas")
        .required("Operations")
        .into()
}

/// RFC 7644 section 3.7.
fn bulk_request() -> Schema {
    let operation = ObjectBuilder::new()
        .property(
            "method",
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(["POST", "PUT", "PATCH", "DELETE"])),
        )
        .property("bulkId", text())
        .property("version", text())
        .property("path", text())
        .property("data", Object::new())
        .required("method")
        .required("path");
    ObjectBuilder::new()
        .property("schemas", only(BULK_REQUEST_SCHEMA))
        .property("failOnErrors", whole())
        .property(
            "Operations",
            ArrayBuilder::new().items(operation).min_items(Some(1)),
        )
        .required("schemas")
        .required("Operations")
        .into()
}

/// RFC 7644 section 3.7.3.
fn bulk_response() -> Schema {
    let result = ObjectBuilder::new()
        .property("method", text())
        .property("bulkId", text())
        .property("version", text())
        .property("location", text())
        .property("status", text())
        .property("response", Ref::from_schema_name(SCIM_ERROR))
        .required("status");
    ObjectBuilder::new()
        .property("schemas", texts())
        .property("Operations", ArrayBuilder::new().items(result))
        .required("schemas")
        .required("Operations")
        .into()
}

/// Whatever JSON has, but null, which a PATCH has no use for.
fn anything() -> Schema {
    let kinds = [Type::String, Type::Number, Type::Boolean, Type::Object];
    let any = kinds.into_iter().fold(AnyOfBuilder::new(), |any, kind| {
        any.item(ObjectBuilder::new().schema_type(kind))
    });
    let array = ArrayBuilder::new().items(Object::new());
    any.item(Schema::from(array.build())).build().into()
}
