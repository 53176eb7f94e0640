//! RFC 7644 section 3.4.2.4: paging by index. RFC 9865: paging by cursor.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::search::SEARCH_REQUEST;
use super::{LIST_RESPONSE, create_group, create_user, texts, user_names};
use crate::server::{Answer, Client, TestServer};

const EVERYBODY: [&str; 7] = ["anna", "bert", "carl", "dora", "emil", "fred", "gina"];

fn people(server: &TestServer) -> Client {
    let client = server.scim();
    for name in EVERYBODY {
        create_user(&client, name, json!({}));
    }
    client
}

on_both_databases!(
    /// RFC 7644 section 3.4.2.4, tables 5 and 6.
    pages_are_cut_by_index_and_count,
    |server| {
        let client = people(server);
        let cases: &[(&str, i64, &[&str])] = &[
            ("", 1, &EVERYBODY),
            ("startIndex=1&count=3", 1, &EVERYBODY[..3]),
            ("startIndex=4&count=3", 4, &EVERYBODY[3..6]),
            ("startIndex=7&count=3", 7, &EVERYBODY[6..]),
            ("startIndex=8&count=3", 8, &[]),
            ("startIndex=999999999999999999999999&count=3", i64::MAX, &[]),
            ("startIndex=6", 6, &EVERYBODY[5..]),
            // less than 1 is 1
            ("startIndex=0&count=2", 1, &EVERYBODY[..2]),
            ("startIndex=-5&count=2", 1, &EVERYBODY[..2]),
            // negative is 0; 0 asks for the total alone
            ("count=0", 1, &[]),
            ("count=-1", 1, &[]),
            ("count=99999999999999999999", 1, &EVERYBODY),
        ];
        for (query, start, expected) in cases {
            let answer = client.get(&format!("/Users?{query}")).expect(200);
            assert_eq!(user_names(&answer), *expected, "{query}");
            assert_eq!(answer.body["schemas"], json!([LIST_RESPONSE]), "{query}");
            assert_eq!(answer.body["totalResults"], 7, "{query}");
            assert_eq!(answer.body["itemsPerPage"], expected.len(), "{query}");
            assert_eq!(answer.body["startIndex"], *start, "{query}");
            assert_eq!(answer.body["nextCursor"], Value::Null, "{query}");
        }
        for query in ["startIndex=one", "count=many", "count=1.5", "count=1&count=2"] {
            client
                .get(&format!("/Users?{query}"))
                .expect_error(400, Some("invalidValue"));
        }
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.2.4: the server may return fewer than are asked for, as its configuration says.
    pages_are_as_long_as_the_configuration_says,
    |server| {
        let client = people(server);
        for (query, expected) in [("", 3), ("?count=4", 4), ("?count=100", 5)] {
            let answer = client.get(&format!("/Users{query}")).expect(200);
            assert_eq!(user_names(&answer), EVERYBODY[..expected], "{query}");
            assert_eq!(answer.body["totalResults"], 7);
        }
        let answer = client.get("/Users?cursor").expect(200);
        assert_eq!(user_names(&answer), EVERYBODY[..3]);
        client
            .get("/Users?cursor&count=6")
            .expect_error(400, Some("invalidCount"));
    },
    |settings| {
        settings.limits.default_page_size = 3;
        settings.limits.max_page_size = 5;
    }
);

/// Follows the cursors from the first page to the last, each page as long as asked but the last.
fn follow(first: Answer, next: impl Fn(&str) -> Answer) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut answer = first;
    loop {
        pages.push(user_names(&answer));
        assert_eq!(answer.body["itemsPerPage"], pages[pages.len() - 1].len());
        assert_eq!(answer.body["startIndex"], Value::Null);
        let Some(cursor) = answer.body["nextCursor"].as_str() else {
            return pages;
        };
        // RFC 9865 section 2: fit for a URL as it is.
        assert!(
            cursor
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)),
            "{cursor}"
        );
        answer = next(cursor).expect(200);
    }
}

on_both_databases!(
    /// RFC 9865 section 2: `cursor` without a value asks for the first page; the last has no `nextCursor`.
    cursors_lead_through_the_whole_list,
    |server| {
        let client = people(server);
        let first = client.get("/Users?cursor&count=3").expect(200);
        assert_eq!(first.body["totalResults"], 7);
        let pages = follow(first, |cursor| client.get(&format!("/Users?cursor={cursor}&count=3")));
        assert_eq!(pages, [&EVERYBODY[..3], &EVERYBODY[3..6], &EVERYBODY[6..]]);
        // A page that ends with the list is the last one.
        let whole = client.get("/Users?cursor=&count=7").expect(200);
        assert_eq!(whole.body["nextCursor"], Value::Null);
        let total = client.get("/Users?cursor&count=0").expect(200);
        assert_eq!(total.body["totalResults"], 7);
        assert_eq!(total.body["Resources"], json!([]));
    }
);

