//! Filters (RFC 7644 section 3.4.2.2): the syntax tree, its parser and its text form.
//!
//! A [`Filter`] knows no schema; [`super::condition::bind`] gives it a meaning for one resource type.

mod parser;

use std::fmt;

use serde_json::Number;

use super::path::AttributePath;

pub(crate) use parser::parse_value_filter;
pub use parser::{FilterError, MAX_COMPARISONS, MAX_DEPTH, MAX_LENGTH, parse};

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `co`
    Contains,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

impl Operator {
    const ALL: [Self; 9] = [
        Self::Equal,
        Self::NotEqual,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Less,
        Self::LessOrEqual,
    ];

    /// Its two letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "eq",
            Self::NotEqual => "ne",
            Self::Contains => "co",
            Self::StartsWith => "sw",
            Self::EndsWith => "ew",
            Self::Greater => "gt",
            Self::GreaterOrEqual => "ge",
            Self::Less => "lt",
            Self::LessOrEqual => "le",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operator| operator.name().eq_ignore_ascii_case(name))
    }
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// A JSON number.
    Number(Number),
    /// A JSON string.
    Text(String),
}

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them (two or more).
    And(Vec<Filter>),
    /// Any of them (two or more).
    Or(Vec<Filter>),
    /// Not this one.
    Not(Box<Filter>),
    /// An attribute compared with a value.
    Compare {
        /// What.
        path: AttributePath,
        /// How.
        operator: Operator,
        /// With what.
        value: Literal,
    },
    /// `pr`
    Present(AttributePath),
    /// `emails[type eq "work"]`: an element of which all that holds.
    ValuePath {
        /// The attribute.
        path: AttributePath,
        /// What holds of an element.
        filter: Box<Filter>,
    },
}

impl fmt::Display for Literal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Boolean(flag) => write!(formatter, "{flag}"),
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Text(text) => {
                write!(formatter, "{}", serde_json::Value::from(text.as_str()))
            }
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => join(formatter, parts, " and ", |part| {
                matches!(part, Self::And(_) | Self::Or(_))
            }),
            Self::Or(parts) => join(formatter, parts, " or ", |part| matches!(part, Self::Or(_))),
            Self::Not(inner) => write!(formatter, "not ({inner})"),
            Self::Compare {
                path,
                operator,
                value,
            } => write!(formatter, "{path} {} {value}", operator.name()),
            Self::Present(path) => write!(formatter, "{path} pr"),
            Self::ValuePath { path, filter } => write!(formatter, "{path}[{filter}]"),
        }
    }
}

fn join(
    formatter: &mut fmt::Formatter<'_>,
    parts: &[Filter],
    separator: &str,
    in_parentheses: impl Fn(&Filter) -> bool,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            formatter.write_str(separator)?;
        }
        if in_parentheses(part) {
            write!(formatter, "({part})")?;
        } else {
            write!(formatter, "{part}")?;
        }
    }
    Ok(())
}
