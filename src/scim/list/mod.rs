//! Queries and lists (RFC 7644 sections 3.4.2 and 3.4.3, RFC 9865): what a client asks for, from a query
//! string or a `/.search` body, and the frame of the answer.
//!
//! Names stay unresolved here, for a query may span resource types.

use serde_json::{Map, Value};

use super::filter::{self, Filter};
use super::leniency::{Leniencies, Leniency};
use super::path::AttributePath;
use super::projection::Projection;
use super::{ErrorKind, ScimError};

/// The schema URN of a list (RFC 7644 section 3.4.2).
pub const LIST_RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The schema URN of a query in a body (RFC 7644 section 3.4.3).
pub const SEARCH_REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// The bounds of a page, as `ServiceProviderConfig` states them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimits {
    /// Resources on a page where the client names no number.
    pub default_count: i64,
    /// Resources on a page at most.
    pub max_count: i64,
}

/// The order of a result (RFC 7644 section 3.4.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// `sortBy`
    pub path: AttributePath,
    /// Whether `sortOrder` is `descending`.
    pub descending: bool,
}

/// The part of a result that is asked for. A count of 0 asks for the total alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageRequest {
    /// By number (RFC 7644 section 3.4.2.4).
    Index {
        /// The number of the first resource, from 1.
        start_index: i64,
        /// How many at most.
        count: i64,
    },
    /// By cursor (RFC 9865).
    Cursor {
        /// What `nextCursor` said; `None` for the first page.
        cursor: Option<String>,
        /// How many at most.
        count: i64,
    },
}

impl PageRequest {
    /// How many resources at most.
    #[must_use]
    pub fn count(&self) -> i64 {
        match self {
            Self::Index { count, .. } | Self::Cursor { count, .. } => *count,
        }
    }
}

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// Which resources.
    pub filter: Option<Filter>,
    /// The same as the client wrote it.
    pub filter_text: Option<String>,
    /// In which order.
    pub sort: Option<Sort>,
    /// Which part of them.
    pub page: PageRequest,
    /// Which attributes of each.
    pub projection: Projection,
}

impl SearchRequest {
    /// Reads the decoded pairs of a query string. Names ignore case, unknown ones are ignored (RFC 7644
    /// section 3.4.2).
    ///
    /// # Errors
    /// 400 `invalidFilter`; 400 `invalidCount` for a cursor's count above the limit (RFC 9865 section
    /// 2.1); 400 `invalidValue` for anything else, such as a parameter that is given twice.
    pub fn from_query(pairs: &[(String, String)], limits: &PageLimits) -> Result<Self, ScimError> {
        Parameters::from_query(pairs)?.into_request(limits)
    }

    /// Reads the body of a `/.search` request (RFC 7644 section 3.4.3).
    ///
    /// # Errors
    /// As [`SearchRequest::from_query`], and 400 `invalidSyntax` where the body is no search request.
    pub fn from_body(
        body: &Value,
        limits: &PageLimits,
        leniencies: &mut Leniencies,
    ) -> Result<Self, ScimError> {
        Parameters::from_body(body, leniencies)?.into_request(limits)
    }
}

/// Reads `attributes` and `excludedAttributes` alone, for requests that answer with one resource.
///
/// # Errors
/// 400 `invalidValue` as [`Projection::parse`], and for a parameter that is given twice.
pub fn projection_from_query(pairs: &[(String, String)]) -> Result<Projection, ScimError> {
    let parameters = Parameters::from_query(pairs)?;
    Projection::from_lists(&parameters.attributes, &parameters.excluded)
}

/// The parameters before they are understood; blank ones count as not given, save a filter and a cursor.
#[derive(Debug, Default)]
struct Parameters {
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<String>,
    count: Option<String>,
    cursor: Option<String>,
    attributes: Vec<String>,
    excluded: Vec<String>,
}

const NAMES: [&str; 8] = [
    "filter",
    "sortBy",
    "sortOrder",
    "startIndex",
    "count",
    "cursor",
    "attributes",
    "excludedAttributes",
];

