//! Promise P11: no request made with one directory's key can read, change, count or infer the existence of
//! anything in another. Whatever is asked about the other directory's things is answered as it is about
//! things that exist nowhere.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use crate::server::{Answer, Client, TestServer};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// An identifier that exists nowhere, as long as the others.
const NOWHERE: &str = "01900000-0000-7000-8000-000000000000";

/// Two directories: ours asks, theirs holds what must stay unknown.
struct Two {
    ours: Client,
    theirs: Client,
    our_group: String,
    their_user: String,
    their_group: String,
    before: Vec<Value>,
}

impl Two {
    fn set(server: &TestServer, dialect: Dialect) -> Self {
        let (_, our_key) = server.new_directory(dialect);
        let (_, their_key) = server.new_directory(dialect);
        let (ours, theirs) = (server.scim_with(&our_key), server.scim_with(&their_key));
        let us = json!({"schemas": [USER], "userName": "us", "title": "m"});
        ours.post("/Users", &us).expect(201);
        let group = json!({"schemas": [GROUP], "displayName": "Ours"});
        let our_group = ours.post("/Groups", &group).expect(201).id();
        let them = json!({"schemas": [USER], "userName": "them", "externalId": "x-them", "title": "a",
            "emails": [{"value": "them@example.org", "type": "work"}]});
        let their_user = theirs.post("/Users", &them).expect(201).id();
        let group = json!({"schemas": [GROUP], "displayName": "Theirs", "externalId": "x-theirs",
            "members": [{"value": their_user}]});
        let their_group = theirs.post("/Groups", &group).expect(201).id();
        let mut two = Self {
            ours,
            theirs,
            our_group,
            their_user,
            their_group,
            before: Vec::new(),
        };
        two.before = two.both();
        two
    }

    fn both(&self) -> Vec<Value> {
        let lists = [&self.ours, &self.theirs]
            .map(|client| ["/Users", "/Groups"].map(|path| client.get(path).expect(200).body));
        lists.into_iter().flatten().collect()
    }

    #[track_caller]
    fn are_untouched(&self) {
        assert_eq!(self.both(), self.before);
    }

    /// Asks about a thing of theirs and about nothing at all: the answers may differ in the id alone.
    #[track_caller]
    fn are_alike(&self, theirs: &str, ask: impl Fn(&Client, &str) -> Answer) -> Answer {
        let (about_them, about_nothing) = (ask(&self.ours, theirs), ask(&self.ours, NOWHERE));
        assert_eq!(
            about_them.status, about_nothing.status,
            "{}",
            about_them.text
        );
        assert_eq!(
            about_them.text.replace(theirs, "<id>"),
            about_nothing.text.replace(NOWHERE, "<id>")
        );
        let names = |answer: &Answer| {
            let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(&about_them), names(&about_nothing));
        about_them
    }
}

on_both_databases!(what_another_directory_holds_is_not_there, |server| {
    let two = Two::set(server, Dialect::Lenient);
    let operation = |path: &str, value: Value| json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": path, "value": value}]});
    for (endpoint, id) in [("Users", &two.their_user), ("Groups", &two.their_group)] {
        let name = if endpoint == "Users" {
            "userName"
        } else {
            "displayName"
        };
        let schema = if endpoint == "Users" { USER } else { GROUP };
        let body = json!({"schemas": [schema], name: "taken over"});
        two.are_alike(id, |scim, id| scim.get(&format!("/{endpoint}/{id}")))
            .expect(404);
        two.are_alike(id, |scim, id| {
            scim.get(&format!("/{endpoint}/{id}?attributes=id"))
        })
        .expect(404);
        two.are_alike(id, |scim, id| scim.put(&format!("/{endpoint}/{id}"), &body))
            .expect(404);
        two.are_alike(id, |scim, id| {
            scim.patch(&format!("/{endpoint}/{id}"), &operation(name, json!("x")))
        })
        .expect(404);
        two.are_alike(id, |scim, id| scim.delete(&format!("/{endpoint}/{id}")))
            .expect(404);
        // Conditions are not looked at before the resource is found.
        for condition in ["If-Match", "If-None-Match"] {
            for tag in ["*", "W/\"1\"", "W/\"9\""] {
                for method in ["GET", "DELETE"] {
                    two.are_alike(id, |scim, id| {
                        scim.request(
                            method,
                            &format!("/{endpoint}/{id}"),
                            &[(condition, tag)],
                            b"",
                        )
                    })
                    .expect(404);
                }
            }
        }
    }
    two.are_untouched();
});

