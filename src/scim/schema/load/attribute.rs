//! Attribute definitions, from their documents (RFC 7643 section 7).

use serde_json::Value;

use crate::scim::schema::{Attribute, AttributeKind, Mutability, Returned, Uniqueness};

use super::place::{Place, SchemaError, choice, flag, optional_text, required_text, texts};

pub(super) fn read_attributes(
    place: &Place<'_>,
    list: Option<&Value>,
) -> Result<Vec<Attribute>, SchemaError> {
    let Some(Value::Array(list)) = list else {
        return place.refuse("must be an array of attribute definitions");
    };
    let mut attributes: Vec<Attribute> = Vec::with_capacity(list.len());
    for (index, definition) in list.iter().enumerate() {
        let place = place.below(index);
        let attribute = read_attribute(&place, definition)?;
        let taken = |known: &Attribute| known.name.eq_ignore_ascii_case(&attribute.name);
        if attributes.iter().any(taken) {
            return place
                .below("name")
                .refuse(format!("a second attribute is called {:?}", attribute.name));
        }
        attributes.push(attribute);
    }
    Ok(attributes)
}

fn read_attribute(place: &Place<'_>, definition: &Value) -> Result<Attribute, SchemaError> {
    if !definition.is_object() {
        return place.refuse("must be an object");
    }
    let name = required_text(place, definition, "name")?;
    if !is_attribute_name(&name) {
        return place.below("name").refuse(
            "must begin with a letter and hold only letters, digits, - and _ (RFC 7643 section 2.1)",
        );
    }
    let kind = choice(place, definition, "type", AttributeKind::String, &KINDS)?;
    let sub_attributes = match (kind, definition.get("subAttributes")) {
        (AttributeKind::Complex, Some(list)) => {
            read_attributes(&place.below("subAttributes"), Some(list))?
        }
        (AttributeKind::Complex, None) => {
            return place.refuse("a complex attribute needs subAttributes");
        }
        (_, Some(Value::Array(list))) if !list.is_empty() => {
            return place
                .below("subAttributes")
                .refuse("only a complex attribute has subAttributes");
        }
        _ => Vec::new(),
    };
    let (mutability, returned) = access(place, definition)?;
    Ok(Attribute {
        name,
        kind,
        multi_valued: flag(place, definition, "multiValued")?,
        description: optional_text(place, definition, "description")?,
        required: flag(place, definition, "required")?,
        canonical_values: texts(place, definition, "canonicalValues")?,
        // RFC 7643 section 2.3: binary and reference values are case exact whatever the document says.
        case_exact: flag(place, definition, "caseExact")?
            || matches!(kind, AttributeKind::Binary | AttributeKind::Reference),
        mutability,
        returned,
        uniqueness: choice(
            place,
            definition,
            "uniqueness",
            Uniqueness::None,
            &UNIQUENESSES,
        )?,
        reference_types: texts(place, definition, "referenceTypes")?,
        sub_attributes,
    })
}

/// RFC 7643 section 7: what can only be written is never returned, so nothing else may be said of it.
fn access(place: &Place<'_>, definition: &Value) -> Result<(Mutability, Returned), SchemaError> {
    let mutability = choice(
        place,
        definition,
        "mutability",
        Mutability::ReadWrite,
        &MUTABILITIES,
    )?;
    let usual = match mutability {
        Mutability::WriteOnly => Returned::Never,
        _ => Returned::Default,
    };
    let returned = choice(place, definition, "returned", usual, &RETURNED)?;
    if mutability == Mutability::WriteOnly && returned != Returned::Never {
        return place
            .below("returned")
            .refuse("must be never, since the attribute is writeOnly (RFC 7643 section 7)");
    }
    Ok((mutability, returned))
}

const KINDS: [(&str, AttributeKind); 8] = [
    ("string", AttributeKind::String),
    ("boolean", AttributeKind::Boolean),
    ("decimal", AttributeKind::Decimal),
    ("integer", AttributeKind::Integer),
    ("dateTime", AttributeKind::DateTime),
    ("binary", AttributeKind::Binary),
    ("reference", AttributeKind::Reference),
    ("complex", AttributeKind::Complex),
];
const MUTABILITIES: [(&str, Mutability); 4] = [
    ("readOnly", Mutability::ReadOnly),
    ("readWrite", Mutability::ReadWrite),
    ("immutable", Mutability::Immutable),
    ("writeOnly", Mutability::WriteOnly),
];
const RETURNED: [(&str, Returned); 4] = [
    ("always", Returned::Always),
    ("never", Returned::Never),
    ("default", Returned::Default),
    ("request", Returned::Request),
];
const UNIQUENESSES: [(&str, Uniqueness); 3] = [
    ("none", Uniqueness::None),
    ("server", Uniqueness::Server),
    ("global", Uniqueness::Global),
];

/// RFC 7643 section 2.1, and `$ref`.
fn is_attribute_name(name: &str) -> bool {
    let rest = name.strip_prefix('$').unwrap_or(name);
    let mut characters = rest.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|next| next.is_ascii_alphanumeric() || next == '-' || next == '_')
}
