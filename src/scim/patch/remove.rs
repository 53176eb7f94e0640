//! `remove` (RFC 7644 section 3.5.2.2) of one attribute from the object that holds it.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::scim::ScimError;
use crate::scim::condition::{Condition, bind_element};
use crate::scim::leniency::{Leniencies, Leniency};
use crate::scim::resource::value::{canonical_element, ignoring_case};
use crate::scim::schema::{Attribute, AttributeKind};

use super::place::Place;
use super::{
    OperationKind, absent, guarded, ordered, put_elements, put_members, take_elements, take_object,
};

/// Removes what a place selects, and of that only what `value` names, where there is one.
pub(super) fn remove(
    holder: &mut Map<String, Value>,
    place: &Place<'_>,
    value: Option<&Value>,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let attribute = place.attribute;
    let condition = place
        .filter
        .map(|filter| bind_element(filter, attribute, leniencies))
        .transpose()?;
    let mut found = false;
    guarded(
        OperationKind::Remove,
        holder,
        attribute,
        &place.name,
        |holder| {
            found = match (place.sub_attribute, &condition) {
                (None, condition) => take_out(
                    holder,
                    attribute,
                    condition.as_ref(),
                    &place.name,
                    value,
                    leniencies,
                )?,
                (Some(sub), None) => {
                    let mut members = take_object(holder, &attribute.name);
                    let found = take_sub_attribute(&mut members, sub, place, value, leniencies)?;
                    put_members(holder, attribute, members);
                    found
                }
                (Some(sub), Some(condition)) => {
                    take_out_of_elements(holder, sub, condition, place, value, leniencies)?
                }
            };
            Ok(())
        },
    )?;
    if found {
        return Ok(());
    }
    absent(&place.name, leniencies)
}

fn take_sub_attribute(
    members: &mut Map<String, Value>,
    sub: &Attribute,
    place: &Place<'_>,
    value: Option<&Value>,
    leniencies: &mut Leniencies,
) -> Result<bool, ScimError> {
    let mut found = false;
    guarded(
        OperationKind::Remove,
        members,
        sub,
        &place.name,
        |members| {
            found = take_out(members, sub, None, &place.name, value, leniencies)?;
            Ok(())
        },
    )?;
    Ok(found)
}

fn take_out_of_elements(
    holder: &mut Map<String, Value>,
    sub: &Attribute,
    condition: &Condition,
    place: &Place<'_>,
    value: Option<&Value>,
    leniencies: &mut Leniencies,
) -> Result<bool, ScimError> {
    let mut elements = take_elements(holder, place.attribute);
    let mut found = false;
    for element in &mut elements {
        if condition.matches_element(element)
            && let Value::Object(members) = element
        {
            found |= take_sub_attribute(members, sub, place, value, leniencies)?;
            *members = ordered(place.attribute, std::mem::take(members));
        }
    }
    put_elements(holder, place.attribute, elements);
    Ok(found)
}

/// Takes an attribute's value away, or some of its elements; tells whether what was named was there.
fn take_out(
    holder: &mut Map<String, Value>,
    attribute: &Attribute,
    condition: Option<&Condition>,
    place: &str,
    value: Option<&Value>,
    leniencies: &mut Leniencies,
) -> Result<bool, ScimError> {
    let named: Option<HashSet<String>> =
        named_values(attribute, place, value, leniencies)?.map(|values| {
            values
                .iter()
                .map(|value| folded(attribute, value))
                .collect()
        });
    // An empty list names nothing, so nothing is missed either.
    if named.as_ref().is_some_and(HashSet::is_empty) {
        return Ok(true);
    }
    let is_selected = |element: &Value| {
        condition.is_none_or(|condition| condition.matches_element(element))
            && named.as_ref().is_none_or(|named| {
                name_of(attribute, element)
                    .is_some_and(|name| named.contains(&folded(attribute, name)))
            })
    };
    if !attribute.multi_valued {
        let selected = holder.get(&attribute.name).is_some_and(is_selected);
        if selected {
            holder.remove(&attribute.name);
        }
        return Ok(selected);
    }
    let mut elements = take_elements(holder, attribute);
    let before = elements.len();
    elements.retain(|element| !is_selected(element));
    let found = elements.len() < before;
    put_elements(holder, attribute, elements);
    Ok(found)
}

/// The values by which a `remove` names what shall go ([`Leniency::RemoveByValue`]); `None` where it names
/// none and all shall go. A complex element is named by its `value`, whatever else is said of it.
pub(super) fn named_values(
    attribute: &Attribute,
    place: &str,
    value: Option<&Value>,
    leniencies: &mut Leniencies,
) -> Result<Option<Vec<Value>>, ScimError> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    if !leniencies.take(Leniency::RemoveByValue) {
        return Err(ScimError::invalid_value(format!(
            "remove of {place} takes no value; a filter in the path names what shall go"
        )));
    }
    if !attribute.multi_valued && is_empty(value) {
        return Ok(None);
    }
    let listed = match value {
        Value::Array(listed) => listed.as_slice(),
        single => std::slice::from_ref(single),
    };
    listed
        .iter()
        .map(|element| named_value(attribute, place, element, leniencies))
        .collect::<Result<_, _>>()
        .map(Some)
}

fn named_value(
    attribute: &Attribute,
    place: &str,
    element: &Value,
    leniencies: &mut Leniencies,
) -> Result<Value, ScimError> {
    let named = match (value_attribute(attribute), element) {
        (None, element) => canonical_element(attribute, place, element, leniencies)?,
        (Some(sub), Value::Object(members)) => match ignoring_case(members, "value") {
            Some(value) => canonical_element(sub, place, value, leniencies)?,
            None => None,
        },
        (Some(sub), bare @ Value::String(_)) if leniencies.take(Leniency::BareValue) => {
            canonical_element(sub, place, bare, leniencies)?
        }
        (Some(_), _) => None,
    };
    named.ok_or_else(|| {
        ScimError::invalid_value(format!(
            "{place}: each value to remove must name its element by \"value\""
        ))
    })
}

fn value_attribute(attribute: &Attribute) -> Option<&Attribute> {
    match attribute.kind {
        AttributeKind::Complex => attribute.sub_attribute("value"),
        _ => None,
    }
}

/// What an element is named by.
fn name_of<'a>(attribute: &Attribute, element: &'a Value) -> Option<&'a Value> {
    match value_attribute(attribute) {
        Some(sub) => element.get(&sub.name),
        None => Some(element),
    }
}

fn folded(attribute: &Attribute, value: &Value) -> String {
    let compared = value_attribute(attribute).unwrap_or(attribute);
    match value {
        Value::String(text) if !compared.case_exact => text.to_lowercase(),
        other => other.to_string(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}