on_both_databases!(
    /// RFC 9865 sections 2 and 3: with filters, sorting and projection, by GET and by POST.
    cursors_go_with_filters_and_sorting,
    |server| {
        let client = people(server);
        let query = "filter=userName ne \"carl\"&sortBy=userName&sortOrder=descending&attributes=userName&count=4";
        let first = client.get(&format!("/Users?{query}&cursor")).expect(200);
        let pages = follow(first, |cursor| client.get(&format!("/Users?{query}&cursor={cursor}")));
        assert_eq!(pages, [vec!["gina", "fred", "emil", "dora"], vec!["bert", "anna"]]);

        let search = |cursor: &str| {
            let body = json!({"schemas": [SEARCH_REQUEST], "count": 5, "cursor": cursor,
                "filter": "userName ne \"carl\""});
            client.post("/Users/.search", &body).expect(200)
        };
        let pages = follow(search(""), search);
        assert_eq!(pages, [vec!["anna", "bert", "dora", "emil", "fred"], vec!["gina"]]);
    }
);

on_both_databases!(
    /// RFC 9865: what is created and deleted between two pages neither repeats nor hides anybody else.
    cursors_are_not_confused_by_changes_between_pages,
    |server| {
        let client = people(server);
        let first = client.get("/Users?cursor&count=3&sortBy=userName").expect(200);
        let cursor = first.text_at("/nextCursor");
        for resource in first.body["Resources"].as_array().expect("resources") {
            let id = resource["id"].as_str().expect("an id");
            client.delete(&format!("/Users/{id}")).expect(204);
        }
        create_user(&client, "aaron", json!({}));
        create_user(&client, "doris", json!({}));
        let next = |cursor: &str| {
            client.get(&format!("/Users?cursor={cursor}&count=3&sortBy=userName"))
        };
        let pages = follow(next(&cursor).expect(200), next);
        assert_eq!(pages, [vec!["dora", "doris", "emil"], vec!["fred", "gina"]]);
    }
);

on_both_databases!(
    /// RFC 9865 section 2.1: errors, each with its `scimType`; a cursor works for its own query alone.
    a_cursor_that_is_none_is_refused,
    |server| {
        let client = people(server);
        let cursor = client
            .get("/Users?cursor&count=3&sortBy=userName")
            .expect(200)
            .text_at("/nextCursor");
        let mut forged = cursor.clone();
        let last = if forged.pop() == Some('A') { 'B' } else { 'A' };
        forged.push(last);
        for path in [
            "/Users?cursor=nonsense".to_owned(),
            "/Users?cursor=%F0%9F%90%98".to_owned(),
            format!("/Users?cursor={forged}&sortBy=userName"),
            format!("/Users?cursor={cursor}"),
            format!("/Users?cursor={cursor}&sortBy=userName&sortOrder=descending"),
            format!("/Users?cursor={cursor}&sortBy=userName&filter=userName pr"),
            format!("/Groups?cursor={cursor}&sortBy=userName"),
            format!("/Groups?cursor={cursor}"),
        ] {
            let answer = client.get(&path);
            // Groups cannot be sorted by userName at all.
            let scim_type = answer.text_at("/scimType");
            let expected = if path.starts_with("/Groups") && path.contains("sortBy") {
                "invalidValue"
            } else {
                "invalidCursor"
            };
            assert_eq!((answer.status, scim_type.as_str()), (400, expected), "{path}");
        }
        // Another directory's key cannot use it (promise P11).
        let (_, key) = server.new_directory(Dialect::Lenient);
        server
            .scim_with(&key)
            .get(&format!("/Users?cursor={cursor}&sortBy=userName"))
            .expect_error(400, Some("invalidCursor"));
        client
            .get("/Users?cursor&startIndex=1")
            .expect_error(400, Some("invalidValue"));
        for other in [
            "/Users?cursor&count=1001".to_owned(),
            format!("/Users?cursor={cursor}&count=4&sortBy=userName"),
        ] {
            client.get(&other).expect_error(400, Some("invalidCount"));
        }
    }
);

on_both_databases!(
    /// RFC 9865 sections 2.1 and 4: a cursor lives as long as `cursorTimeout` says.
    a_cursor_expires,
    |server| {
        let client = people(server);
        let first = client.get("/Users?cursor&count=3").expect(200);
        let path = format!("/Users?count=3&cursor={}", first.text_at("/nextCursor"));
        server.clock.advance_millis(3_599_000);
        client.get(&path).expect(200);
        server.clock.advance_millis(2_000);
        client.get(&path).expect_error(400, Some("expiredCursor"));
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.2.1, RFC 9865: the root is paged across resource types.
    the_root_is_paged_across_resource_types,
    |server| {
        let client = people(server);
        for name in ["Crew", "Guides"] {
            create_group(&client, name, &[]);
        }
        let mut ids = Vec::new();
        let mut cursor = String::new();
        loop {
            let answer = client.get(&format!("/?count=4&cursor={cursor}")).expect(200);
            assert_eq!(answer.body["totalResults"], 9);
            ids.extend(texts(&answer, "/id"));
            match answer.body["nextCursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        let mut distinct = ids.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!((ids.len(), distinct.len()), (9, 9));
        let by_index = client.get("/?startIndex=5&count=3").expect(200);
        assert_eq!(texts(&by_index, "/id"), ids[4..7]);
    }
);
