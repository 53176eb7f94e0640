//! What is said of an operation beside its method, its path and what it takes, which come from where it is mounted.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use utoipa::ToSchema;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{
    KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    Content, Header, HeaderBuilder, Ref, RefOr, Required, Response, ResponseBuilder, path,
};

use crate::policies::{Role, Scope};

use super::arguments::Taken;
use super::refusals::Form;
use super::schemas::Schemas;

/// What is said of an operation.
#[derive(Clone)]
#[must_use]
pub(in crate::http) struct Operation {
    summary: &'static str,
    explanation: Option<&'static str>,
    caller: Caller,
    form: Form,
    answers: BTreeMap<u16, Response>,
    refusals: BTreeSet<u16>,
    schemas: Schemas,
    orphans_may: bool,
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Caller {
    /// Anybody.
    Anybody,
    /// Whoever has this scope of the admin interface.
    WithScope(Scope),
    /// Whoever has this scope of the admin interface, but for orphaned keys.
    WithScopeInCare(Scope),
    /// A signed-in person.
    Person,
    /// A product.
    Product,
    /// Whoever has a credential that can be revoked.
    Holder,
    /// An identity provider.
    IdentityProvider,
    /// An identity provider, or a signed-in person.
    IdentityProviderOrPerson,
    /// A gateway for its product, with the token of a user.
    Gateway,
}

impl Operation {
    /// An operation that anybody may call, which this says in a few words.
    pub(in crate::http) fn new(summary: &'static str) -> Self {
        Self {
            summary,
            explanation: None,
            caller: Caller::Anybody,
            form: Form::Problem,
            answers: BTreeMap::new(),
            refusals: BTreeSet::new(),
            schemas: Schemas::default(),
            orphans_may: false,
        }
    }

    /// What else there is to know.
    pub(in crate::http) fn explained(mut self, text: &'static str) -> Self {
        self.explanation = Some(text);
        self
    }

    /// For these callers only.
    pub(in crate::http) fn of(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// Also for orphaned keys, though it changes something: it gives nobody anything.
    pub(in crate::http) fn orphans_may(mut self) -> Self {
        self.orphans_may = true;
        self
    }

    /// Whether that was said.
    pub(in crate::http) fn is_for_orphans(&self) -> bool {
        self.orphans_may
    }

    /// Refused in this form.
    pub(in crate::http) fn refused_as(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Also refused with these statuses, beside those that go with what it takes and who may call.
    pub(in crate::http) fn refuses(mut self, statuses: &[u16]) -> Self {
        self.refusals.extend(statuses);
        self
    }

    /// 200 with such a thing.
    pub(in crate::http) fn shows<T: ToSchema>(self) -> Self {
        self.answers_with::<T>(200, "Here it is")
    }

    /// 200 with a page of such things.
    pub(in crate::http) fn lists<T: ToSchema>(mut self) -> Self {
        let page = self.schemas.page_of::<T>();
        self.answer(
            200,
            response("A page of the list", "application/json", page),
        )
    }

    /// 201 with what was made, and its address.
    pub(in crate::http) fn creates<T: ToSchema>(mut self) -> Self {
        let made = self.schemas.reference::<T>();
        let address = HeaderBuilder::new()
            .schema(Some(text()))
            .description(Some("The path of what was made"));
        self.answer(201, response("It was made", "application/json", made))
            .with_headers(201, [("Location", address.build())])
    }

    /// 201 with what was made, or with a list of it where it was several.
    pub(in crate::http) fn creates_one_or_several<T: ToSchema>(mut self) -> Self {
        let several = self.schemas.page_of::<T>();
        let either = OneOfBuilder::new()
            .item(self.schemas.reference::<T>())
            .item(several);
        self.answer(
            201,
            response(
                "It was made",
                "application/json",
                Schema::from(either.build()).into(),
            ),
        )
    }

    /// This status, with such a thing.
    pub(in crate::http) fn answers_with<T: ToSchema>(
        mut self,
        status: u16,
        description: &str,
    ) -> Self {
        let shown = self.schemas.reference::<T>();
        self.answer(status, response(description, "application/json", shown))
    }

    /// 204: there is nothing to show.
    pub(in crate::http) fn ends(self) -> Self {
        let answer = ResponseBuilder::new().description("Done; there is nothing to show");
        self.answer(204, answer.build())
    }

    /// 200 with one such thing on each line.
    pub(in crate::http) fn streams<T: ToSchema>(mut self) -> Self {
        // It is kept, so that it can be named.
        let _ = self.schemas.reference::<T>();
        let lines = format!("One `{}` as JSON on each line", T::name());
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(lines.as_str()));
        self.answer(
            200,
            response(&lines, "application/x-ndjson", schema.build().into()),
        )
    }

    /// This answer.
    pub(in crate::http) fn answer(mut self, status: u16, answer: Response) -> Self {
        self.answers.insert(status, answer);
        self
    }

    /// This answer has these headers.
    pub(in crate::http) fn with_headers<const COUNT: usize>(
        mut self,
        status: u16,
        headers: [(&str, Header); COUNT],
    ) -> Self {
        if let Some(answer) = self.answers.get_mut(&status) {
            let headers = headers.map(|(name, header)| (name.to_owned(), header.into()));
            answer.headers.extend(headers);
        }
        self
    }

    /// Keeps the schemas that answers refer to.
    pub(super) fn with_schemas(mut self, schemas: Schemas) -> Self {
        self.schemas.extend(schemas);
        self
    }
}

/// An answer with a body.
pub(in crate::http) fn response(
    description: &str,
    media_type: &str,
    schema: RefOr<Schema>,
) -> Response {
    ResponseBuilder::new()
        .description(description)
        .content(media_type, Content::new(Some(schema)))
        .build()
}

/// Text without a further form.
pub(super) fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// An operation at its place.
#[derive(Clone)]
pub(in crate::http) struct Mounted {
    /// The method.
    pub(super) method: Method,
    /// The path, below where the interface is mounted.
    pub(super) path: String,
    /// What it takes.
    pub(super) taken: Taken,
    /// What is said of it.
    pub(super) operation: Operation,
}

impl Mounted {
    pub(in crate::http) fn new(
        method: Method,
        path: &str,
        taken: Taken,
        operation: Operation,
    ) -> Self {
        Self {
            method,
            path: plain(path),
            taken,
            operation,
        }
    }

