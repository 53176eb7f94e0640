//! RFC 7644 section 3.4.2.2: filters, with the RFC's whole table of operators and its examples.

use serde_json::json;

use super::search::SEARCH_REQUEST;
use super::{
    ENTERPRISE, LIST_RESPONSE, USER, create_group, create_user, group, patch, user, user_names,
};
use crate::server::{Client, TestServer};

/// Four users that the filters tell apart.
fn people(server: &TestServer) -> Client {
    let client = server.scim();
    create_user(
        &client,
        "bjensen",
        json!({
            "externalId": "701984",
            "name": {"familyName": "O'Malley", "givenName": "Barbara"},
            "title": "Tour Guide",
            "userType": "Employee",
            "emails": [
                {"value": "bjensen@example.com", "type": "work", "primary": true},
                {"value": "babs@jensen.org", "type": "home"},
            ],
            "ims": [{"value": "babs@foo.com", "type": "xmpp"}],
            ENTERPRISE: {"employeeNumber": "0042", "department": "Tours", "manager": {"value": "26118915"}},
        }),
    );
    create_user(
        &client,
        "Jsmith",
        json!({
            "externalId": "ABC",
            "userType": "Intern",
            "active": false,
            "emails": [{"value": "jsmith@EXAMPLE.org", "type": "home"}],
        }),
    );
    create_user(
        &client,
        "jürgen",
        json!({
            "externalId": "abc",
            "name": {"familyName": "O\"Hara\\"},
            "title": "100% of _it",
            "userType": "Employee",
            "emails": [{"value": "ÖZGÜR@example.com"}],
            ENTERPRISE: {"employeeNumber": "1042"},
        }),
    );
    create_user(&client, "zoë", json!({}));
    client
}

fn check(client: &Client, cases: &[(&str, &[&str])]) {
    for (filter, expected) in cases {
        let answer = client
            .get(&format!("/Users?filter={}", in_url(filter)))
            .expect(200);
        assert_eq!(user_names(&answer), *expected, "{filter}");
        assert_eq!(answer.body["totalResults"], expected.len(), "{filter}");
        // The same by the other way of asking (section 3.4.3).
        let search = json!({"filter": filter, "schemas": [SEARCH_REQUEST]});
        let found = client.post("/Users/.search", &search).expect(200);
        assert_eq!(found.body, answer.body, "{filter}");
    }
}

/// What has a meaning in a URL, encoded.
fn in_url(filter: &str) -> String {
    filter
        .replace('%', "%25")
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('#', "%23")
}

