//! A condition asked of a document in memory. What the store makes of it in SQL must agree.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{Condition, Operand, Target};
use crate::scim::filter::Operator;
use crate::scim::schema::AttributeKind;

impl Target {
    /// The attribute's value in a document.
    fn value<'a>(&self, document: &'a Map<String, Value>) -> Option<&'a Value> {
        match &self.extension {
            None => document.get(&self.attribute),
            Some(urn) => document.get(urn)?.get(&self.attribute),
        }
    }

    /// The elements of the attribute: one for a single value, none where it is absent.
    fn elements<'a>(&self, document: &'a Map<String, Value>) -> &'a [Value] {
        match self.value(document) {
            None | Some(Value::Null) => &[],
            Some(Value::Array(elements)) => elements,
            Some(single) => std::slice::from_ref(single),
        }
    }

    /// What is compared of an element.
    fn leaf<'a>(&self, element: &'a Value) -> Option<&'a Value> {
        match &self.sub_attribute {
            None => Some(element),
            Some(sub) => element.get(sub),
        }
    }
}

impl Condition {
    /// Whether a full representation (with `id`, `meta`, `groups` and `members`) meets the condition.
    #[must_use]
    pub fn matches(&self, document: &Map<String, Value>) -> bool {
        match self {
            Self::Constant(constant) => *constant,
            Self::All(parts) => parts.iter().all(|part| part.matches(document)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(document)),
            Self::Not(inner) => !inner.matches(document),
            Self::Present(target) => target
                .elements(document)
                .iter()
                .any(|element| target.leaf(element).is_some_and(is_present)),
            Self::Compare {
                target,
                operator,
                operand,
            } => {
                let elements = target.elements(document);
                if elements.is_empty() {
                    return *operator == Operator::NotEqual;
                }
                elements
                    .iter()
                    .any(|element| compare(target, target.leaf(element), *operator, operand))
            }
            Self::Element { target, condition } => target
                .elements(document)
                .iter()
                .any(|element| condition.matches_element(element)),
        }
    }

    /// Whether one element of a multi-valued attribute meets the condition.
    #[must_use]
    pub fn matches_element(&self, element: &Value) -> bool {
        match element {
            Value::Object(object) => self.matches(object),
            simple => self.matches_simple(simple),
        }
    }

    /// The elements of an attribute that is not complex have themselves as `value`.
    fn matches_simple(&self, element: &Value) -> bool {
        match self {
            Self::Constant(constant) => *constant,
            Self::All(parts) => parts.iter().all(|part| part.matches_simple(element)),
            Self::Any(parts) => parts.iter().any(|part| part.matches_simple(element)),
            Self::Not(inner) => !inner.matches_simple(element),
            Self::Present(_) => is_present(element),
            Self::Compare {
                target,
                operator,
                operand,
            } => compare(target, Some(element), *operator, operand),
            Self::Element { .. } => false,
        }
    }
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

fn compare(target: &Target, leaf: Option<&Value>, operator: Operator, operand: &Operand) -> bool {
    let Some(leaf) = leaf.filter(|leaf| !leaf.is_null()) else {
        return operator == Operator::NotEqual;
    };
    match (leaf, operand) {
        (Value::String(text), Operand::Text(wanted)) => {
            let folds = !target.case_exact && target.kind != AttributeKind::DateTime;
            let text = if folds {
                text.to_lowercase()
            } else {
                text.clone()
            };
            compare_text(&text, operator, wanted)
        }
        (Value::Bool(flag), Operand::Boolean(wanted)) => ordered(operator, flag.cmp(wanted)),
        (Value::Number(number), Operand::Integer(wanted)) => match number.as_i64() {
            Some(whole) => ordered(operator, whole.cmp(wanted)),
            #[expect(
                clippy::cast_precision_loss,
                reason = "the stored number is no integer"
            )]
            None => compare_reals(number.as_f64(), operator, *wanted as f64),
        },
        (Value::Number(number), Operand::Decimal(wanted)) => {
            compare_reals(number.as_f64(), operator, *wanted)
        }
        // A stored value of another type than the schema's is different and has no order.
        _ => operator == Operator::NotEqual,
    }
}

fn compare_text(text: &str, operator: Operator, wanted: &str) -> bool {
    match operator {
        Operator::Contains => text.contains(wanted),
        Operator::StartsWith => text.starts_with(wanted),
        Operator::EndsWith => text.ends_with(wanted),
        _ => ordered(operator, text.cmp(wanted)),
    }
}

fn compare_reals(number: Option<f64>, operator: Operator, wanted: f64) -> bool {
    number
        .and_then(|number| number.partial_cmp(&wanted))
        .is_some_and(|ordering| ordered(operator, ordering))
}

fn ordered(operator: Operator, ordering: Ordering) -> bool {
    match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterOrEqual => ordering.is_ge(),
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
    }
}
