//! Filters and other parameters of any length and depth.

use serde_json::json;

use super::*;

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

fn deep(depth: usize) -> String {
    format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth))
}

on_both_databases!(filters_that_are_none_or_too_much_are_invalid, |server| {
    let scene = Scene::set(server);
    let mut refusals = Refusals::default();
    let long = format!("userName eq \"{}\"", "x".repeat(100_000));
    let many = vec!["title pr"; 10_000].join(" or ");
    let filters = [
        "",
        " ",
        "userName",
        "userName eq",
        "eq \"x\"",
        "userName is \"x\"",
        "userName eq x",
        "userName eq \"x",
        "(userName pr",
        "userName pr)",
        "not userName pr",
        "emails[type eq \"work\"",
        "emails]",
        "nosuch pr",
        "userName.nosuch pr",
        "emails.nosuch pr",
        "name eq \"x\"",
        "active gt true",
        "userName gt 1",
        "active eq 1",
        "meta.created gt \"yesterday\"",
        "password eq \"x\"",
        "userName eq \"\u{0}\"",
        "userName eq \"\\u0000\"",
        "userName eq \"\\ud800\"",
        "\u{0}",
        "; DROP TABLE resources; --",
        "' or 1=1 --",
        "userName eq \"x\" or 1 eq 1",
        "urn:ietf:params:scim:schemas:core:2.0:User pr and",
        "🦀 eq \"x\"",
        "userName eq 1e999",
    ]
    .map(str::to_owned);
    let heavy = [
        long.clone(),
        many,
        deep(100),
        deep(50_000),
        format!("{}title pr", "not (".repeat(20_000)),
        format!("emails[{}", "emails[".repeat(20_000)),
        "a".repeat(100_000),
        "\"".repeat(100_000),
        format!("userName eq {}", "9".repeat(100_000)),
    ];
    for filter in filters.iter().chain(&heavy) {
        let body = json!({"schemas": [SEARCH], "filter": filter});
        let what: String = filter.chars().take(80).collect();
        for path in ["/Users/.search", "/.search"] {
            let answer = scene.scim.post(path, &body);
            if path == "/.search" && answer.status == 200 {
                // Over all types, an attribute that one of them lacks is absent (RFC 7644 section 3.4.2.1).
                continue;
            }
            refusals.expect(
                &format!("{path} {what}"),
                &answer,
                400,
                Some("invalidFilter"),
            );
        }
    }
    for filter in &filters {
        let encoded =
            percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC);
        let answer = scene.scim.get(&format!("/Users?filter={encoded}"));
        refusals.expect(
            &format!("GET {filter}"),
            &answer,
            400,
            Some("invalidFilter"),
        );
    }
    refusals.assert_all();
    scene.is_untouched();
});

on_both_databases!(
    a_filter_at_the_limit_is_answered_and_one_beyond_is_not,
    |server| {
        let scene = Scene::set(server);
        let search = |filter: &str| {
            scene.scim.post(
                "/Users/.search",
                &json!({"schemas": [SEARCH], "filter": filter}),
            )
        };
        let longest = format!("userName eq \"{}\"", "x".repeat(8 * 1024 - 14));
        search(&longest).expect(200);
        search(&format!("{longest} ")).expect_error(400, Some("invalidFilter"));
        search(&deep(32)).expect(200);
        search(&deep(33)).expect_error(400, Some("invalidFilter"));
        let comparisons = |count: usize| vec!["title pr"; count].join(" or ");
        search(&comparisons(200)).expect(200);
        search(&comparisons(201)).expect_error(400, Some("invalidFilter"));
        scene.is_untouched();
    }
);

on_both_databases!(
    a_url_without_bounds_is_refused_and_the_server_goes_on,
    |server| {
        let scene = Scene::set(server);
        for length in [60_000, 70_000, 1_000_000] {
            let url = format!("/Users?filter=userName+eq+%22{}%22", "x".repeat(length));
            let status = crate::bad_input::paths::raw_status(server, &url);
            assert!((400..500).contains(&status), "{length}: {status}");
        }
        scene.is_untouched();
    }
);

on_both_databases!(
    parameters_that_cannot_be_understood_are_invalid_values,
    |server| {
        let scene = Scene::set(server);
        let mut refusals = Refusals::default();
        for query in [
            "count=many",
            "count=1.5",
            "count=",
            "startIndex=first",
            "startIndex=0x10",
            "sortBy=nosuch.",
            "sortBy=[",
            "sortBy=a%00b",
            "sortOrder=sideways",
            "attributes=%00",
            "attributes=[",
            "excludedAttributes=a b",
            "attributes=userName&excludedAttributes=title",
            "count=1&count=2",
            "COUNT=1&count=2",
            "filter=title+pr&filter=userName+pr",
            "startIndex=1&startindex=2",
            "startIndex=1&cursor=",
            "count=1%00",
        ] {
            let answer = scene.scim.get(&format!("/Users?{query}"));
            if query == "count=" && answer.status == 200 {
                // Blank is the same as not given.
                continue;
            }
            refusals.expect(query, &answer, 400, Some("invalidValue"));
        }
        for (query, scim_type) in [
            ("cursor=nonsense", "invalidCursor"),
            ("cursor=%00", "invalidCursor"),
            ("cursor=&count=100000", "invalidCount"),
        ] {
            refusals.expect(
                query,
                &scene.scim.get(&format!("/Users?{query}")),
                400,
                Some(scim_type),
            );
        }
        // Both ways to write a filter of the discovery endpoints are forbidden (RFC 7644 section 4).
        for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
            refusals.expect(
                path,
                &scene.scim.get(&format!("{path}?filter=id+pr")),
                403,
                None,
            );
        }
        refusals.assert_all();
        scene.is_untouched();
    }
);

on_both_databases!(
    numbers_beyond_every_bound_are_the_nearest_that_is_allowed,
    |server| {
        let scene = Scene::set(server);
        let huge = "9".repeat(5_000);
        let all = scene.scim.get("/Users").expect(200).body;
        for query in [
            format!("count={huge}"),
            "count=9223372036854775807".to_owned(),
            "count=18446744073709551616".to_owned(),
            "startIndex=-5".to_owned(),
            format!("startIndex=-{huge}"),
            "startIndex=0".to_owned(),
        ] {
            assert_eq!(
                scene.scim.get(&format!("/Users?{query}")).expect(200).body,
                all,
                "{query}"
            );
        }
        for query in [
            "count=-1".to_owned(),
            format!("count=-{huge}"),
            "count=0".to_owned(),
        ] {
            let body = scene.scim.get(&format!("/Users?{query}")).expect(200).body;
            assert_eq!(
                (&body["totalResults"], &body["itemsPerPage"]),
                (&json!(1), &json!(0)),
                "{query}"
            );
        }
        for query in [
            format!("startIndex={huge}"),
            "startIndex=9223372036854775807".to_owned(),
        ] {
            let body = scene
                .scim
                .get(&format!("/Users?{query}&count=10"))
                .expect(200)
                .body;
            assert_eq!(
                (&body["totalResults"], &body["itemsPerPage"]),
                (&json!(1), &json!(0)),
                "{query}"
            );
        }
        scene.is_untouched();
    }
);
