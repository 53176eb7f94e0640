//! Resources and operations made of bytes by the definitions of their schema, so that most of them are taken.

use arbitrary::{Result, Unstructured};
use portcullis::scim::schema::{Attribute, AttributeKind, ResourceType, Schema};
use serde_json::{Map, Value, json};

const TEXTS: [&str; 16] = [
    "", "a", "A", "b", "work", "Work", "home", "True", "false", "0", "-1", "straße", "STRASSE",
    " ", "\"", "é",
];
const DATES: [&str; 5] = [
    "2020-02-29T12:00:00Z",
    "2020-02-29T13:00:00+01:00",
    "2020-02-29T12:00:00.001Z",
    "0001-01-01T00:00:00Z",
    "yesterday",
];
const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// A resource that has what it must, and some of what it can.
pub fn resource(bytes: &mut Unstructured<'_>, kind: &ResourceType) -> Result<Map<String, Value>> {
    let mut resource = Map::new();
    resource.insert("schemas".to_owned(), json!([kind.schema.id]));
    members(bytes, &kind.common, &mut resource)?;
    members(bytes, &kind.schema, &mut resource)?;
    for extension in &kind.extensions {
        if extension.required || bytes.ratio(1, 2)? {
            let mut holder = Map::new();
            members(bytes, &extension.schema, &mut holder)?;
            resource.insert(extension.schema.id.clone(), Value::Object(holder));
        }
    }
    Ok(resource)
}

fn members(
    bytes: &mut Unstructured<'_>,
    schema: &Schema,
    into: &mut Map<String, Value>,
) -> Result<()> {
    for attribute in &schema.attributes {
        let is_taken = attribute.name != "schemas"
            && (attribute.required || (!bytes.is_empty() && bytes.ratio(1, 4)?));
        if is_taken {
            into.insert(attribute.name.clone(), value(bytes, attribute)?);
        }
    }
    Ok(())
}

/// A value of the attribute's type.
fn value(bytes: &mut Unstructured<'_>, attribute: &Attribute) -> Result<Value> {
    if !attribute.multi_valued {
        return element(bytes, attribute);
    }
    let count = bytes.int_in_range(0..=3)?;
    (0..count).map(|_| element(bytes, attribute)).collect()
}

fn element(bytes: &mut Unstructured<'_>, attribute: &Attribute) -> Result<Value> {
    if attribute.kind != AttributeKind::Complex {
        return scalar(bytes, attribute);
    }
    let mut members = Map::new();
    for sub in &attribute.sub_attributes {
        if sub.required || bytes.ratio(1, 2)? {
            members.insert(sub.name.clone(), value(bytes, sub)?);
        }
    }
    Ok(Value::Object(members))
}

fn scalar(bytes: &mut Unstructured<'_>, attribute: &Attribute) -> Result<Value> {
    let text = |bytes: &mut Unstructured<'_>| -> Result<Value> {
        if let (false, true) = (attribute.canonical_values.is_empty(), bytes.ratio(1, 2)?) {
            return Ok(bytes.choose(&attribute.canonical_values)?.as_str().into());
        }
        if attribute.required {
            return Ok((*bytes.choose(&TEXTS[1..7])?).into());
        }
        Ok((*bytes.choose(&TEXTS)?).into())
    };
    Ok(match attribute.kind {
        AttributeKind::Boolean => bytes.arbitrary::<bool>()?.into(),
        AttributeKind::Integer => i64::from(bytes.arbitrary::<i8>()?).into(),
        AttributeKind::Decimal => json!(f64::from(bytes.arbitrary::<i8>()?) / 4.0),
        AttributeKind::DateTime => (*bytes.choose(&DATES[..4])?).into(),
        AttributeKind::Binary => (*bytes.choose(&["AAAA", "AQ==", "-_-_"])?).into(),
        AttributeKind::Reference => "https://example.org/Users/1".into(),
        AttributeKind::String => text(bytes)?,
        AttributeKind::Complex => element(bytes, attribute)?,
    })
}

/// What may be given where the type is wrong.
fn other(bytes: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match bytes.int_in_range(0..=6_u8)? {
        0 => Value::Null,
        1 => json!([]),
        2 => json!({}),
        3 => (*bytes.choose(&TEXTS)?).into(),
        4 => (*bytes.choose(&DATES)?).into(),
        5 => json!([{"value": "a"}, {"value": "a", "primary": true}]),
        _ => json!({"value": "a", "type": "work"}),
    })
}

/// Some operations of a PATCH.
pub fn operations(bytes: &mut Unstructured<'_>, kind: &ResourceType) -> Result<Vec<Value>> {
    let count = bytes.int_in_range(1..=5)?;
    (0..count).map(|_| operation(bytes, kind)).collect()
}

fn operation(bytes: &mut Unstructured<'_>, kind: &ResourceType) -> Result<Value> {
    let op = *bytes.choose(&["add", "replace", "remove", "Add", "Replace"])?;
    if op != "remove" && bytes.ratio(1, 8)? {
        let value = resource(bytes, kind)?;
        return Ok(json!({"op": op, "value": value}));
    }
    let (prefix, schema) = match bytes.int_in_range(0..=kind.extensions.len() + 2)? {
        0 => (String::new(), &kind.common),
        at if at <= kind.extensions.len() => {
            let schema = &kind.extensions[at - 1].schema;
            (format!("{}:", schema.id), schema)
        }
        _ => (String::new(), &kind.schema),
    };
    if schema.attributes.is_empty() {
        return Ok(json!({"op": op, "path": schema.id}));
    }
    let attribute = bytes.choose(&schema.attributes)?;
    let mut path = format!("{prefix}{}", attribute.name);
    let mut written = value(bytes, attribute)?;
    if !attribute.sub_attributes.is_empty() && bytes.ratio(2, 3)? {
        if attribute.multi_valued && bytes.ratio(3, 4)? {
            path = format!("{path}[{}]", selection(bytes, attribute)?);
            written = element(bytes, attribute)?;
        }
        if bytes.ratio(1, 2)? {
            let sub = bytes.choose(&attribute.sub_attributes)?;
            path = format!("{path}.{}", sub.name);
            written = value(bytes, sub)?;
        }
    }
    if bytes.ratio(1, 8)? {
        written = other(bytes)?;
    }
    Ok(match op {
        "remove" if !bytes.ratio(1, 8)? => json!({"op": op, "path": path}),
        _ => json!({"op": op, "path": path, "value": written}),
    })
}

/// What selects elements of an attribute.
fn selection(bytes: &mut Unstructured<'_>, attribute: &Attribute) -> Result<String> {
    let sub = bytes.choose(&attribute.sub_attributes)?;
    let name = &sub.name;
    let single = match bytes.int_in_range(0..=5_u8)? {
        0 => format!("{name} pr"),
        1 => format!("not ({name} pr)"),
        2 => format!(
            "{name} {} {}",
            bytes.choose(&OPERATORS)?,
            scalar(bytes, sub)?
        ),
        _ => format!("{name} eq {}", scalar(bytes, sub)?),
    };
    if bytes.ratio(1, 4)? {
        let sub = bytes.choose(&attribute.sub_attributes)?;
        let word = bytes.choose(&["and", "or"])?;
        return Ok(format!(
            "{single} {word} {} eq {}",
            sub.name,
            scalar(bytes, sub)?
        ));
    }
    Ok(single)
}