on_both_databases!(
    another_directory_is_not_counted_filtered_sorted_or_paged,
    |server| {
        let two = Two::set(server, Dialect::Lenient);
        let (user, group) = (&two.their_user, &two.their_group);
        for (path, filter) in [
            ("/Users", "userName eq \"them\"".to_owned()),
            ("/Users", "userName sw \"th\"".to_owned()),
            ("/Users", "externalId eq \"x-them\"".to_owned()),
            ("/Users", "emails.value eq \"them@example.org\"".to_owned()),
            ("/Users", "emails[type eq \"work\"]".to_owned()),
            ("/Users", format!("id eq \"{user}\"")),
            ("/Users", format!("id eq \"{user}\" or title eq \"a\"")),
            ("/Users", format!("groups.value eq \"{group}\"")),
            ("/Users", "not (userName eq \"us\")".to_owned()),
            ("/Users", format!("meta.location ew \"{user}\"")),
            ("/Groups", "displayName eq \"Theirs\"".to_owned()),
            ("/Groups", "externalId eq \"x-theirs\"".to_owned()),
            ("/Groups", format!("members eq \"{user}\"")),
            ("/Groups", format!("members[value eq \"{user}\"]")),
            (
                "/Groups",
                format!("id eq \"{group}\" and members.value eq \"{user}\""),
            ),
            ("/Groups", "members pr".to_owned()),
        ] {
            let search = json!({"schemas": [SEARCH], "filter": filter});
            for answer in [
                two.ours.get(&format!("{path}?filter={filter}")),
                two.ours.get(&format!("{path}?filter={filter}&count=0")),
                two.ours.get(&format!("{path}?filter={filter}&cursor=")),
                two.ours.post(&format!("{path}/.search"), &search),
            ] {
                assert_eq!(
                    answer.expect(200).body["totalResults"],
                    0,
                    "{path} {filter}"
                );
            }
            // The same question is answered at home: it is not the filter that finds nothing.
            let at_home = two
                .theirs
                .get(&format!("{path}?filter={filter}"))
                .expect(200)
                .body;
            assert_eq!(at_home["totalResults"], 1, "{path} {filter}");
        }
        for path in ["/Users", "/Groups"] {
            for query in [
                "",
                "?count=0",
                "?cursor=",
                "?sortBy=meta.created",
                "?sortBy=externalId&sortOrder=descending",
                "?startIndex=1",
            ] {
                let answer = two.ours.get(&format!("{path}{query}")).expect(200);
                assert_eq!(answer.body["totalResults"], 1, "{path}{query}");
                assert!(
                    !answer.text.to_lowercase().contains("them") && !answer.text.contains("Theirs"),
                    "{}",
                    answer.text
                );
            }
            assert_eq!(
                two.ours
                    .get(&format!("{path}?startIndex=2"))
                    .expect(200)
                    .body["Resources"],
                json!([])
            );
        }
        // At the root there are our two resources.
        assert_eq!(two.ours.get("/").expect(200).body["totalResults"], 2);
        let all = json!({"schemas": [SEARCH]});
        assert_eq!(
            two.ours.post("/.search", &all).expect(200).body["totalResults"],
            2
        );
        two.are_untouched();
    }
);

on_both_databases!(a_cursor_of_another_directory_opens_nothing, |server| {
    let two = Two::set(server, Dialect::Lenient);
    let more = json!({"schemas": [USER], "userName": "them too"});
    two.theirs.post("/Users", &more).expect(201);
    let cursor = two
        .theirs
        .get("/Users?count=1&cursor=")
        .expect(200)
        .text_at("/nextCursor");
    two.theirs
        .get(&format!("/Users?count=1&cursor={cursor}"))
        .expect(200);
    two.ours
        .get(&format!("/Users?count=1&cursor={cursor}"))
        .expect_error(400, Some("invalidCursor"));
});

