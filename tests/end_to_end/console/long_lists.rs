//! Lists that are narrowed among very many: nothing is left out, no page looks through all of them, and the next page
//! goes on where one has stopped.

use diesel::connection::SimpleConnection;
use portcullis::store::{SqlDialect, StoreError};
use serde_json::json;

use crate::people::USER_SCHEMA;
use crate::server::{Client, TestServer};

use super::{Browser, member};

fn run(server: &TestServer, statements: String) {
    let run: Result<(), StoreError> = server.database.write_blocking(move |connection| {
        let bytes = match connection.dialect() {
            SqlDialect::Sqlite => "BLOB",
            SqlDialect::Postgres => "BYTEA",
        };
        Ok(connection.batch_execute(&statements.replace("{bytes}", bytes))?)
    });
    run.expect("the rows can be written");
}

fn user(scim: &Client, name: &str) -> String {
    let body = json!({"schemas": [USER_SCHEMA], "userName": name});
    scim.post("/Users", &body).expect(201).text_at("/id")
}

/// More than are looked through for one page, counted in `i` from 1.
const MANY: &str =
    "WITH RECURSIVE counted (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < 20050)";

/// The pages of a list until there is no next, each as the names of its items.
fn pages(server: &TestServer, path: &str, name: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.admin().get(&format!("{path}{cursor}"));
        let page = page.expect(200).body;
        let items = page["items"].as_array().expect("a list");
        let names = items.iter().map(|item| item[name].as_str());
        pages.push(names.map(|name| name.expect("a text").to_owned()).collect());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
        assert!(pages.len() < 10, "{path}: {pages:?}");
    }
}

on_both_databases!(
    an_audit_event_is_found_behind_any_number_of_others,
    |server| {
        let before = "2033-05-18T03:33:20Z";
        run(
            server,
            format!(
                "INSERT INTO audit_events (id, at, action, actor_kind, outcome, detail) {MANY} \
                 SELECT 'f' || CAST(100000 + i AS TEXT), 2000000000000 + i, 'user.updated', 'system', 'success', '{{}}' \
                 FROM counted"
            ),
        );
        let made = "directory.created";
        let all = pages(server, "/audit-events?action=directory.created", "action");
        let (last, first) = all.split_last().expect("there are pages");
        assert!(!first.is_empty());
        assert!(first.iter().all(Vec::is_empty), "{all:?}");
        assert!(last.iter().all(|action| action == made) && !last.is_empty());
        for query in [
            "action=directory.created&since=2001-01-01T00:00:00Z".to_owned(),
            format!("outcome=success&until={before}&action=directory.created"),
            format!(
                "directory_id={}&since=2001-01-01T00:00:00Z&action=directory.created",
                server.directory_id
            ),
        ] {
            let all = pages(server, &format!("/audit-events?{query}"), "action");
            let found: Vec<String> = all.into_iter().flatten().collect();
            assert!(!found.is_empty(), "{query}");
            assert!(found.iter().all(|action| action == made), "{query}");
        }
        let touched = pages(
            server,
            "/audit-events?action=user.updated&limit=1000&until=2033-05-18T03:33:30Z",
            "action",
        );
        assert_eq!(touched.iter().map(Vec::len).sum::<usize>(), 9_999);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let page = browser.get("/console/audit?action=directory.created");
        let page = page.expect(200).text;
        assert!(
            page.contains("The next 20,000 events were looked through"),
            "{page}"
        );
        let cursor = page.split("cursor=").nth(1).expect("there is a next page");
        let cursor = cursor.split(['"', '&']).next().expect("it ends");
        let page = browser
            .get(&format!(
                "/console/audit?action=directory.created&cursor={cursor}"
            ))
            .expect(200)
            .text;
        assert!(
            page.contains("<code>directory.created</code>") || page.contains(">directory.created<"),
            "{page}"
        );
        assert!(!page.contains("were looked through"), "{page}");
    }
);

on_both_databases!(
    a_token_is_found_by_its_name_behind_any_number_of_others,
    |server| {
        let owner = user(&server.scim(), "owner");
        let row = |id: &str, name: &str, source: &str| {
            format!(
                "INSERT INTO credentials (id, kind, hash, prefix, name, owner_id, scopes, allowed_networks, created_at, expires_at) \
                 {source} SELECT {id}, 'user_token', CAST({id} AS {{bytes}}), 'pctok_x', {name}, '{owner}', '[]', '[]', \
                 1700000000000, 4000000000000 {}",
                if source.is_empty() {
                    ""
                } else {
                    "FROM counted"
                }
            )
        };
        run(server, row("'e1'", "'The pager'", ""));
        run(
            server,
            row("'f' || CAST(100000 + i AS TEXT)", "'laptop'", MANY),
        );
        run(server, row("'e2'", "'Also a pager'", ""));
        run(server, row("'fz'", "'A new pager'", ""));
        let names = |query: &str| pages(server, &format!("/credentials?{query}"), "name");
        let (new, others) = ("A new pager", ["Also a pager", "The pager"]);
        for (query, expected) in [
            ("search=PAGER", [vec![new], others.to_vec()]),
            (
                "search=pager&state=active&expires_before=2099-01-01T00:00:00Z",
                [vec![others[1], others[0]], vec![new]],
            ),
        ] {
            assert_eq!(names(query), expected, "{query}");
        }
        let one_by_one = names("search=pager&kind=user_token&limit=1");
        assert_eq!(one_by_one, [[new], [others[0]], [others[1]]]);
        let of_one = names(&format!("search=pager&owner_id={owner}"));
        assert_eq!(of_one, [["A new pager", "Also a pager", "The pager"]]);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let page = browser
            .get("/console/keys?q=nothing-like-it")
            .expect(200)
            .text;
        assert!(
            page.contains("The next 20,000 of each kind were looked through"),
            "{page}"
        );
    }
);

on_both_databases!(
    deleted_people_are_found_page_by_page_in_the_order_of_what_begins_so,
    |server| {
        let scim = server.scim();
        for name in ["Anna", "anders", "ANTON", "berta", "antje"] {
            let id = user(&scim, name);
            scim.delete(&format!("/Users/{id}")).expect(204);
        }
        let all = pages(server, "/deleted-users?search=an&limit=2", "user_name");
        assert_eq!(all, [vec!["anders", "Anna"], vec!["antje", "ANTON"]]);
        let one = pages(server, "/deleted-users?search=ANTO", "user_name");
        assert_eq!(one, [["ANTON"]]);
        let every = pages(server, "/deleted-users?limit=2", "user_name");
        assert_eq!(every.concat().len(), 5);
        server
            .admin()
            .get("/deleted-users?search=an&cursor=%25")
            .expect(400);
    }
);
