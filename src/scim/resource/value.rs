//! Values: from what a client sent for one attribute to its canonical form (RFC 7643 sections 2.3 to 2.5).

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use crate::scim::ScimError;
use crate::scim::condition::{boolean_text, canonical_date_time};
use crate::scim::leniency::{Leniencies, Leniency};
use crate::scim::schema::{Attribute, AttributeKind, Mutability};

/// The canonical value of an attribute; `None` where it is unassigned (RFC 7643 section 2.5).
///
/// `place` is the attribute's path, for the error's detail.
///
/// # Errors
/// 400 `invalidValue` that names the place and what would be accepted.
pub fn canonical_value(
    attribute: &Attribute,
    place: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<Option<Value>, ScimError> {
    if !attribute.multi_valued {
        let value = out_of_list(attribute, value, leniencies);
        return canonical_element(attribute, place, value, leniencies);
    }
    let single;
    let elements = match value {
        Value::Null => return Ok(None),
        Value::Array(elements) => elements.as_slice(),
        other if leniencies.take(Leniency::SingleForMultiple) => {
            single = [other.clone()];
            &single
        }
        _ => {
            return Err(ScimError::invalid_value(format!(
                "{place} must be an array"
            )));
        }
    };
    let mut canonical: Vec<Value> = Vec::with_capacity(elements.len());
    for element in elements {
        if let Some(element) = canonical_element(attribute, place, element, leniencies)? {
            canonical.push(element);
        }
    }
    drop_repeated(&mut canonical);
    Ok((!canonical.is_empty()).then_some(Value::Array(canonical)))
}

/// A single complex value, where a list of one holds it and that is forgiven; otherwise what was given. What is no
/// complex value has its type to be known by, so that a list of it is a mistake.
pub(crate) fn out_of_list<'a>(
    attribute: &Attribute,
    value: &'a Value,
    leniencies: &mut Leniencies,
) -> &'a Value {
    match value {
        Value::Array(listed)
            if attribute.kind == AttributeKind::Complex && !attribute.multi_valued =>
        {
            match listed.as_slice() {
                [single] if leniencies.take(Leniency::ListForSingle) => single,
                _ => value,
            }
        }
        _ => value,
    }
}

/// RFC 7643 section 2.4: the same value is not listed twice. Long lists are compared by their text, since
/// a group may name a million members.
pub(crate) fn drop_repeated(elements: &mut Vec<Value>) {
    const FEW: usize = 16;
    if elements.len() <= FEW {
        let mut kept: Vec<Value> = Vec::with_capacity(elements.len());
        for element in elements.drain(..) {
            if !kept.contains(&element) {
                kept.push(element);
            }
        }
        *elements = kept;
        return;
    }
    let mut seen = std::collections::HashSet::with_capacity(elements.len());
    elements.retain(|element| seen.insert(element.to_string()));
}

/// The canonical form of one element, or of a single value.
///
/// # Errors
/// 400 `invalidValue` that names the place and what would be accepted.
pub fn canonical_element(
    attribute: &Attribute,
    place: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<Option<Value>, ScimError> {
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        // Unassigned, however the type was spelled (Entra ID sends `[]` for single values too).
        (_, Value::Array(elements)) if elements.is_empty() => Ok(None),
        (_, Value::Array(_)) => refuse(place, "a single value"),
        (AttributeKind::Complex, _) => complex(attribute, place, value, leniencies),
        _ => simple(attribute.kind, place, value, leniencies).map(Some),
    }
}