on_both_databases!(a_member_of_another_directory_is_nobody, |server| {
    for dialect in [
        Dialect::Lenient,
        Dialect::Strict,
        Dialect::Entra,
        Dialect::Okta,
    ] {
        let two = Two::set(server, dialect);
        let group = format!("/Groups/{}", two.our_group);
        for stranger in [&two.their_user, &two.their_group] {
            let members = |id: &str| json!([{"value": id}]);
            let whole = |id: &str| json!({"schemas": [GROUP], "displayName": "Ours", "members": members(id)});
            let operation = |op: &str, id: &str| json!({"schemas": [PATCH], "Operations": [{"op": op, "path": "members", "value": members(id)}]});
            let filtered = |id: &str| {
                let path = format!("members[value eq \"{id}\"]");
                json!({"schemas": [PATCH], "Operations": [{"op": "remove", "path": path}]})
            };
            let version = |answer: Answer| {
                // A lenient directory leaves out whoever it does not know, theirs as much as nobody.
                assert!(
                    answer.status == 400 || answer.status == 200,
                    "{}",
                    answer.text
                );
                assert!(answer.body["members"].is_null(), "{}", answer.text);
            };
            version(two.are_alike(stranger, |scim, id| scim.put(&group, &whole(id))));
            version(two.are_alike(stranger, |scim, id| {
                scim.patch(&group, &operation("add", id))
            }));
            version(two.are_alike(stranger, |scim, id| {
                scim.patch(&group, &operation("replace", id))
            }));
            version(two.are_alike(stranger, |scim, id| scim.patch(&group, &filtered(id))));
        }
        two.are_untouched();
    }
});

on_both_databases!(
    a_reference_to_another_directory_tells_nothing_about_it,
    |server| {
        let two = Two::set(server, Dialect::Lenient);
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let answers = [two.their_user.as_str(), NOWHERE].map(|manager| {
        let user = json!({"schemas": [USER, enterprise], "userName": "managed", enterprise: {"manager": {"value": manager}}});
        let made = two.ours.post("/Users", &user).expect(201);
        two.ours.delete(&format!("/Users/{}", made.id())).expect(204);
        made.body[enterprise].to_string().replace(manager, "<id>")
    });
        assert_eq!(answers[0], answers[1]);
        assert!(!answers[0].contains("them"), "{}", answers[0]);
        two.are_untouched();
    }
);

on_both_databases!(names_are_taken_within_a_directory_alone, |server| {
    let two = Two::set(server, Dialect::Lenient);
    let same = json!({"schemas": [USER], "userName": "them", "externalId": "x-them"});
    let ours = two.ours.post("/Users", &same).expect(201).id();
    two.ours
        .post("/Users", &same)
        .expect_error(409, Some("uniqueness"));
    let inactive = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": false}]});
    two.ours
        .patch(&format!("/Users/{ours}"), &inactive)
        .expect(200);
    assert_eq!(
        two.theirs
            .get(&format!("/Users/{}", two.their_user))
            .expect(200)
            .body["active"],
        true
    );
    two.ours.delete(&format!("/Users/{ours}")).expect(204);
    two.are_untouched();
});

on_both_databases!(
    a_bulk_request_reaches_nothing_of_another_directory,
    |server| {
        let two = Two::set(server, Dialect::Strict);
        let (user, group) = (two.their_user.clone(), two.their_group.clone());
        let change = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": false}]});
        for (endpoint, schema, name, id) in [
            ("Users", USER, "userName", &user),
            ("Groups", GROUP, "displayName", &group),
        ] {
            for (method, data) in [
                ("DELETE", Value::Null),
                ("PATCH", change.clone()),
                ("PUT", json!({"schemas": [schema], name: "taken over"})),
            ] {
                let answer = two.are_alike(id, |scim, id| {
                    let mut operation =
                        json!({"method": method, "path": format!("/{endpoint}/{id}")});
                    if !data.is_null() {
                        operation["data"] = data.clone();
                    }
                    scim.post(
                        "/Bulk",
                        &json!({"schemas": [BULK], "Operations": [operation]}),
                    )
                });
                assert_eq!(answer.expect(200).body["Operations"][0]["status"], "404");
            }
        }
        let answer = two.are_alike(&user, |scim, id| {
            let data =
                json!({"schemas": [GROUP], "displayName": "New", "members": [{"value": id}]});
            let operation =
                json!({"method": "POST", "path": "/Groups", "bulkId": "g", "data": data});
            scim.post(
                "/Bulk",
                &json!({"schemas": [BULK], "Operations": [operation]}),
            )
        });
        assert_eq!(answer.expect(200).body["Operations"][0]["status"], "400");
        two.are_untouched();
    }
);
