//! The OpenAPI document: every operation with what it takes, what it answers and who may call.
//!
//! An operation's method, path, scope, parameters and body come from where it is mounted ([`ApiEndpoint`]), the
//! schemas from the types that are read and written; an [`Operation`] says the rest, and none can be mounted
//! without. What the SCIM interface offers comes from the resource types that are loaded.

mod arguments;
mod endpoint;
mod operation;
mod page;
mod refusals;
mod scalars;
mod schemas;
mod scim;

use std::collections::BTreeSet;

use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Info, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Paths, ServerBuilder,
};

use crate::policies::Role;
use crate::scim::schema::Registry;

use super::{INTERFACES, admin, gateway};

pub(super) use arguments::{Argument, Taken, query_parameter};
pub(super) use endpoint::ApiEndpoint;
pub(super) use operation::{Caller, Mounted, Operation, response};
pub(super) use refusals::Form;
use schemas::Schemas;

/// The style of the page.
pub(super) const STYLE: &str = include_str!("docs.css");

/// The document as it is served: for programs, and as a page for people.
pub(super) struct Document {
    pub(super) json: String,
    pub(super) page: String,
}

impl Document {
    pub(super) fn of(base_url: &str, registry: &Registry) -> Self {
        // What was built of types has a form as JSON.
        let document = serde_json::to_value(document(base_url, registry)).unwrap_or_default();
        Self {
            page: page::page(&document),
            json: document.to_string(),
        }
    }
}

/// Operations that belong together.
struct Group {
    name: String,
    operations: Vec<Mounted>,
}

/// The document for a server with these resource types, where clients know it by this URL.
#[must_use]
pub fn document(base_url: &str, registry: &Registry) -> OpenApi {
    let groups = groups(registry);
    let mut paths = Paths::new();
    let mut schemas = shared_schemas();
    let mut refused = BTreeSet::new();
    for group in &groups {
        for operation in &group.operations {
            paths.add_path_operation(
                operation.path(),
                vec![operation.method()],
                operation.described(&group.name),
            );
            schemas.extend(operation.schemas());
            let form = operation.form();
            refused.extend(
                operation
                    .refusals()
                    .into_iter()
                    .map(|status| (form, status)),
            );
        }
    }
    let mut components = ComponentsBuilder::new().schemas_from_iter(schemas.by_name());
    for (form, status) in refused {
        components = components.response(form.name(status), refusals::answer(form, status));
    }
    for (name, scheme) in security_schemes() {
        components = components.security_scheme(name, scheme);
    }
    let tags = groups
        .into_iter()
        .map(|group| TagBuilder::new().name(group.name).build());
    OpenApiBuilder::new()
        .info(info())
        .servers(Some([ServerBuilder::new().url(base_url).build()]))
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(tags))
        .build()
}

/// In the order in which they are shown.
fn groups(registry: &Registry) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut add =
        |name: String, operation: Mounted| match groups.iter_mut().find(|group| group.name == name)
        {
            Some(group) => group.operations.push(operation),
            None => groups.push(Group {
                name,
                operations: vec![operation],
            }),
        };
    for operation in admin::operations() {
        let part = operation.path().split('/').nth(1).unwrap_or_default();
        add(format!("admin/{part}"), operation.below("/admin/v1"));
    }
    for interface in &INTERFACES {
        for endpoint in (interface.endpoints)() {
            for operation in endpoint.operations() {
                let operation = operation.clone().below(interface.prefix);
                add(interface.name.to_owned(), operation);
            }
        }
    }
    for operation in gateway::operations() {
        add("gateway".to_owned(), operation);
    }
    for (name, operation) in scim::operations(registry) {
        add(name, operation);
    }
    groups
}

/// What no operation brings along.
fn shared_schemas() -> Schemas {
    let mut schemas = Schemas::default();
    // They are kept; who refers to them does so by name.
    let _ = schemas.reference::<super::problem::ProblemBody>();
    let _ = schemas.reference::<super::oauth::OAuthError>();
    let _ = schemas.reference::<Role>();
    schemas
}

fn info() -> Info {
    let license = LicenseBuilder::new()
        .name(env!("CARGO_PKG_LICENSE"))
        .identifier(Some(env!("CARGO_PKG_LICENSE").to_owned()));
    InfoBuilder::new()
        .title("Portcullis")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(license.build()))
        .build()
}

const DESCRIPTION: &str = "A SCIM 2.0 provisioning server joined to a token authority.\n\n\
    A list is `{\"items\": […], \"next_cursor\": …}`: `limit` says how many to show, and `cursor` takes the \
    `next_cursor` of the page before. Times are RFC 3339 in UTC, identifiers UUIDs. Whatever answers GET answers \
    HEAD too; a method that a path does not offer is answered 405 with `Allow`. A request that fails because of the \
    server is answered 500, and its log says why. Wherever it goes to, one with a long address is answered 414, one \
    with long headers 431, and one that comes while more is asked than can be answered 503 with `Retry-After`.";

fn security_schemes() -> [(&'static str, SecurityScheme); 7] {
    let scheme = |scheme: HttpAuthScheme, description: &str| {
        let built = HttpBuilder::new()
            .scheme(scheme)
            .description(Some(description));
        SecurityScheme::Http(built.build())
    };
    let bearer = |description: &str| scheme(HttpAuthScheme::Bearer, description);
    [
        (
            "admin",
            bearer(
                "An admin API key, a credential of a service account, or the token of an admin's session; each has \
                 scopes, and an operation names the one that it needs.",
            ),
        ),
        (
            "session",
            bearer("The token of a session, which `POST /account/v1/session` gives."),
        ),
        (
            "scim",
            bearer("A SCIM key, or an access token with the scope `scim`; it opens one directory."),
        ),
        ("product", bearer("The credential of a product.")),
        (
            "gateway",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
                gateway::PRODUCT_CREDENTIAL,
                "The credential of the product that the gateway stands before.",
            ))),
        ),
        (
            "token",
            bearer("The token of the user, as the gateway was given it."),
        ),
        (
            "product_basic",
            scheme(
                HttpAuthScheme::Basic,
                "The identifier of a product as the user name, and its credential as the password.",
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        Registry::load(&[]).unwrap()
    }

    #[test]
    fn no_two_schemas_have_one_name() {
        let mut schemas = shared_schemas();
        for group in groups(&registry()) {
            for operation in group.operations {
                schemas.extend(operation.schemas());
            }
        }
        assert!(schemas.clashes().is_empty(), "{:?}", schemas.clashes());
    }

    #[test]
    fn no_two_operations_have_one_identifier() {
        let document = document("https://example.org", &registry());
        let document = serde_json::to_value(&document).unwrap();
        let mut identifiers = BTreeSet::new();
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                let identifier = operation["operationId"].as_str().unwrap();
                assert!(identifiers.insert(identifier.to_owned()), "{identifier}");
            }
        }
    }
}