/// The known parameters with each at most once.
fn known<'a, T>(
    given: impl Iterator<Item = (&'a str, T)>,
) -> Result<Vec<(&'static str, T)>, ScimError> {
    let mut found: Vec<(&'static str, T)> = Vec::new();
    for (name, value) in given {
        let Some(name) = NAMES
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(name))
        else {
            continue;
        };
        if found.iter().any(|(earlier, _)| *earlier == name) {
            return Err(ScimError::invalid_value(format!(
                "{name} is given more than once"
            )));
        }
        found.push((name, value));
    }
    Ok(found)
}

fn given(text: String) -> Option<String> {
    (!text.trim().is_empty()).then_some(text)
}

impl Parameters {
    fn from_query(pairs: &[(String, String)]) -> Result<Self, ScimError> {
        let mut parameters = Self::default();
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in known(pairs)? {
            match name {
                "attributes" => parameters.attributes = split(value),
                "excludedAttributes" => parameters.excluded = split(value),
                _ => parameters.set(name, value.to_owned()),
            }
        }
        Ok(parameters)
    }

    fn from_body(body: &Value, leniencies: &mut Leniencies) -> Result<Self, ScimError> {
        let Value::Object(body) = body else {
            return Err(ScimError::invalid_syntax(
                "the body of a search request must be a JSON object",
            ));
        };
        check_schema(body, SEARCH_REQUEST_SCHEMA, leniencies)?;
        let mut parameters = Self::default();
        let members = body
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.as_str(), value));
        for (name, value) in known(members)? {
            match name {
                "attributes" => parameters.attributes = list(name, value, leniencies)?,
                "excludedAttributes" => parameters.excluded = list(name, value, leniencies)?,
                "startIndex" | "count" => {
                    parameters.set(name, number_text(name, value, leniencies)?);
                }
                _ => match value {
                    Value::String(text) => parameters.set(name, text.clone()),
                    _ => {
                        return Err(ScimError::invalid_value(format!("{name} must be a string")));
                    }
                },
            }
        }
        Ok(parameters)
    }

    fn set(&mut self, name: &str, value: String) {
        match name {
            "filter" => self.filter = Some(value),
            "cursor" => self.cursor = Some(value),
            "sortBy" => self.sort_by = given(value),
            "sortOrder" => self.sort_order = given(value),
            "startIndex" => self.start_index = given(value),
            _ => self.count = given(value),
        }
    }

    fn into_request(self, limits: &PageLimits) -> Result<SearchRequest, ScimError> {
        let filter = self.filter.as_deref().map(filter::parse).transpose()?;
        Ok(SearchRequest {
            filter,
            sort: self.sort()?,
            page: self.page(limits)?,
            projection: Projection::from_lists(&self.attributes, &self.excluded)?,
            filter_text: self.filter,
        })
    }

    fn sort(&self) -> Result<Option<Sort>, ScimError> {
        let order = self.sort_order.as_deref().map_or("ascending", str::trim);
        let descending = order.eq_ignore_ascii_case("descending");
        if !descending && !order.eq_ignore_ascii_case("ascending") {
            return Err(ScimError::invalid_value(format!(
                "sortOrder must be \"ascending\" or \"descending\", not {order:?}"
            )));
        }
        let Some(by) = self.sort_by.as_deref() else {
            return Ok(None);
        };
        let path = AttributePath::parse(by.trim())
            .map_err(|error| ScimError::invalid_value(format!("sortBy: {error}")))?;
        Ok(Some(Sort { path, descending }))
    }

    fn page(&self, limits: &PageLimits) -> Result<PageRequest, ScimError> {
        let count = match self.count.as_deref() {
            None => limits.default_count,
            Some(text) => integer("count", text)?.max(0),
        };
        let Some(cursor) = &self.cursor else {
            let start_index = match self.start_index.as_deref() {
                None => 1,
                Some(text) => integer("startIndex", text)?.max(1),
            };
            return Ok(PageRequest::Index {
                start_index,
                count: count.min(limits.max_count),
            });
        };
        if self.start_index.is_some() {
            return Err(ScimError::invalid_value(
                "startIndex and cursor are two ways of paging: give one of them",
            ));
        }
        if count > limits.max_count {
            return Err(ScimError::new(
                ErrorKind::InvalidCount,
                format!("count must be between 0 and {}", limits.max_count),
            ));
        }
        Ok(PageRequest::Cursor {
            cursor: given(cursor.clone()),
            count,
        })
    }
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

