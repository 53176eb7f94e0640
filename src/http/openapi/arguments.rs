//! What handlers take, read from their signatures: the parameters and the body of an operation are described by
//! the types that its handler is given, so that they are said once.

use actix_web::{HttpRequest, web};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Content, RefOr, Required};
use utoipa::{IntoParams, ToSchema};

use super::schemas::Schemas;

/// What an operation takes.
#[derive(Clone, Default)]
pub(in crate::http) struct Taken {
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) schemas: Schemas,
}

/// The body that an operation takes.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) media_type: &'static str,
    pub(super) required: Required,
    pub(super) content: Content,
}

/// An argument of a handler, and what it says of the operation. All arguments together are one too.
pub(in crate::http) trait Argument {
    /// Adds what it takes from the request.
    fn describe(_taken: &mut Taken) {}
}

impl Argument for HttpRequest {}
impl<T: ?Sized> Argument for web::Data<T> {}
/// The parameters of a path are read from the path.
impl<T> Argument for web::Path<T> {}
impl Argument for () {}

impl<T: IntoParams> Argument for web::Query<T> {
    fn describe(taken: &mut Taken) {
        let parameters = T::into_params(|| Some(ParameterIn::Query));
        taken
            .parameters
            .extend(parameters.into_iter().map(never_null));
    }
}

impl<T: ToSchema> Argument for web::Json<T> {
    fn describe(taken: &mut Taken) {
        taken.takes::<T>("application/json", Required::True);
    }
}

/// A form that OAuth's endpoints refuse in their own way.
impl<T: ToSchema> Argument for Result<web::Form<T>, actix_web::Error> {
    fn describe(taken: &mut Taken) {
        taken.takes::<T>("application/x-www-form-urlencoded", Required::True);
    }
}

impl Taken {
    /// The operation takes these beside what its handler's signature says.
    pub(in crate::http) fn with(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// The operation takes a body of this type.
    pub(in crate::http) fn takes<T: ToSchema>(
        &mut self,
        media_type: &'static str,
        required: Required,
    ) {
        let reference = self.schemas.reference::<T>();
        self.body = Some(Body {
            media_type,
            required,
            content: Content::new(Some(reference)),
        });
    }
}

/// A query parameter, for handlers that read the query themselves.
pub(in crate::http) fn query_parameter(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .build()
}

/// A query has no null: what is not given is left out.
fn never_null(mut parameter: Parameter) -> Parameter {
    if let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema
        && let SchemaType::Array(types) = &object.schema_type
    {
        let other = types.iter().find(|known| !matches!(known, Type::Null));
        if let Some(other) = other.cloned() {
            object.schema_type = SchemaType::Type(other);
        }
    }
    parameter
}

macro_rules! all_together {
    ($($argument:ident)+) => {
        impl<$($argument: Argument),+> Argument for ($($argument,)+) {
            fn describe(taken: &mut Taken) {
                $($argument::describe(taken);)+
            }
        }
    };
}

all_together!(A);
all_together!(A B);
all_together!(A B C);
all_together!(A B C D);
all_together!(A B C D E);
all_together!(A B C D E F);
