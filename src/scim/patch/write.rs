//! `add` and `replace` (RFC 7644 sections 3.5.2.1 and 3.5.2.3) of one attribute in the object that holds it.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use crate::scim::ScimError;
use crate::scim::condition::bind_element;
use crate::scim::filter::{Filter, Literal, Operator};
use crate::scim::leniency::{Leniencies, Leniency};
use crate::scim::resource::value::{canonical_element, canonical_value, out_of_list};
use crate::scim::schema::{Attribute, AttributeKind, Mutability};

use super::place::Place;
use super::{
    OperationKind, absent, guarded, no_target, ordered, put_elements, put_members, take_elements,
    take_object,
};

/// Adds or replaces an attribute as a whole.
pub(super) fn write(
    holder: &mut Map<String, Value>,
    kind: OperationKind,
    attribute: &Attribute,
    place: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let value = out_of_list(attribute, value, leniencies);
    guarded(kind, holder, attribute, place, |holder| {
        let replaces = kind == OperationKind::Replace;
        if replaces && unassigns(attribute, value, leniencies) {
            holder.remove(&attribute.name);
            return Ok(());
        }
        if attribute.multi_valued && !replaces {
            return append(holder, attribute, place, value, leniencies);
        }
        if attribute.kind == AttributeKind::Complex && !attribute.multi_valued {
            return merge(holder, kind, attribute, place, value, leniencies);
        }
        match canonical_value(attribute, place, value, leniencies)? {
            Some(value) => {
                holder.insert(attribute.name.clone(), value);
            }
            None if replaces => {
                holder.remove(&attribute.name);
            }
            None => {}
        }
        Ok(())
    })
}

/// Adds or replaces a sub-attribute of a single complex value.
pub(super) fn write_sub_attribute(
    holder: &mut Map<String, Value>,
    kind: OperationKind,
    attribute: &Attribute,
    sub: &Attribute,
    place: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    guarded(kind, holder, attribute, place, |holder| {
        let mut members = take_object(holder, &attribute.name);
        write(&mut members, kind, sub, place, value, leniencies)?;
        put_members(holder, attribute, members);
        Ok(())
    })
}

/// Whether a value in a `replace` says that the attribute shall have none. Where an empty text cannot be
/// meant as a text it is no such word either: nobody's access follows from a guess.
fn unassigns(attribute: &Attribute, value: &Value, leniencies: &mut Leniencies) -> bool {
    match value {
        // RFC 7643 section 2.5: null and unassigned are the same.
        Value::Null => true,
        Value::String(text) if text.is_empty() => {
            let is_textual = attribute.multi_valued
                || !matches!(
                    attribute.kind,
                    AttributeKind::Boolean | AttributeKind::Integer | AttributeKind::Decimal
                );
            is_textual && leniencies.take(Leniency::EmptyUnassigns)
        }
        _ => false,
    }
}

/// RFC 7644 section 3.5.2.3: sub-attributes that the value does not name are left unchanged.
fn merge(
    holder: &mut Map<String, Value>,
    kind: OperationKind,
    attribute: &Attribute,
    place: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let mut members = take_object(holder, &attribute.name);
    // A bare string names another whole: what belonged to the former one (such as its `$ref`) goes.
    if value.is_string() && members.get("value") != Some(value) {
        members.clear();
    }
    write_members(&mut members, kind, attribute, place, value, leniencies)?;
    put_members(holder, attribute, members);
    Ok(())
}

/// Writes the sub-attributes that a value names into a complex value.
fn write_members(
    members: &mut Map<String, Value>,
    kind: OperationKind,
    attribute: &Attribute,
    place: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let bare;
    let given = match value {
        Value::Object(given) => given,
        Value::Null => return Ok(()),
        Value::Array(elements) if elements.is_empty() => {
            if kind == OperationKind::Replace {
                members.clear();
            }
            return Ok(());
        }
        Value::String(text)
            if attribute.sub_attribute("value").is_some()
                && leniencies.take(Leniency::BareValue) =>
        {
            if text.is_empty() {
                return Ok(());
            }
            bare = Map::from_iter([("value".to_owned(), value.clone())]);
            &bare
        }
        _ => {
            return Err(ScimError::invalid_value(format!(
                "{place} must be an object"
            )));
        }
    };
    for (key, value) in given {
        match attribute.sub_attribute(key) {
            // As in a whole resource: clients send back what they read.
            Some(sub) if sub.mutability == Mutability::ReadOnly => {}
            Some(sub) => {
                let place = format!("{place}.{}", sub.name);
                write(members, kind, sub, &place, value, leniencies)?;
            }
            None if leniencies.take(Leniency::UnknownAttribute) => {}
            None => {
                return Err(ScimError::invalid_syntax(format!(
                    "{place} has no sub-attribute {key:?}"
                )));
            }
        }
    }
    Ok(())
}

