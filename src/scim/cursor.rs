//! Cursors (RFC 9865): positions in an ordered result, signed and stateless.
//!
//! A cursor says after which resource the next page begins and for which query it was made. The server
//! keeps nothing: what comes back is trusted because of its signature, and access is checked anew with
//! every page. Keys and the time come from the caller.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::list::SearchRequest;
use super::{ErrorKind, ScimError};

/// The value by which a resource has its place in a sorted result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortKey {
    /// The resource has none.
    Null,
    /// Text, folded where the attribute ignores case; also `true` and `false`.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    #[serde(with = "exact_decimal")]
    Decimal(f64),
}

/// Where a page ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The sort key of the last resource, where the query is sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_key: Option<SortKey>,
    /// The identifier of the last resource, which breaks ties.
    pub id: String,
}

/// The query that a cursor belongs to; which attributes its answers show plays no part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    fingerprint: String,
    count: i64,
}

impl Query {
    /// Of a request to an endpoint (`/Users`; empty for the root) within a directory.
    #[must_use]
    pub fn new(directory: &str, endpoint: &str, request: &SearchRequest) -> Self {
        // Folded, because names and operators ignore case. Filters that differ in the case of a value
        // become one, which is harmless: each page is filtered as it was asked for.
        let filter = request
            .filter
            .as_ref()
            .map(|filter| filter.to_string().to_lowercase());
        let sort = request
            .sort
            .as_ref()
            .map(|sort| (sort.path.to_string().to_lowercase(), sort.descending));
        let text = json!([directory, endpoint, filter, sort]).to_string();
        let digest = Sha256::digest(text.as_bytes());
        Self {
            fingerprint: URL_SAFE_NO_PAD.encode(digest),
            count: request.page.count(),
        }
    }
}

/// A place in the result of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The query.
    pub query: Query,
    /// The place.
    pub position: Position,
    /// When it was made, in milliseconds since 1970-01-01T00:00:00Z.
    pub issued_at_millis: i64,
}

impl Cursor {
    /// The text for `nextCursor`: a JWT, and so of unreserved characters only (RFC 9865 section 2).
    ///
    /// # Errors
    /// 500 where it cannot be signed, which no key of bytes brings about.
    pub fn seal(&self, key: &[u8]) -> Result<String, ScimError> {
        let header = Header::new(Algorithm::HS256);
        jsonwebtoken::encode(&header, self, &EncodingKey::from_secret(key)).map_err(|error| {
            ScimError::new(
                ErrorKind::Internal,
                format!("the cursor cannot be signed: {error}"),
            )
        })
    }

    /// Reads a cursor that a client brings back.
    ///
    /// # Errors
    /// 400 `invalidCursor` where it is malformed, not signed with this key or of another query,
    /// `expiredCursor` where it is older than the timeout, `invalidCount` where the page size differs from
    /// that of the first page (RFC 9865 section 2.1).
    pub fn open(
        text: &str,
        key: &[u8],
        now_millis: i64,
        timeout_seconds: i64,
        query: &Query,
    ) -> Result<Self, ScimError> {
        // The same words whatever the cause: they tell a forger nothing (RFC 9865 section 5.2).
        let invalid = || {
            ScimError::new(
                ErrorKind::InvalidCursor,
                "cursor is none that this query gave: leave it empty to begin, then send nextCursor with the same query",
            )
        };
        let decoded =
            jsonwebtoken::decode::<Self>(text, &DecodingKey::from_secret(key), &signature_only());
        let cursor = decoded.map_err(|_| invalid())?.claims;
        if cursor.query.fingerprint != query.fingerprint {
            return Err(invalid());
        }
        let age_millis = now_millis.saturating_sub(cursor.issued_at_millis);
        if age_millis > timeout_seconds.saturating_mul(1_000) {
            return Err(ScimError::new(
                ErrorKind::ExpiredCursor,
                format!(
                    "cursor is older than {timeout_seconds} seconds: begin again with an empty one"
                ),
            ));
        }
        if cursor.query.count != query.count {
            return Err(ScimError::new(
                ErrorKind::InvalidCount,
                format!(
                    "count must stay {} as in the query that gave the cursor",
                    cursor.query.count
                ),
            ));
        }
        Ok(cursor)
    }
}

/// The time is the caller's to judge, not the library's.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    validation
}