    /// The same below another path.
    pub(super) fn below(mut self, prefix: &str) -> Self {
        self.path.insert_str(0, prefix);
        self
    }

    /// The path, with parameters in braces.
    pub(in crate::http) fn path(&self) -> &str {
        &self.path
    }

    /// The schemas that are referred to.
    pub(super) fn schemas(&self) -> Schemas {
        let mut schemas = self.operation.schemas.clone();
        schemas.extend(self.taken.schemas.clone());
        schemas
    }

    pub(super) fn method(&self) -> HttpMethod {
        match self.method {
            Method::POST => HttpMethod::Post,
            Method::PUT => HttpMethod::Put,
            Method::PATCH => HttpMethod::Patch,
            Method::DELETE => HttpMethod::Delete,
            _ => HttpMethod::Get,
        }
    }

    /// As the document says it, in a group of this name.
    pub(super) fn described(&self, group: &str) -> path::Operation {
        let Operation {
            summary,
            explanation,
            caller,
            form,
            answers,
            ..
        } = &self.operation;
        let mut built = OperationBuilder::new()
            .tag(group)
            .operation_id(Some(self.identifier()))
            .summary(Some(*summary))
            .description(description(*explanation, *caller))
            .parameters(Some(self.parameters()))
            .request_body(self.taken.body.as_ref().map(|body| {
                RequestBodyBuilder::new()
                    .required(Some(body.required.clone()))
                    .content(body.media_type, body.content.clone())
                    .build()
            }))
            .securities(Some(requirements(*caller)));
        for (status, answer) in answers {
            built = built.response(status.to_string(), answer.clone());
        }
        for status in self.refusals() {
            built = built.response(
                status.to_string(),
                Ref::from_response_name(form.name(status)),
            );
        }
        built.build()
    }

    /// Of its method and path, so that it stays what it is.
    fn identifier(&self) -> String {
        let words = self
            .path
            .split(|symbol: char| !symbol.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty() && *word != "v1" && *word != "v2");
        let mut all = vec![self.method.as_str().to_ascii_lowercase()];
        all.extend(words.map(str::to_owned));
        all.join("_")
    }