on_both_databases!(
    /// RFC 7644 section 3.4.2.2, table 3.
    every_operator_selects_what_the_table_says,
    |server| {
        let cases: &[(&str, &[&str])] = &[
            // eq: strings of attributes that are not case exact ignore case
            ("userName eq \"bjensen\"", &["bjensen"]),
            ("userName eq \"BJENSEN\"", &["bjensen"]),
            ("userName eq \"JÜRGEN\"", &["jürgen"]),
            ("userName eq \"jurgen\"", &[]),
            ("userName eq \"bjense\"", &[]),
            ("externalId eq \"abc\"", &["jürgen"]),
            ("externalId eq \"Abc\"", &[]),
            ("active eq true", &["bjensen", "jürgen", "zoë"]),
            ("active eq false", &["Jsmith"]),
            ("title eq null", &["Jsmith", "zoë"]),
            // ne: what is absent is not equal either
            ("userName ne \"bjensen\"", &["Jsmith", "jürgen", "zoë"]),
            ("userType ne \"employee\"", &["Jsmith", "zoë"]),
            ("externalId ne \"abc\"", &["bjensen", "Jsmith", "zoë"]),
            ("title ne null", &["bjensen", "jürgen"]),
            ("active ne true", &["Jsmith"]),
            // co
            ("title co \"guide\"", &["bjensen"]),
            ("title co \"%\"", &["jürgen"]),
            ("title co \"_\"", &["jürgen"]),
            ("title co \"r_G\"", &[]),
            ("emails.value co \"@example.\"", &["bjensen", "Jsmith", "jürgen"]),
            ("emails.value co \"özgür\"", &["jürgen"]),
            ("userName co \"j\"", &["bjensen", "Jsmith", "jürgen"]),
            // sw
            ("userName sw \"J\"", &["Jsmith", "jürgen"]),
            ("title sw \"100%\"", &["jürgen"]),
            ("title sw \"1%\"", &[]),
            ("externalId sw \"A\"", &["Jsmith"]),
            // ew
            ("userName ew \"N\"", &["bjensen", "jürgen"]),
            ("emails.value ew \".ORG\"", &["bjensen", "Jsmith"]),
            ("externalId ew \"C\"", &["Jsmith"]),
            // pr
            ("title pr", &["bjensen", "jürgen"]),
            ("name pr", &["bjensen", "jürgen"]),
            ("name.givenName pr", &["bjensen"]),
            ("emails pr", &["bjensen", "Jsmith", "jürgen"]),
            ("emails.type pr", &["bjensen", "Jsmith"]),
            // gt, ge, lt, le: strings by their letters
            ("userName gt \"jsmith\"", &["jürgen", "zoë"]),
            ("userName ge \"jsmith\"", &["Jsmith", "jürgen", "zoë"]),
            ("userName lt \"jsmith\"", &["bjensen"]),
            ("userName le \"JSMITH\"", &["bjensen", "Jsmith"]),
        ];
        check(&people(server), cases);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.2.2: dates compare as instants, whatever their form.
    dates_compare_as_instants,
    |server| {
        let client = people(server);
        let everybody: &[&str] = &["bjensen", "Jsmith", "jürgen", "zoë"];
        let cases: &[(&str, &[&str])] = &[
            ("meta.lastModified gt \"2011-05-13T04:42:34Z\"", everybody),
            ("meta.lastModified ge \"2011-05-13T04:42:34Z\"", everybody),
            ("meta.lastModified lt \"2011-05-13T04:42:34Z\"", &[]),
            ("meta.lastModified le \"2011-05-13T04:42:34Z\"", &[]),
            ("meta.created lt \"9999-12-31T23:59:59.999Z\"", everybody),
            ("meta.created pr", everybody),
            ("meta.created ne \"2011-05-13T04:42:34+02:00\"", everybody),
        ];
        check(&client, cases);
        let found = client.get("/Users?filter=userName eq \"zoë\"").expect(200);
        let created = found.text_at("/Resources/0/meta/created");
        let without_zone = created.trim_end_matches('Z');
        for (filter, expected) in [
            (format!("meta.created eq \"{created}\""), true),
            (format!("meta.created eq \"{without_zone}000%2B00:00\""), true),
            (format!("meta.created ge \"{created}\""), true),
            (format!("meta.created gt \"{created}\""), false),
            (format!("meta.created lt \"{created}\""), false),
        ] {
            let filter = format!("userName eq \"zoë\" and {filter}");
            let found = client.get(&format!("/Users?filter={filter}")).expect(200);
            assert_eq!(found.body["totalResults"] == 1, expected, "{filter}");
        }
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.2.2, figure 2: the RFC's examples, word for word.
    the_examples_of_the_rfc_work,
    |server| {
        let everybody: &[&str] = &["bjensen", "Jsmith", "jürgen", "zoë"];
        let cases: &[(&str, &[&str])] = &[
            ("userName Eq \"john\"", &[]),
            ("Username eq \"john\"", &[]),
            ("userName eq \"bjensen\"", &["bjensen"]),
            ("name.familyName co \"O'Malley\"", &["bjensen"]),
            ("userName sw \"J\"", &["Jsmith", "jürgen"]),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"J\"", &["Jsmith", "jürgen"]),
            ("title pr", &["bjensen", "jürgen"]),
            ("meta.lastModified gt \"2011-05-13T04:42:34Z\"", everybody),
            ("meta.lastModified ge \"2011-05-13T04:42:34Z\"", everybody),
            ("meta.lastModified lt \"2011-05-13T04:42:34Z\"", &[]),
            ("meta.lastModified le \"2011-05-13T04:42:34Z\"", &[]),
            ("title pr and userType eq \"Employee\"", &["bjensen", "jürgen"]),
            ("title pr or userType eq \"Intern\"", &["bjensen", "Jsmith", "jürgen"]),
            ("schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"", &["bjensen", "jürgen"]),
            (
                "userType eq \"Employee\" and (emails co \"example.com\" or emails.value co \"example.org\")",
                &["bjensen", "jürgen"],
            ),
            (
                "userType ne \"Employee\" and not (emails co \"example.com\" or emails.value co \"example.org\")",
                &["zoë"],
            ),
            ("userType eq \"Employee\" and (emails.type eq \"work\")", &["bjensen"]),
            (
                "userType eq \"Employee\" and emails[type eq \"work\" and value co \"@example.com\"]",
                &["bjensen"],
            ),
            (
                "emails[type eq \"work\" and value co \"@example.com\"] or ims[type eq \"xmpp\" and value co \"@foo.com\"]",
                &["bjensen"],
            ),
        ];
        check(&people(server), cases);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.2.2: grouping, precedence, negation, value paths, extensions and escapes.
    filters_combine,
    |server| {
        let manager = format!("{ENTERPRISE}:manager");
        let manager_is = format!("{manager} eq \"26118915\"");
        let manager_value_is = format!("{manager}.value eq \"26118915\"");
        let number_starts = format!("{ENTERPRISE}:employeeNumber sw \"0\"");
        let any_case = number_starts.to_uppercase();
        let extension = format!("{ENTERPRISE} pr");
        let cases: &[(&str, &[&str])] = &[
            // `and` binds closer than `or`
            (
                "userName eq \"zoë\" or title pr and userType eq \"Intern\"",
                &["zoë"],
            ),
            (
                "(userName eq \"zoë\" or title pr) and userType eq \"Employee\"",
                &["bjensen", "jürgen"],
            ),
            ("not (title pr)", &["Jsmith", "zoë"]),
            ("NOT (title pr) AND userType PR", &["Jsmith"]),
            ("not (not (title pr))", &["bjensen", "jürgen"]),
            // one element must satisfy all that is in brackets
            ("emails[type eq \"home\" and value co \"example\"]", &["Jsmith"]),
            ("emails.type eq \"home\" and emails.value co \"example\"", &["bjensen", "Jsmith"]),
            ("emails[not (type pr)]", &["jürgen"]),
            ("emails[primary eq true]", &["bjensen"]),
            ("emails[primary eq true].value eq \"bjensen@example.com\"", &["bjensen"]),
            ("name[givenName eq \"barbara\"]", &["bjensen"]),
            // escapes of JSON strings
            ("name.familyName eq \"O\\\"Hara\\\\\"", &["jürgen"]),
            ("userName eq \"\\u006a\\u00fcrgen\"", &["jürgen"]),
            // extensions by their URN, whatever its case
            (&manager_is, &["bjensen"]),
            (&manager_value_is, &["bjensen"]),
            (&number_starts, &["bjensen"]),
            (&any_case, &["bjensen"]),
            (&extension, &["bjensen", "jürgen"]),
            ("id pr", &["bjensen", "Jsmith", "jürgen", "zoë"]),
            ("meta.resourceType eq \"User\"", &["bjensen", "Jsmith", "jürgen", "zoë"]),
        ];
        check(&people(server), cases);
    }
);

on_both_databases!(
    /// RFC 7644 sections 3.4.2.2 and 3.12: what is no filter, or asks for what there is not, is refused.
    a_filter_that_makes_no_sense_is_refused,
    |server| {
        let client = people(server);
        let deep = format!("{}title pr{}", "(".repeat(5000), ")".repeat(5000));
        for filter in [
            "",
            "userName",
            "userName eq",
            "userName eq bjensen",
            "userName eq 'bjensen'",
            "userName eq \"bjensen",
            "userName xx \"bjensen\"",
            "userName eq \"a\" and",
            "and userName eq \"a\"",
            "(userName eq \"a\"",
            "userName eq \"a\")",
            "not userName eq \"a\"",
            "userName eq \"a\" userName eq \"b\"",
            "emails[type eq \"work\"",
            "emails[]",
            "emails[shoe eq \"x\"]",
            "shoeSize eq 44",
            "userName.length eq 3",
            "urn:example:none:a eq \"b\"",
            "active gt true",
            "active co true",
            "active eq \"perhaps\"",
            "active eq 1",
            "title eq true",
            "title gt null",
            "meta.created eq \"yesterday\"",
            "meta.created eq 2011",
            "meta.created co \"2011\"",
            "password eq \"secret\"",
            "password pr",
            "name eq \"Barbara\"",
            "title[value eq \"x\"]",
            deep.as_str(),
        ] {
            client
                .get(&format!("/Users?filter={}", in_url(filter)))
                .expect_error(400, Some("invalidFilter"));
        }
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.2: no match is an empty list and no error.
    no_match_is_an_empty_list,
    |server| {
        let answer = server
            .scim()
            .get("/Users?filter=userName eq \"5a3c1f64-7a0e-4b43-9a53-8f3c0b1d2e4f\"")
            .expect(200);
        assert_eq!(
            answer.body,
            json!({
                "schemas": [LIST_RESPONSE],
                "totalResults": 0,
                "startIndex": 1,
                "itemsPerPage": 0,
                "Resources": [],
            })
        );
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.2.1: a query of the root spans the resource types; what a type lacks is absent.
    the_root_is_queried_across_resource_types,
    |server| {
        let client = people(server);
        create_group(&client, "J Team", &[]);
        let count = |filter: &str| {
            let path = format!("/?filter={filter}");
            let answer = client.get(&path).expect(200);
            answer.body["totalResults"].as_i64().expect("a total")
        };
        assert_eq!(count("id pr"), 5);
        assert_eq!(count("meta.resourceType eq \"User\""), 4);
        assert_eq!(count("meta.resourceType eq \"Group\""), 1);
        assert_eq!(
            count("(meta.resourceType eq \"User\") or (meta.resourceType eq \"Group\")"),
            5
        );
        assert_eq!(count("userName sw \"j\" or displayName sw \"j\""), 3);
        assert_eq!(count("displayName sw \"j\""), 1);
        assert_eq!(count(&format!("schemas eq \"{USER}\"")), 4);
        assert_eq!(client.get("/").expect(200).body["totalResults"], 5);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.2: a resource of any size is found whole by the look-ups of identity providers.
    a_large_resource_is_found_whole,
    |server| {
        let client = server.scim();
        let entitlements: Vec<_> = (0..3000)
            .map(|number| json!({"value": format!("entitlement number {number}")}))
            .collect();
        let id = create_user(
            &client,
            "bjensen",
            json!({"externalId": "701984", "entitlements": entitlements}),
        );
        let whole = client.get(&format!("/Users/{id}")).expect(200).body;
        for filter in [
            "userName eq \"bjensen\"".to_owned(),
            "externalId eq \"701984\"".to_owned(),
            format!("id eq \"{id}\""),
            "userName sw \"bj\"".to_owned(),
        ] {
            let answer = client.get(&format!("/Users?filter={filter}")).expect(200);
            assert_eq!(answer.body["Resources"][0], whole, "{filter}");
        }
    }
);

on_both_databases!(
    /// Promise P15: the character NUL, which PostgreSQL has no text for, is refused or found nowhere, and is
    /// no failure of the server on either database.
    nul_is_no_failure,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({}));
        let mut statuses = Vec::new();
        for path in [
            "/Users/%00",
            "/Users?filter=userName eq \"\\u0000\"",
            "/Users?filter=title co \"\\u0000\"",
            "/Users?filter=emails[value sw \"a\\u0000\"]",
            "/Users?filter=id eq \"\\u0000\"",
            "/Users?filter=groups.value eq \"\\u0000\"",
            "/Users?cursor=%00",
            "/Users?sortBy=%00",
            "/Groups?filter=members.value eq \"\\u0000\"",
        ] {
            statuses.push((path, client.get(path).status));
        }
        for body in [
            user("a\u{0}", json!({})),
            user("a", json!({"title": "\u{0}"})),
            user("a", json!({"externalId": "\u{0}"})),
            user("a", json!({"emails": [{"value": "\u{0}"}]})),
            user("a", json!({"\u{0}": 1})),
            group("\u{0}", &[]),
            group("a", &["\u{0}"]),
        ] {
            let endpoint = if body["userName"].is_null() { "/Groups" } else { "/Users" };
            statuses.push(("POST", client.post(endpoint, &body).status));
        }
        for (path, value) in [("title", "\u{0}"), ("emails[value eq \"\\u0000\"].type", "work")] {
            let body = patch(json!([{"op": "replace", "path": path, "value": value}]));
            statuses.push(("PATCH", client.patch(&format!("/Users/{id}"), &body).status));
        }
        let operation = json!({"method": "DELETE", "path": "/Users/\u{0}"});
        let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [operation]});
        let answer = client.post("/Bulk", &bulk).expect(200);
        let status = answer.text_at("/Operations/0/status").parse().expect("a status");
        statuses.push(("/Bulk", status));
        statuses.push(("admin", server.admin().get("/directories/%00").status));
        let failed: Vec<_> = statuses.iter().filter(|(_, status)| *status >= 500).collect();
        assert!(failed.is_empty(), "{failed:?}");
    }
);
