//! The answer to a bulk request (RFC 7644 section 3.7.3).

use serde_json::{Map, Value, json};

use super::{BULK_RESPONSE_SCHEMA, BulkOperation, Method, RefusedOperation};
use crate::scim::ScimError;

/// What became of one operation.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkResult {
    method: Option<String>,
    bulk_id: Option<String>,
    version: Option<String>,
    location: Option<String>,
    status: u16,
    error: Option<Value>,
}

impl BulkResult {
    /// An operation that was executed, with the address of its resource and, unless that is gone, its
    /// entity tag.
    #[must_use]
    pub fn done(
        operation: &BulkOperation,
        status: u16,
        location: String,
        version: Option<String>,
    ) -> Self {
        Self {
            method: Some(operation.method.name().to_owned()),
            bulk_id: operation.bulk_id.clone(),
            version,
            location: Some(location),
            status,
            error: None,
        }
    }

    /// An operation that failed. A POST has no location then.
    #[must_use]
    pub fn failed(operation: &BulkOperation, base_url: &str, error: &ScimError) -> Self {
        let location = match operation.method {
            Method::Post => None,
            _ => Some(format!("{base_url}{}", operation.path)),
        };
        Self {
            method: Some(operation.method.name().to_owned()),
            bulk_id: operation.bulk_id.clone(),
            version: None,
            location,
            status: error.kind.status(),
            error: Some(error.to_json()),
        }
    }

    /// An operation that could not be understood.
    #[must_use]
    pub fn refused(operation: &RefusedOperation, base_url: &str) -> Self {
        let is_post = operation
            .method
            .as_deref()
            .is_some_and(|method| method.eq_ignore_ascii_case(Method::Post.name()));
        let location = operation
            .path
            .as_ref()
            .filter(|path| !is_post && path.starts_with('/'))
            .map(|path| format!("{base_url}{path}"));
        Self {
            method: operation.method.clone(),
            bulk_id: operation.bulk_id.clone(),
            version: None,
            location,
            status: operation.error.kind.status(),
            error: Some(operation.error.to_json()),
        }
    }

    /// Whether it counts towards `failOnErrors`.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.error.is_some()
    }

    /// The element of the answer's `Operations`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let status = self.status.to_string();
        let texts = [
            ("location", self.location.as_deref()),
            ("method", self.method.as_deref()),
            ("bulkId", self.bulk_id.as_deref()),
            ("version", self.version.as_deref()),
            ("status", Some(status.as_str())),
        ];
        let mut result: Map<String, Value> = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))))
            .collect();
        if let Some(error) = &self.error {
            result.insert("response".to_owned(), error.clone());
        }
        Value::Object(result)
    }
}

/// The whole answer.
#[must_use]
pub fn response(results: &[BulkResult]) -> Value {
    let operations: Vec<Value> = results.iter().map(BulkResult::to_json).collect();
    json!({"schemas": [BULK_RESPONSE_SCHEMA], "Operations": operations})
}
