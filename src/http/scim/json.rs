//! JSON in which no name is given twice: RFC 8259 section 4 leaves open which value counts, and names have
//! no case in SCIM (RFC 7643 section 2.1). Whether someone is active is not guessed.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How much of a name an error repeats.
const SHOWN: usize = 64;
/// Objects of more members than this are compared by a set.
const FEW: usize = 16;

/// Reads one JSON value and nothing after it.
///
/// # Errors
/// Where it is no JSON, is nested too deeply, or an object has a name more than once.
pub fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Unambiguous.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

struct Unambiguous;

impl<'de> DeserializeSeed<'de> for Unambiguous {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unambiguous {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element_seed(Unambiguous)? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        let mut names = HashSet::new();
        while let Some(name) = access.next_key::<String>()? {
            if members.len() == FEW {
                names.extend(
                    members
                        .keys()
                        .map(|known: &String| known.to_ascii_lowercase()),
                );
            }
            let is_known = if members.len() < FEW {
                members
                    .keys()
                    .any(|known| known.eq_ignore_ascii_case(&name))
            } else {
                !names.insert(name.to_ascii_lowercase())
            };
            if is_known {
                let shown: String = name.chars().take(SHOWN).collect();
                return Err(A::Error::custom(format!(
                    "{shown:?} is given more than once in one object"
                )));
            }
            let value = access.next_value_seed(Unambiguous)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_given_once_whatever_its_case_and_depth() {
        for text in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"active": true, "b": 1, "Active": false}"#,
            r#"[{"a": {"b": [{"c": 1, "C": 2}]}}]"#,
            r#"{"a": 1, "\u0061": 2}"#,
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("more than once"), "{text}: {error}");
        }
        let mut many: Map<String, Value> = (0..100).map(|n| (format!("n{n}"), json!(n))).collect();
        let text = Value::Object(many.clone()).to_string();
        assert_eq!(parse(text.as_bytes()).unwrap(), json!(many));
        for twice in ["N3", "N17", "N99"] {
            many.insert(twice.to_owned(), json!(0));
            assert!(parse(Value::Object(many.clone()).to_string().as_bytes()).is_err());
            many.remove(twice);
        }
    }

    #[test]
    fn the_same_name_in_another_object_is_no_repetition() {
        let value = json!({"a": {"a": [{"a": 1}, {"a": 2.5}, {"A": -3}]}, "b": null});
        assert_eq!(parse(value.to_string().as_bytes()).unwrap(), value);
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_nothing_is_taken_that_is_no_json(bytes: Vec<u8>) {
            if let Ok(value) = parse(&bytes) {
                prop_assert_eq!(Some(value), serde_json::from_slice::<Value>(&bytes).ok());
            }
        }
    }
}
