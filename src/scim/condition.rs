//! A filter with its meaning for one resource type: names resolved, types checked, text folded.
//!
//! [`Condition`] is evaluated in memory by [`Condition::matches`] and compiled to SQL by the store; the two
//! must agree, so the rules are written down at each variant:
//!
//! - Text compares folded (`str::to_lowercase`) unless the attribute is case exact; order is byte order.
//! - A multi-valued attribute matches where any element does.
//! - Something absent matches `ne` and nothing else. For a multi-valued attribute that is: no elements, or
//!   an element that lacks the sub-attribute.
//! - `not` is plain negation.

mod matching;

use chrono::{DateTime, SecondsFormat, Utc};

use super::ScimError;
use super::filter::{Filter, Literal, Operator};
use super::leniency::{Leniencies, Leniency};
use super::path::AttributePath;
use super::schema::{Attribute, AttributeKind, Resolved, ResourceType, Returned};
use super::unqualified::candidates;

/// What a comparison looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The URN of the extension that holds the attribute; `None` for core attributes.
    pub extension: Option<String>,
    /// The attribute's canonical name; inside an [`Condition::Element`], the sub-attribute's.
    pub attribute: String,
    /// The sub-attribute's canonical name.
    pub sub_attribute: Option<String>,
    /// The type of what is compared: of the sub-attribute where there is one.
    pub kind: AttributeKind,
    /// Whether its text minds the case.
    pub case_exact: bool,
    /// Whether the attribute holds an array.
    pub multi_valued: bool,
}

impl Target {
    /// The canonical path, such as `emails.value`.
    #[must_use]
    pub fn path(&self) -> String {
        let core = match &self.sub_attribute {
            None => self.attribute.clone(),
            Some(sub) => format!("{}.{sub}", self.attribute),
        };
        match &self.extension {
            None => core,
            Some(urn) => format!("{urn}:{core}"),
        }
    }
}

/// What a target is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Text, folded already unless the target is case exact; for dateTime its canonical text.
    Text(String),
    /// A boolean.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Decimal(f64),
}

/// A condition on one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Always (`true`) or never.
    Constant(bool),
    /// All of them.
    All(Vec<Condition>),
    /// Any of them.
    Any(Vec<Condition>),
    /// Not this one.
    Not(Box<Condition>),
    /// A comparison.
    Compare {
        /// What.
        target: Target,
        /// How.
        operator: Operator,
        /// With what.
        operand: Operand,
    },
    /// There is a value; of a complex one, at least one sub-attribute.
    Present(Target),
    /// An element of which all that holds; the targets inside name sub-attributes of the element.
    Element {
        /// The attribute: multi-valued, or a single complex one (zero or one element).
        target: Target,
        /// What holds of the element.
        condition: Box<Condition>,
    },
}

/// What a filter means by an attribute that the resource type lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// 400 `invalidFilter`.
    Refused,
    /// It is absent (RFC 7644 section 3.4.2.1: queries across resource types).
    Absent,
}

/// Gives a filter its meaning for a resource type.
///
/// # Errors
/// 400 `invalidFilter` that names the attribute and the reason.
pub fn bind(
    filter: &Filter,
    resource_type: &ResourceType,
    unknown: Unknown,
    leniencies: &mut Leniencies,
) -> Result<Condition, ScimError> {
    Binder {
        scope: Scope::Resource(resource_type),
        unknown,
        leniencies,
    }
    .bind(filter)
}

/// Gives the filter inside brackets its meaning for the elements of an attribute.
///
/// # Errors
/// 400 `invalidFilter` that names the attribute and the reason.
pub fn bind_element(
    filter: &Filter,
    attribute: &Attribute,
    leniencies: &mut Leniencies,
) -> Result<Condition, ScimError> {
    Binder {
        scope: Scope::Element(attribute),
        unknown: Unknown::Refused,
        leniencies,
    }
    .bind(filter)
}

/// Resolves a path to what can be compared or sorted by: a complex attribute stands for its `value`.
#[must_use]
pub fn target(resource_type: &ResourceType, path: &AttributePath) -> Option<Target> {
    match resource_type.resolve(path)? {
        Resolved::Extension(_) => None,
        Resolved::Attribute {
            extension,
            attribute,
            sub_attribute,
        } => {
            let sub_attribute = match (attribute.kind, sub_attribute) {
                (AttributeKind::Complex, None) => attribute.sub_attribute("value"),
                (_, given) => given,
            };
            Some(target_of(
                extension.map(|schema| schema.id.clone()),
                attribute,
                sub_attribute,
            ))
        }
    }
}

fn target_of(
    extension: Option<String>,
    attribute: &Attribute,
    sub_attribute: Option<&Attribute>,
) -> Target {
    let compared = sub_attribute.unwrap_or(attribute);
    Target {
        extension,
        attribute: attribute.name.clone(),
        sub_attribute: sub_attribute.map(|sub| sub.name.clone()),
        kind: compared.kind,
        case_exact: compared.case_exact,
        multi_valued: attribute.multi_valued,
    }
}

