//! The rules of RFC 7644 section 3.4.2 and RFC 9865, one table each.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::scim::leniency::Dialect;

type Pairs<'a> = &'a [(&'a str, &'a str)];

const LIMITS: PageLimits = PageLimits {
    default_count: 100,
    max_count: 500,
};

fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
    query
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn from_query(query: &[(&str, &str)]) -> Result<SearchRequest, ScimError> {
    SearchRequest::from_query(&pairs(query), &LIMITS)
}

fn from_body(body: &Value, dialect: Dialect) -> Result<SearchRequest, ScimError> {
    SearchRequest::from_body(body, &LIMITS, &mut Leniencies::new(dialect))
}

#[test]
fn pages_by_number_follow_the_bounds() {
    let cases: [(Pairs<'_>, i64, i64); 12] = [
        (&[], 1, 100),
        (&[("startIndex", "11"), ("count", "10")], 11, 10),
        (&[("startindex", "11"), ("COUNT", "10")], 11, 10),
        (&[("startIndex", "0")], 1, 100),
        (&[("startIndex", "-7")], 1, 100),
        (&[("count", "0")], 1, 0),
        (&[("count", "-1")], 1, 0),
        (&[("count", "501")], 1, 500),
        (&[("count", "99999999999999999999")], 1, 500),
        (&[("startIndex", "99999999999999999999")], i64::MAX, 100),
        (&[("startIndex", ""), ("count", " ")], 1, 100),
        (&[("unknown", "x"), ("unknown", "y")], 1, 100),
    ];
    for (query, start_index, count) in cases {
        let page = from_query(query).unwrap().page;
        assert_eq!(page, PageRequest::Index { start_index, count }, "{query:?}");
    }
}

#[test]
fn the_presence_of_cursor_asks_for_pages_by_cursor() {
    let cases: [(Pairs<'_>, Option<&str>, i64); 5] = [
        (&[("cursor", "")], None, 100),
        (&[("cursor", ""), ("count", "10")], None, 10),
        (
            &[("CURSOR", "VZUTiyhEQJ94IR"), ("count", "500")],
            Some("VZUTiyhEQJ94IR"),
            500,
        ),
        (&[("cursor", ""), ("count", "-1")], None, 0),
        (&[("cursor", ""), ("count", "0")], None, 0),
    ];
    for (query, cursor, count) in cases {
        let cursor = cursor.map(str::to_owned);
        let page = from_query(query).unwrap().page;
        assert_eq!(page, PageRequest::Cursor { cursor, count }, "{query:?}");
    }
}

#[test]
fn what_cannot_be_understood_is_refused_by_name() {
    let cases: [(Pairs<'_>, ErrorKind); 13] = [
        (&[("count", "ten")], ErrorKind::InvalidValue),
        (&[("count", "1.5")], ErrorKind::InvalidValue),
        (&[("startIndex", "-")], ErrorKind::InvalidValue),
        (&[("count", "1"), ("Count", "2")], ErrorKind::InvalidValue),
        (
            &[("filter", "id pr"), ("filter", "id pr")],
            ErrorKind::InvalidValue,
        ),
        (
            &[("cursor", ""), ("startIndex", "1")],
            ErrorKind::InvalidValue,
        ),
        (&[("cursor", ""), ("count", "501")], ErrorKind::InvalidCount),
        (&[("sortBy", "user name")], ErrorKind::InvalidValue),
        (
            &[("sortBy", "userName"), ("sortOrder", "up")],
            ErrorKind::InvalidValue,
        ),
        (&[("filter", "userName is \"x\"")], ErrorKind::InvalidFilter),
        (&[("filter", "")], ErrorKind::InvalidFilter),
        (
            &[("attributes", "id"), ("excludedAttributes", "name")],
            ErrorKind::InvalidValue,
        ),
        (&[("attributes", "a b")], ErrorKind::InvalidValue),
    ];
    for (query, kind) in cases {
        let error = from_query(query).unwrap_err();
        assert_eq!(error.kind, kind, "{query:?}: {error}");
    }
}

#[test]
fn a_sort_is_ascending_unless_descending_is_asked_for() {
    let path = || AttributePath::parse("name.familyName").unwrap();
    let cases: [(Pairs<'_>, Option<bool>); 5] = [
        (&[("sortBy", "name.familyName")], Some(false)),
        (
            &[("sortBy", "name.familyName"), ("sortOrder", "Ascending")],
            Some(false),
        ),
        (
            &[("sortBy", "name.familyName"), ("sortOrder", "DESCENDING")],
            Some(true),
        ),
        (&[("sortOrder", "descending")], None),
        (&[("sortBy", ""), ("sortOrder", "")], None),
    ];
    for (query, descending) in cases {
        let wanted = descending.map(|descending| Sort {
            path: path(),
            descending,
        });
        assert_eq!(from_query(query).unwrap().sort, wanted, "{query:?}");
    }
}

#[test]
fn a_search_request_means_the_same_as_a_query() {
    let body = json!({
        "schemas": [SEARCH_REQUEST_SCHEMA],
        "attributes": ["displayName", "userName"],
        "filter": "displayName sw \"smith\"",
        "sortBy": "userName",
        "startIndex": 1,
        "Count": 10,
        "cursor": null,
    });
    let query = from_query(&[
        ("attributes", "displayName,userName"),
        ("filter", "displayName sw \"smith\""),
        ("sortBy", "userName"),
        ("startIndex", "1"),
        ("count", "10"),
    ]);
    let request = from_body(&body, Dialect::Strict).unwrap();
    assert_eq!(request, query.unwrap());
    assert_eq!(
        request.filter_text.as_deref(),
        Some("displayName sw \"smith\"")
    );

    let by_cursor = json!({"schemas": [SEARCH_REQUEST_SCHEMA], "cursor": "", "count": 10});
    assert_eq!(
        from_body(&by_cursor, Dialect::Strict).unwrap().page,
        PageRequest::Cursor {
            cursor: None,
            count: 10
        }
    );
}

#[test]
fn deviations_in_a_search_request_are_forgiven_or_refused_as_the_dialect_says() {
    let schemas = json!([SEARCH_REQUEST_SCHEMA]);
    let cases = [
        (
            json!({"count": 1}),
            Leniency::MissingSchema,
            ErrorKind::InvalidSyntax,
        ),
        (
            json!({"schemas": schemas, "count": "1"}),
            Leniency::NumberAsString,
            ErrorKind::InvalidValue,
        ),
        (
            json!({"schemas": schemas, "attributes": "userName,name"}),
            Leniency::SingleForMultiple,
            ErrorKind::InvalidValue,
        ),
    ];
    for (body, leniency, kind) in cases {
        let mut leniencies = Leniencies::new(Dialect::Lenient);
        SearchRequest::from_body(&body, &LIMITS, &mut leniencies).unwrap();
        assert_eq!(leniencies.used().collect::<Vec<_>>(), [leniency], "{body}");
        assert_eq!(
            from_body(&body, Dialect::Strict).unwrap_err().kind,
            kind,
            "{body}"
        );
    }
}

#[test]
fn bodies_that_are_no_search_request_are_refused() {
    let with = |name: &str, value: Value| json!({"schemas": [SEARCH_REQUEST_SCHEMA], name: value});
    let cases = [
        (json!([]), ErrorKind::InvalidSyntax),
        (with("filter", json!(1)), ErrorKind::InvalidValue),
        (with("attributes", json!([1])), ErrorKind::InvalidValue),
        (with("count", json!(1.5)), ErrorKind::InvalidValue),
        (with("count", json!(true)), ErrorKind::InvalidValue),
        (with("cursor", json!({})), ErrorKind::InvalidValue),
    ];
    for (body, kind) in cases {
        assert_eq!(
            from_body(&body, Dialect::Lenient).unwrap_err().kind,
            kind,
            "{body}"
        );
    }
}

#[test]
fn the_head_and_the_tail_frame_the_resources() {
    let by_index = ListResponse {
        total_results: 100,
        items_per_page: 2,
        start_index: Some(11),
        next_cursor: None,
    };
    let text = format!(
        "{}{{\"id\":\"1\"}},{{\"id\":\"2\"}}{}",
        by_index.head(),
        ListResponse::TAIL
    );
    let resources = vec![json!({"id": "1"}), json!({"id": "2"})];
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        by_index.to_json(resources)
    );
    assert_eq!(
        by_index.head(),
        "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"],\"totalResults\":100,\
         \"startIndex\":11,\"itemsPerPage\":2,\"Resources\":["
    );
    let by_cursor = ListResponse {
        start_index: None,
        next_cursor: Some("VZUTiyhEQJ94IR".to_owned()),
        ..by_index
    };
    assert_eq!(
        by_cursor.to_json(Vec::new()),
        json!({
            "schemas": [LIST_RESPONSE_SCHEMA], "totalResults": 100, "itemsPerPage": 2,
            "nextCursor": "VZUTiyhEQJ94IR", "Resources": [],
        })
    );
}

proptest! {
    #[test]
    fn no_query_makes_reading_panic(
        query in prop::collection::vec(
            (prop::sample::select(vec![
                "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes",
                "excludedAttributes", "other",
            ]), ".{0,30}|-?[0-9]{0,25}"),
            0..5,
        )
    ) {
        let query: Vec<_> = query.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if let Ok(request) = SearchRequest::from_query(&query, &LIMITS) {
            prop_assert!((0..=500).contains(&request.page.count()));
        }
    }
}