fn complex(
    attribute: &Attribute,
    place: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<Option<Value>, ScimError> {
    let bare;
    let members = match value {
        Value::Object(members) => members,
        Value::String(text)
            if attribute.sub_attribute("value").is_some()
                && leniencies.take(Leniency::BareValue) =>
        {
            if text.is_empty() {
                return Ok(None);
            }
            bare = Map::from_iter([("value".to_owned(), value.clone())]);
            &bare
        }
        _ => return refuse(place, "an object"),
    };
    for key in members.keys() {
        if attribute.sub_attribute(key).is_none() && !leniencies.take(Leniency::UnknownAttribute) {
            return Err(ScimError::invalid_syntax(format!(
                "{place} has no sub-attribute {key:?}"
            )));
        }
    }
    let mut canonical = Map::new();
    for sub in &attribute.sub_attributes {
        if sub.mutability == Mutability::ReadOnly {
            continue;
        }
        let given = members
            .get(&sub.name)
            .or_else(|| ignoring_case(members, &sub.name));
        if let Some(given) = given
            && let Some(value) =
                canonical_value(sub, &format!("{place}.{}", sub.name), given, leniencies)?
        {
            canonical.insert(sub.name.clone(), value);
        }
    }
    // What is set once for an element says which one it is: one without it is a mistake, and leaving it out
    // would take everybody's membership away.
    let identity = attribute.sub_attribute("value");
    if attribute.multi_valued
        && identity.is_some_and(|value| value.mutability == Mutability::Immutable)
        && !canonical.contains_key("value")
    {
        return refuse(&format!("{place}.value"), "given");
    }
    Ok((!canonical.is_empty()).then_some(Value::Object(canonical)))
}

/// The member of this name, whatever its case.
pub(crate) fn ignoring_case<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn simple(
    kind: AttributeKind,
    place: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<Value, ScimError> {
    match (kind, value) {
        (AttributeKind::String, Value::String(text)) => {
            if text.contains('\0') {
                return refuse(place, "text without U+0000");
            }
            Ok(value.clone())
        }
        (AttributeKind::String, _) => refuse(place, "a string"),
        (AttributeKind::Boolean, Value::Bool(_)) => Ok(value.clone()),
        (AttributeKind::Boolean, Value::String(text)) => match boolean_text(text) {
            Some(flag) if leniencies.take(Leniency::BooleanAsString) => Ok(Value::Bool(flag)),
            _ => refuse(place, "true or false"),
        },
        (AttributeKind::Boolean, _) => refuse(place, "true or false"),
        (AttributeKind::Integer | AttributeKind::Decimal, _) => {
            number(kind, place, value, leniencies)
        }
        (AttributeKind::DateTime, Value::String(text)) => canonical_date_time(text).map_or_else(
            || refuse(place, DATE_TIME),
            |instant| Ok(Value::from(instant)),
        ),
        (AttributeKind::DateTime, _) => refuse(place, DATE_TIME),
        (AttributeKind::Binary, Value::String(text)) if is_base64(text) => Ok(value.clone()),
        (AttributeKind::Binary, _) => refuse(place, "base64 data"),
        (AttributeKind::Reference, Value::String(text)) if is_reference(text) => Ok(value.clone()),
        (AttributeKind::Reference, _) => refuse(place, "a URI reference"),
        (AttributeKind::Complex, _) => refuse(place, "an object"),
    }
}

const DATE_TIME: &str = "a date and time such as \"2026-01-31T12:00:00Z\"";

fn number(
    kind: AttributeKind,
    place: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<Value, ScimError> {
    let expected = match kind {
        AttributeKind::Integer => "a whole number of 64 bits",
        _ => "a number",
    };
    let parsed;
    let number = match value {
        Value::Number(number) => number,
        Value::String(text) => match serde_json::from_str(text) {
            Ok(number) if leniencies.take(Leniency::NumberAsString) => {
                parsed = number;
                &parsed
            }
            _ => return refuse(place, expected),
        },
        _ => return refuse(place, expected),
    };
    if kind == AttributeKind::Integer && number.as_i64().is_none() {
        return refuse(place, expected);
    }
    Ok(Value::Number(number.clone()))
}

fn refuse<T>(place: &str, expected: &str) -> Result<T, ScimError> {
    Err(ScimError::invalid_value(format!(
        "{place} must be {expected}"
    )))
}

/// RFC 7643 section 2.3.6: base64 of either alphabet, padded or not.
fn is_base64(text: &str) -> bool {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, lenient).decode(text).is_ok()
        || GeneralPurpose::new(&URL_SAFE, lenient).decode(text).is_ok()
}

/// RFC 3986 in outline: what no URI reference can hold is refused.
fn is_reference(text: &str) -> bool {
    !text
        .chars()
        .any(|next| next.is_whitespace() || next.is_control() || matches!(next, '<' | '>' | '"'))
}