enum Scope<'a> {
    Resource(&'a ResourceType),
    Element(&'a Attribute),
}

struct Binder<'a, 'b> {
    scope: Scope<'a>,
    unknown: Unknown,
    leniencies: &'b mut Leniencies,
}

type Found<'a> = (Option<String>, &'a Attribute, Option<&'a Attribute>);

impl<'a> Binder<'a, '_> {
    fn bind(&mut self, filter: &Filter) -> Result<Condition, ScimError> {
        match filter {
            Filter::And(parts) => Ok(Condition::All(self.bind_all(parts)?)),
            Filter::Or(parts) => Ok(Condition::Any(self.bind_all(parts)?)),
            Filter::Not(inner) => Ok(Condition::Not(Box::new(self.bind(inner)?))),
            Filter::Present(path) => self.bind_present(path),
            Filter::Compare {
                path,
                operator,
                value,
            } => self.bind_comparison(path, *operator, value),
            Filter::ValuePath { path, filter } => self.bind_value_path(path, filter),
        }
    }

    fn bind_all(&mut self, parts: &[Filter]) -> Result<Vec<Condition>, ScimError> {
        parts.iter().map(|part| self.bind(part)).collect()
    }

    /// The definition that a path names; `None` where it is absent by [`Unknown::Absent`].
    fn find(&mut self, path: &AttributePath) -> Result<Option<Found<'a>>, ScimError> {
        let found = match self.scope {
            Scope::Resource(resource_type) => match self.resolve(resource_type, path) {
                Some(Resolved::Attribute {
                    extension,
                    attribute,
                    sub_attribute,
                }) => Some((
                    extension.map(|schema| schema.id.clone()),
                    attribute,
                    sub_attribute,
                )),
                Some(Resolved::Extension(_)) => {
                    return Err(ScimError::invalid_filter(format!(
                        "{path} is a whole schema extension; a filter compares one of its attributes"
                    )));
                }
                None => None,
            },
            Scope::Element(attribute) => element_attribute(attribute, path),
        };
        match found {
            Some((_, attribute, sub)) if sub.unwrap_or(attribute).returned == Returned::Never => {
                Err(ScimError::invalid_filter(format!(
                    "{path} is never returned and cannot be filtered on"
                )))
            }
            None if self.unknown == Unknown::Refused => Err(ScimError::invalid_filter(format!(
                "no attribute {path} is defined here"
            ))),
            found => Ok(found),
        }
    }

    /// What a path means; the URN may be left out where that is forgiven.
    fn resolve(
        &mut self,
        resource_type: &'a ResourceType,
        path: &AttributePath,
    ) -> Option<Resolved<'a>> {
        if let Some(resolved) = resource_type.resolve(path) {
            return Some(resolved);
        }
        let in_extensions = candidates(resource_type, path);
        let [alone] = in_extensions.as_slice() else {
            return None;
        };
        let resolved = resource_type.resolve(alone)?;
        self.leniencies
            .take(Leniency::UnqualifiedAttribute)
            .then_some(resolved)
    }

    fn bind_present(&mut self, path: &AttributePath) -> Result<Condition, ScimError> {
        // RFC 7644 section 3.4.2.2: an extension is present where the resource holds any of its attributes.
        if let Scope::Resource(resource_type) = self.scope
            && let Some(Resolved::Extension(schema)) = resource_type.resolve(path)
        {
            return Ok(Condition::Present(Target {
                extension: None,
                attribute: schema.id.clone(),
                sub_attribute: None,
                kind: AttributeKind::Complex,
                case_exact: true,
                multi_valued: false,
            }));
        }
        Ok(match self.find(path)? {
            None => Condition::Constant(false),
            Some((extension, attribute, sub)) => {
                Condition::Present(target_of(extension, attribute, sub))
            }
        })
    }

    fn bind_comparison(
        &mut self,
        path: &AttributePath,
        operator: Operator,
        value: &Literal,
    ) -> Result<Condition, ScimError> {
        if *value == Literal::Null {
            let present = self.bind_present(path)?;
            return match operator {
                Operator::Equal => Ok(Condition::Not(Box::new(present))),
                Operator::NotEqual => Ok(present),
                _ => Err(ScimError::invalid_filter(format!(
                    "{path} {} null: null can only be compared with eq and ne",
                    operator.name()
                ))),
            };
        }
        let Some((extension, attribute, sub)) = self.find(path)? else {
            return Ok(Condition::Constant(operator == Operator::NotEqual));
        };
        let sub = match (attribute.kind, sub) {
            (AttributeKind::Complex, None) => match attribute.sub_attribute("value") {
                Some(value) => Some(value),
                None => {
                    return Err(ScimError::invalid_filter(format!(
                        "{path} is complex; a filter compares one of its sub-attributes"
                    )));
                }
            },
            (_, given) => given,
        };
        let target = target_of(extension, attribute, sub);
        check_operator(path, operator, target.kind)?;
        let operand = self.operand(path, &target, value)?;
        Ok(Condition::Compare {
            target,
            operator,
            operand,
        })
    }

    fn bind_value_path(
        &mut self,
        path: &AttributePath,
        filter: &Filter,
    ) -> Result<Condition, ScimError> {
        let Some((extension, attribute, sub)) = self.find(path)? else {
            return Ok(Condition::Constant(false));
        };
        if sub.is_some() || (attribute.kind != AttributeKind::Complex && !attribute.multi_valued) {
            return Err(ScimError::invalid_filter(format!(
                "{path}[…]: only a complex or multi-valued attribute takes a value filter"
            )));
        }
        let condition = bind_element(filter, attribute, self.leniencies)?;
        Ok(Condition::Element {
            target: target_of(extension, attribute, None),
            condition: Box::new(condition),
        })
    }

    fn operand(
        &mut self,
        path: &AttributePath,
        target: &Target,
        literal: &Literal,
    ) -> Result<Operand, ScimError> {
        let refused = |wanted: &str| {
            Err(ScimError::invalid_filter(format!(
                "{path} is compared with {wanted}, not with {literal}"
            )))
        };
        match (target.kind, literal) {
            (AttributeKind::Boolean, Literal::Boolean(flag)) => Ok(Operand::Boolean(*flag)),
            (AttributeKind::Boolean, Literal::Text(text)) => match boolean_text(text) {
                Some(flag) if self.leniencies.take(Leniency::BooleanAsString) => {
                    Ok(Operand::Boolean(flag))
                }
                _ => refused("true or false"),
            },
            (AttributeKind::Boolean, _) => refused("true or false"),
            (AttributeKind::Integer | AttributeKind::Decimal, Literal::Number(number)) => {
                match (number.as_i64(), number.as_f64()) {
                    (Some(whole), _) => Ok(Operand::Integer(whole)),
                    (None, Some(real)) => Ok(Operand::Decimal(real)),
                    (None, None) => refused("a number"),
                }
            }
            (AttributeKind::Integer | AttributeKind::Decimal, _) => refused("a number"),
            (AttributeKind::DateTime, Literal::Text(text)) => match canonical_date_time(text) {
                Some(instant) => Ok(Operand::Text(instant)),
                None => refused("a date and time such as \"2026-01-31T12:00:00Z\""),
            },
            (AttributeKind::DateTime, _) => {
                refused("a date and time such as \"2026-01-31T12:00:00Z\"")
            }
            (_, Literal::Text(text)) if target.case_exact => Ok(Operand::Text(text.clone())),
            (_, Literal::Text(text)) => Ok(Operand::Text(text.to_lowercase())),
            (_, _) => refused("a string"),
        }
    }
}