    fn parameters(&self) -> Vec<Parameter> {
        let of_path = parameters_of(&self.path).map(path_parameter);
        of_path
            .chain(self.taken.parameters.iter().cloned())
            .collect()
    }

    /// In which form it is refused.
    pub(super) fn form(&self) -> Form {
        self.operation.form
    }

    /// What goes with what it takes and with who may call, and what else was said.
    pub(super) fn refusals(&self) -> BTreeSet<u16> {
        let mut statuses = self.operation.refusals.clone();
        match self.operation.caller {
            Caller::Anybody => {}
            Caller::Product | Caller::Holder => statuses.extend([401, 429, 503]),
            _ => statuses.extend([400, 401, 403, 429, 503]),
        }
        for name in parameters_of(&self.path) {
            statuses.insert(404);
            if name == "role" {
                statuses.insert(422);
            }
        }
        if !self.taken.parameters.is_empty() {
            statuses.insert(400);
        }
        match &self.taken.body {
            Some(body) if body.media_type == "application/json" => {
                statuses.extend([400, 408, 413, 422]);
                if body.required == Required::True {
                    statuses.insert(415);
                }
            }
            Some(_) => statuses.extend([400, 408]),
            None => {}
        }
        statuses
    }
}

/// The scope is said in words too: not every reader shows the scopes of a bearer scheme.
fn description(explanation: Option<&str>, caller: Caller) -> Option<String> {
    let needed = match caller {
        Caller::WithScope(scope) => Some(format!("Needs the scope `{}`.", scope.name())),
        Caller::WithScopeInCare(scope) => Some(format!(
            "Needs the scope `{}`; an orphaned key may not.",
            scope.name()
        )),
        _ => None,
    };
    let texts: Vec<String> = explanation
        .map(str::to_owned)
        .into_iter()
        .chain(needed)
        .collect();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

fn requirements(caller: Caller) -> Vec<SecurityRequirement> {
    let none: [&str; 0] = [];
    match caller {
        Caller::Anybody => vec![SecurityRequirement::default()],
        Caller::WithScope(scope) | Caller::WithScopeInCare(scope) => {
            vec![SecurityRequirement::new("admin", [scope.name()])]
        }
        Caller::Person => vec![SecurityRequirement::new("session", none)],
        Caller::IdentityProvider => vec![SecurityRequirement::new("scim", none)],
        Caller::IdentityProviderOrPerson => vec![
            SecurityRequirement::new("scim", none),
            SecurityRequirement::new("session", none),
        ],
        Caller::Gateway => {
            vec![SecurityRequirement::new("gateway", none).add("token", none)]
        }
        Caller::Product => vec![
            SecurityRequirement::new("product", none),
            SecurityRequirement::new("product_basic", none),
        ],
        Caller::Holder => vec![
            SecurityRequirement::new("product", none),
            SecurityRequirement::new("product_basic", none),
            SecurityRequirement::new("session", none),
        ],
    }
}

/// A parameter that is one literal text, such as `{keys:scim-keys}`, is that text.
pub(in crate::http) fn plain(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        let literal = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
            .and_then(|parameter| parameter.split_once(':'));
        literal.map_or(segment, |(_, text)| text)
    });
    segments.collect::<Vec<_>>().join("/")
}

fn parameters_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &str) -> Parameter {
    let identifier = || {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
            .into()
    };
    let (schema, description): (RefOr<Schema>, String) = match name {
        "role" => (
            Ref::from_schema_name(<Role as ToSchema>::name()).into(),
            "The role".into(),
        ),
        "urn" => (text().into(), "The URN of the schema".into()),
        "name" => (text().into(), "The name of the resource type".into()),
        "id" => (RefOr::T(identifier()), "The identifier".into()),
        other => (
            RefOr::T(identifier()),
            format!("The identifier of the {}", other.trim_end_matches("_id")),
        ),
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_parameter_is_shown_as_its_text() {
        assert_eq!(
            plain("/{keys:scim-keys}/{id}/rotate"),
            "/scim-keys/{id}/rotate"
        );
        assert_eq!(plain("/users/{id}"), "/users/{id}");
    }
}
