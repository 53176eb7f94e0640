//! RFC 7644 section 3.4.2.3: sorting.

use serde_json::json;

use super::{ENTERPRISE, create_group, create_user, texts, user_names};
use crate::server::{Client, TestServer};

/// Five users whose orders differ by what they are sorted by.
fn people(server: &TestServer) -> Client {
    let client = server.scim();
    for (name, further) in [
        (
            "bert",
            json!({"title": "b", "active": true, "externalId": "b",
                "emails": [{"value": "z@example.com"}, {"value": "c@example.com", "primary": true}]}),
        ),
        (
            "Anna",
            json!({"title": "Ä", "active": false, "externalId": "B",
                "emails": [{"value": "D@example.com"}, {"value": "a@example.com"}]}),
        ),
        (
            "émile",
            json!({"title": "C", "externalId": "a", "name": {"familyName": "Zola"},
                ENTERPRISE: {"employeeNumber": "2"}}),
        ),
        (
            "Carl",
            json!({"externalId": "A", "name": {"familyName": "adams"}, ENTERPRISE: {"employeeNumber": "10"}}),
        ),
        ("dora", json!({"emails": [{"value": "B@example.com"}]})),
    ] {
        create_user(&client, name, further);
    }
    client
}

on_both_databases!(
    /// RFC 7644 section 3.4.2.3: by the letters of folded text, or as they stand where the case counts;
    /// ascending unless asked otherwise; what is absent is last, and first in descending order; by the primary
    /// value, or the first.
    resources_come_in_the_order_that_is_asked_for,
    |server| {
        let client = people(server);
        let number = format!("{ENTERPRISE}:employeeNumber");
        let cases: &[(&str, &[&str])] = &[
            ("userName", &["Anna", "bert", "Carl", "dora", "émile"]),
            ("USERNAME", &["Anna", "bert", "Carl", "dora", "émile"]),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName", &["Anna", "bert", "Carl", "dora", "émile"]),
            ("externalId", &["Carl", "Anna", "émile", "bert", "dora"]),
            ("title", &["bert", "émile", "Anna", "Carl", "dora"]),
            ("name.familyName", &["Carl", "émile", "bert", "Anna", "dora"]),
            ("emails", &["dora", "bert", "Anna", "émile", "Carl"]),
            ("emails.value", &["dora", "bert", "Anna", "émile", "Carl"]),
            (&number, &["Carl", "émile", "bert", "Anna", "dora"]),
            ("meta.created", &["bert", "Anna", "émile", "Carl", "dora"]),
            ("id", &["bert", "Anna", "émile", "Carl", "dora"]),
        ];
        for (by, expected) in cases {
            let answer = client.get(&format!("/Users?sortBy={by}")).expect(200);
            assert_eq!(user_names(&answer), *expected, "{by}");
            let path = format!("/Users?sortBy={by}&sortOrder=ascending");
            assert_eq!(client.get(&path).expect(200).body, answer.body, "{by}");
        }
        let descending: &[(&str, &[&str])] = &[
            ("userName", &["émile", "dora", "Carl", "bert", "Anna"]),
            ("title", &["Carl", "dora", "Anna", "émile", "bert"]),
            ("emails.value", &["émile", "Carl", "Anna", "bert", "dora"]),
        ];
        for (by, expected) in descending {
            let path = format!("/Users?sortBy={by}&sortOrder=Descending");
            assert_eq!(user_names(&client.get(&path).expect(200)), *expected, "{by}");
        }
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.2.3: the order goes across pages and with filters.
    sorting_goes_with_filters_and_pages,
    |server| {
        let client = people(server);
        let filter = "filter=userName ne \"bert\"";
        let query = format!("/Users?{filter}&sortBy=userName&sortOrder=descending");
        let page = |start: usize| {
            let path = format!("{query}&startIndex={start}&count=2");
            user_names(&client.get(&path).expect(200))
        };
        assert_eq!(page(1), ["émile", "dora"]);
        assert_eq!(page(3), ["Carl", "Anna"]);
        assert_eq!(page(5), [""; 0]);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.2.3: `sortOrder` alone has no effect; what cannot be sorted by is refused.
    what_cannot_be_sorted_by_is_refused,
    |server| {
        let client = people(server);
        let plain = client.get("/Users").expect(200);
        let answer = client.get("/Users?sortOrder=descending").expect(200);
        assert_eq!(answer.body, plain.body);
        for query in [
            "sortBy=shoeSize",
            "sortBy=name",
            "sortBy=password",
            // Nobody is before or after others by the groups they are in.
            "sortBy=groups",
            "sortBy=groups.display&sortOrder=descending",
            "sortBy=emails[type eq \"work\"]",
            "sortBy=userName&sortOrder=sideways",
        ] {
            client
                .get(&format!("/Users?{query}"))
                .expect_error(400, Some("invalidValue"));
        }
    }
);

on_both_databases!(
    /// RFC 7644 sections 3.4.2.1 and 3.4.2.3: the root sorts across resource types.
    the_root_is_sorted_across_resource_types,
    |server| {
        let client = server.scim();
        create_user(&client, "one", json!({"displayName": "Berta"}));
        create_group(&client, "Crew", &[]);
        create_user(&client, "two", json!({"displayName": "dora"}));
        create_group(&client, "admins", &[]);
        let answer = client.get("/?sortBy=displayName").expect(200);
        assert_eq!(texts(&answer, "/displayName"), ["admins", "Berta", "Crew", "dora"]);
    }
);