/// What a path inside brackets names: a sub-attribute, or `value` of an attribute that is not complex.
fn element_attribute<'a>(attribute: &'a Attribute, path: &AttributePath) -> Option<Found<'a>> {
    if path.schema.is_some() || path.sub_attribute.is_some() {
        return None;
    }
    if attribute.kind != AttributeKind::Complex {
        return path
            .attribute
            .eq_ignore_ascii_case("value")
            .then_some((None, attribute, None));
    }
    attribute
        .sub_attribute(&path.attribute)
        .map(|sub| (None, sub, None))
}

fn check_operator(
    path: &AttributePath,
    operator: Operator,
    kind: AttributeKind,
) -> Result<(), ScimError> {
    let fits = match operator {
        Operator::Equal | Operator::NotEqual => true,
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
            matches!(kind, AttributeKind::String | AttributeKind::Reference)
        }
        _ => !matches!(kind, AttributeKind::Boolean | AttributeKind::Binary),
    };
    if fits {
        return Ok(());
    }
    Err(ScimError::invalid_filter(format!(
        "{path} cannot be compared with {}",
        operator.name()
    )))
}

/// `true` and `false` in any case.
#[must_use]
pub(crate) fn boolean_text(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// An instant in UTC with three fractional digits, so that the order of texts is the order of time.
#[must_use]
pub(crate) fn canonical_date_time(text: &str) -> Option<String> {
    // RFC 7643 section 2.3.5 follows xsd:dateTime, where the zone may be missing; that is taken as UTC.
    let instant = DateTime::parse_from_rfc3339(text)
        .map(|instant| instant.with_timezone(&Utc))
        .or_else(|_| {
            text.parse::<chrono::NaiveDateTime>()
                .map(|instant| instant.and_utc())
        })
        .ok()?;
    let four_digit_year = (0..=9999).contains(&chrono::Datelike::year(&instant));
    four_digit_year.then(|| instant.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests;