/// Adds elements that are not there yet (RFC 7644 section 3.5.2.1).
fn append(
    holder: &mut Map<String, Value>,
    attribute: &Attribute,
    place: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let additions = match value {
        Value::Array(_) => match canonical_value(attribute, place, value, leniencies)? {
            Some(Value::Array(additions)) => additions,
            _ => Vec::new(),
        },
        single => canonical_element(attribute, place, single, leniencies)?
            .into_iter()
            .collect(),
    };
    let mut elements = take_elements(holder, attribute);
    let mut index: HashMap<String, usize> = HashMap::with_capacity(2 * elements.len());
    for (position, element) in elements.iter().enumerate() {
        index.entry(element.to_string()).or_insert(position);
        if let Some(identity) = identity(element) {
            index.entry(identity).or_insert(position);
        }
    }
    let mut touched = BTreeSet::new();
    for addition in additions {
        if index.contains_key(&addition.to_string()) {
            continue;
        }
        let identity = identity(&addition);
        let known = identity.as_ref().and_then(|identity| index.get(identity));
        let position = known.copied().unwrap_or(elements.len());
        if let Some(Value::Object(members)) = elements.get_mut(position) {
            let kind = OperationKind::Add;
            write_members(members, kind, attribute, place, &addition, leniencies)?;
            *members = ordered(attribute, std::mem::take(members));
        } else {
            index.insert(addition.to_string(), position);
            index.extend(identity.map(|identity| (identity, position)));
            elements.push(addition);
        }
        touched.insert(position);
    }
    demote_others(&mut elements, &touched);
    put_elements(holder, attribute, elements);
    Ok(())
}

/// RFC 7643 section 2.4: an attribute does not list the same type and value twice.
fn identity(element: &Value) -> Option<String> {
    let value = element.get("value")?;
    Some(json!([value, element.get("type")]).to_string())
}

/// RFC 7644 section 3.5.2: an element that an operation makes primary takes that from all others.
fn demote_others(elements: &mut [Value], touched: &BTreeSet<usize>) {
    let is_primary = |element: &Value| element.get("primary") == Some(&Value::Bool(true));
    let claimed = touched
        .iter()
        .any(|index| elements.get(*index).is_some_and(is_primary));
    if !claimed {
        return;
    }
    for (index, element) in elements.iter_mut().enumerate() {
        if !touched.contains(&index)
            && is_primary(element)
            && let Some(members) = element.as_object_mut()
        {
            members.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}

/// Adds or replaces in the elements that a filter selects, or in the one that it describes.
pub(super) fn write_selected(
    holder: &mut Map<String, Value>,
    kind: OperationKind,
    place: &Place<'_>,
    filter: &Filter,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let attribute = place.attribute;
    let condition = bind_element(filter, attribute, leniencies)?;
    guarded(kind, holder, attribute, &place.name, |holder| {
        let mut elements = take_elements(holder, attribute);
        let mut touched: BTreeSet<usize> = elements
            .iter()
            .enumerate()
            .filter(|(_, element)| condition.matches_element(element))
            .map(|(index, _)| index)
            .collect();
        if touched.is_empty() {
            let written = place.sub_attribute.unwrap_or(attribute);
            if unassigns(written, value, leniencies) {
                put_elements(holder, attribute, elements);
                return absent(&place.name, leniencies);
            }
            touched.insert(elements.len());
            elements.push(described(place, filter, leniencies)?);
        }
        for index in &touched {
            if let Some(element) = elements.get_mut(*index) {
                write_element(element, kind, place, value, leniencies)?;
            }
        }
        demote_others(&mut elements, &touched);
        put_elements(holder, attribute, elements);
        Ok(())
    })
}

fn write_element(
    element: &mut Value,
    kind: OperationKind,
    place: &Place<'_>,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let attribute = place.attribute;
    let Value::Object(members) = element else {
        *element =
            canonical_element(attribute, &place.name, value, leniencies)?.unwrap_or(Value::Null);
        return Ok(());
    };
    if let Some(sub) = place.sub_attribute {
        write(members, kind, sub, &place.name, value, leniencies)?;
    } else if kind == OperationKind::Replace && unassigns(attribute, value, leniencies) {
        members.clear();
    } else {
        write_members(members, kind, attribute, &place.name, value, leniencies)?;
    }
    *members = ordered(attribute, std::mem::take(members));
    Ok(())
}

/// The element that a filter describes: `eq` comparisons of writable sub-attributes, joined by `and`.
fn described(
    place: &Place<'_>,
    filter: &Filter,
    leniencies: &mut Leniencies,
) -> Result<Value, ScimError> {
    let refused = || no_target(format!("{} selects no element", place.name));
    let mut members = Map::new();
    if !describe(filter, place.attribute, &mut members)
        || !leniencies.take(Leniency::CreateByFilter)
    {
        return Err(refused());
    }
    let members = Value::Object(members);
    canonical_element(place.attribute, &place.name, &members, leniencies)?.ok_or_else(refused)
}

/// Collects what the filter says of an element; false where it leaves a choice.
fn describe(filter: &Filter, attribute: &Attribute, members: &mut Map<String, Value>) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| describe(part, attribute, members)),
        Filter::Compare {
            path,
            operator: Operator::Equal,
            value,
        } => {
            let writable = attribute
                .sub_attribute(&path.attribute)
                .filter(|sub| sub.mutability != Mutability::ReadOnly && !sub.multi_valued);
            let value = match value {
                Literal::Null => return false,
                Literal::Boolean(flag) => Value::Bool(*flag),
                Literal::Number(number) => Value::Number(number.clone()),
                Literal::Text(text) => Value::from(text.as_str()),
            };
            let Some(sub) = writable else {
                return false;
            };
            match members.insert(sub.name.clone(), value.clone()) {
                None => true,
                Some(other) => other == value,
            }
        }
        _ => false,
    }
}