/// A decimal as text, which nobody on the way reads a little differently: a position that is off by the last digit
/// would skip a resource or repeat it.
mod exact_decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde asks for"
    )]
    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scim::list::{PageLimits, SearchRequest};

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
    const NOW: i64 = 1_700_000_000_000;

    fn query(directory: &str, endpoint: &str, parameters: &[(&str, &str)]) -> Query {
        let pairs: Vec<(String, String)> = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let limits = PageLimits {
            default_count: 100,
            max_count: 500,
        };
        let request = SearchRequest::from_query(&pairs, &limits).unwrap();
        Query::new(directory, endpoint, &request)
    }

    fn own() -> Query {
        query(
            "d",
            "/Users",
            &[
                ("filter", "userName sw \"j\""),
                ("cursor", ""),
                ("sortBy", "userName"),
            ],
        )
    }

    fn cursor(sort_key: Option<SortKey>, id: &str) -> Cursor {
        Cursor {
            query: own(),
            position: Position {
                sort_key,
                id: id.to_owned(),
            },
            issued_at_millis: NOW,
        }
    }

    fn kind(result: Result<Cursor, ScimError>) -> ErrorKind {
        result.unwrap_err().kind
    }

    #[test]
    fn a_cursor_holds_unreserved_characters_only() {
        let text = cursor(Some(SortKey::Text("é/+=".to_owned())), "1")
            .seal(KEY)
            .unwrap();
        assert!(
            text.chars()
                .all(|next| next.is_ascii_alphanumeric() || "-._~".contains(next))
        );
    }

    #[test]
    fn a_cursor_serves_its_own_query_alone() {
        let text = cursor(None, "1").seal(KEY).unwrap();
        let filter = ("filter", "userName sw \"j\"");
        let paging = ("cursor", "");
        let sort = ("sortBy", "userName");
        let same = [
            query("d", "/Users", &[filter, paging, sort]),
            query(
                "d",
                "/Users",
                &[
                    ("FILTER", "USERNAME SW \"j\""),
                    paging,
                    ("sortBy", "username"),
                ],
            ),
            query(
                "d",
                "/Users",
                &[
                    filter,
                    paging,
                    sort,
                    ("attributes", "emails"),
                    ("count", "100"),
                ],
            ),
            query(
                "d",
                "/Users",
                &[filter, paging, sort, ("sortOrder", "ascending")],
            ),
        ];
        for query in same {
            assert!(Cursor::open(&text, KEY, NOW, 60, &query).is_ok());
        }
        let others = [
            query("e", "/Users", &[filter, paging, sort]),
            query("d", "/Groups", &[filter, paging, sort]),
            query(
                "d",
                "/Users",
                &[("filter", "userName sw \"k\""), paging, sort],
            ),
            query("d", "/Users", &[paging, sort]),
            query("d", "/Users", &[filter, paging]),
            query("d", "/Users", &[filter, paging, ("sortBy", "displayName")]),
            query(
                "d",
                "/Users",
                &[filter, paging, sort, ("sortOrder", "descending")],
            ),
        ];
        for query in others {
            assert_eq!(
                kind(Cursor::open(&text, KEY, NOW, 60, &query)),
                ErrorKind::InvalidCursor
            );
        }
        let resized = query("d", "/Users", &[filter, paging, sort, ("count", "99")]);
        assert_eq!(
            kind(Cursor::open(&text, KEY, NOW, 60, &resized)),
            ErrorKind::InvalidCount
        );
    }

    #[test]
    fn a_cursor_expires_after_its_timeout() {
        let text = cursor(None, "1").seal(KEY).unwrap();
        for age in [-5_000, 0, 60_000] {
            assert!(
                Cursor::open(&text, KEY, NOW + age, 60, &own()).is_ok(),
                "{age}"
            );
        }
        let late = Cursor::open(&text, KEY, NOW + 60_001, 60, &own());
        assert_eq!(kind(late), ErrorKind::ExpiredCursor);
    }

    #[test]
    fn a_cursor_that_was_not_signed_here_is_invalid() {
        let text = cursor(None, "1").seal(KEY).unwrap();
        let (_, claims) = text.split_once('.').unwrap();
        let none = URL_SAFE_NO_PAD.encode("{\"typ\":\"JWT\",\"alg\":\"none\"}");
        let forged = [
            String::new(),
            "VZUTiyhEQJ94IR".to_owned(),
            "a.b.c".to_owned(),
            format!("{text}x"),
            format!("{none}.{claims}"),
            format!("{none}.{}.", claims.split('.').next().unwrap()),
            cursor(None, "1").seal(b"another key").unwrap(),
        ];
        for text in forged {
            assert_eq!(
                kind(Cursor::open(&text, KEY, NOW, 60, &own())),
                ErrorKind::InvalidCursor,
                "{text}"
            );
        }
    }

    fn sort_keys() -> impl Strategy<Value = Option<SortKey>> {
        prop_oneof![
            Just(None),
            Just(Some(SortKey::Null)),
            any::<String>().prop_map(|text| Some(SortKey::Text(text))),
            any::<i64>().prop_map(|number| Some(SortKey::Integer(number))),
            any::<f64>().prop_map(|number| Some(SortKey::Decimal(number))),
        ]
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was_made(key in sort_keys(), id in ".{0,40}") {
            let made = cursor(key, &id);
            let text = made.seal(KEY).unwrap();
            prop_assert_eq!(Cursor::open(&text, KEY, NOW, 60, &own()).unwrap(), made);
        }

        #[test]
        fn a_cursor_that_was_tampered_with_never_opens(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
            let text = cursor(Some(SortKey::Text("key".to_owned())), "id").seal(KEY).unwrap();
            let at = at.index(text.len());
            let mut tampered = text.clone();
            tampered.replace_range(at..=at, &to);
            prop_assume!(tampered != text);
            prop_assert_eq!(kind(Cursor::open(&tampered, KEY, NOW, 60, &own())), ErrorKind::InvalidCursor);
        }

        #[test]
        fn no_text_at_all_makes_opening_panic(text in ".{0,80}") {
            prop_assert!(Cursor::open(&text, KEY, NOW, 60, &own()).is_err());
        }
    }
}