/// A whole number of any length; one that is too long for 64 bits is as large as can be.
fn integer(name: &str, text: &str) -> Result<i64, ScimError> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|next| next.is_ascii_digit()) {
        return Err(ScimError::invalid_value(format!(
            "{name} must be a whole number"
        )));
    }
    Ok(match (digits.parse::<i64>(), negative) {
        (Ok(number), false) => number,
        (Ok(number), true) => -number,
        (Err(_), false) => i64::MAX,
        (Err(_), true) => i64::MIN,
    })
}

fn number_text(
    name: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<String, ScimError> {
    match value {
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) if leniencies.take(Leniency::NumberAsString) => Ok(text.clone()),
        _ => Err(ScimError::invalid_value(format!(
            "{name} must be a whole number"
        ))),
    }
}

fn list(name: &str, value: &Value, leniencies: &mut Leniencies) -> Result<Vec<String>, ScimError> {
    let refused = || ScimError::invalid_value(format!("{name} must be an array of strings"));
    match value {
        Value::Array(elements) => elements
            .iter()
            .map(|element| element.as_str().map(str::to_owned).ok_or_else(refused))
            .collect(),
        Value::String(text) if leniencies.take(Leniency::SingleForMultiple) => Ok(split(text)),
        _ => Err(refused()),
    }
}

/// Refuses a message whose `schemas` does not name its URN, unless that is forgiven.
pub(crate) fn check_schema(
    message: &Map<String, Value>,
    urn: &str,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let named = member(message, "schemas")
        .and_then(Value::as_array)
        .is_some_and(|schemas| {
            schemas
                .iter()
                .filter_map(Value::as_str)
                .any(|schema| schema.eq_ignore_ascii_case(urn))
        });
    if named || leniencies.take(Leniency::MissingSchema) {
        return Ok(());
    }
    Err(ScimError::invalid_syntax(format!(
        "schemas must name {urn}"
    )))
}

/// A member of a message, whatever the case of its name (RFC 7643 section 2.1).
pub(crate) fn member<'a>(message: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    message.get(name).or_else(|| {
        message
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

/// The frame of a list (RFC 7644 section 3.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListResponse {
    /// How many resources there are on all pages.
    pub total_results: i64,
    /// How many are on this page.
    pub items_per_page: usize,
    /// The number of the first one, where pages are asked for by number.
    pub start_index: Option<i64>,
    /// The cursor of the next page, where pages are asked for by cursor and this is not the last.
    pub next_cursor: Option<String>,
}

impl ListResponse {
    /// What follows the last resource.
    pub const TAIL: &str = "]}";

    /// What precedes the first resource, so that resources can be sent as they are made, with commas
    /// between them and [`Self::TAIL`] behind.
    #[must_use]
    pub fn head(&self) -> String {
        let mut text = self.to_json(Vec::new()).to_string();
        text.truncate(text.len().saturating_sub(Self::TAIL.len()));
        text
    }

    /// The whole list.
    #[must_use]
    pub fn to_json(&self, resources: Vec<Value>) -> Value {
        let mut list = Map::new();
        list.insert(
            "schemas".to_owned(),
            Value::from(vec![LIST_RESPONSE_SCHEMA]),
        );
        list.insert("totalResults".to_owned(), Value::from(self.total_results));
        if let Some(start_index) = self.start_index {
            list.insert("startIndex".to_owned(), Value::from(start_index));
        }
        list.insert("itemsPerPage".to_owned(), Value::from(self.items_per_page));
        if let Some(next_cursor) = &self.next_cursor {
            list.insert("nextCursor".to_owned(), Value::from(next_cursor.as_str()));
        }
        // Last, because `head` ends within it.
        list.insert("Resources".to_owned(), Value::Array(resources));
        Value::Object(list)
    }
}

#[cfg(test)]
mod tests;
