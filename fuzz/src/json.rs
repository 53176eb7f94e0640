//! JSON as SCIM bodies are read: as the library reads it, but for names that are given twice.

use portcullis::http::scim::json;
use serde_json::Value;

/// Whatever is taken is what the library reads; whatever is refused is no JSON or names something twice.
pub fn run(data: &[u8]) {
    let expected = serde_json::from_slice::<Value>(data);
    match (json::parse(data), expected) {
        (Ok(value), Ok(expected)) => {
            assert_eq!(value, expected);
            assert!(has_unique_names(&value), "a name is there twice");
        }
        (Ok(_), Err(error)) => panic!("taken, and is no JSON: {error}"),
        (Err(error), Ok(value)) => {
            let is_repeated = !has_unique_names(&value) || members(&value) != members_of_text(data);
            assert!(is_repeated, "refused for no reason: {error}");
        }
        (Err(_), Err(_)) => {}
    }
}

fn has_unique_names(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            let mut names: Vec<_> = object.keys().map(|key| key.to_ascii_lowercase()).collect();
            names.sort_unstable();
            names.dedup();
            names.len() == object.len() && object.values().all(has_unique_names)
        }
        Value::Array(elements) => elements.iter().all(has_unique_names),
        _ => true,
    }
}

fn members(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        Value::Array(elements) => elements.iter().map(members).sum(),
        _ => 0,
    }
}

/// Each member has one colon outside strings, also those that the library has lost to others of their name.
fn members_of_text(text: &[u8]) -> usize {
    let (mut is_quoted, mut is_escaped, mut colons) = (false, false, 0);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b':' if !is_quoted => colons += 1,
            _ => {}
        }
    }
    colons
}
