//! The schemas that operations refer to, by their names.

use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};

/// Schemas by name.
#[derive(Clone, Default)]
pub(in crate::http) struct Schemas(Vec<(String, RefOr<Schema>)>);

impl Schemas {
    /// A reference to the schema of a type, which is kept with those that it refers to.
    pub(super) fn reference<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let name = T::name();
        T::schemas(&mut self.0);
        self.0.push((name.to_string(), T::schema()));
        Ref::from_schema_name(name).into()
    }

    /// A reference to the schema of a page of such items.
    pub(super) fn page_of<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let items = self.reference::<T>();
        let cursor = SchemaType::from_iter([Type::String, Type::Null]);
        let page = ObjectBuilder::new()
            .property("items", ArrayBuilder::new().items(items))
            .property(
                "next_cursor",
                ObjectBuilder::new().schema_type(cursor).description(Some(
                    "What to send as `cursor` for more; null where there is no more.",
                )),
            )
            .required("items")
            .required("next_cursor");
        let name = format!("{}Page", T::name());
        self.insert(&name, page.build());
        Ref::from_schema_name(name).into()
    }

    /// Keeps a schema under a name.
    pub(super) fn insert(&mut self, name: &str, schema: impl Into<RefOr<Schema>>) {
        self.0.push((name.to_owned(), schema.into()));
    }

    /// Keeps those of another.
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// By name, each once.
    pub(super) fn by_name(self) -> BTreeMap<String, RefOr<Schema>> {
        self.0.into_iter().collect()
    }

    /// Names under which there are several different schemas.
    #[cfg(test)]
    pub(super) fn clashes(&self) -> Vec<&str> {
        let mut kept: BTreeMap<&str, &RefOr<Schema>> = BTreeMap::new();
        let clashes = self.0.iter().filter_map(|(name, schema)| {
            let first = *kept.entry(name).or_insert(schema);
            (first != schema).then_some(name.as_str())
        });
        clashes.collect()
    }
}
