//! What lists are narrowed by, and what the first page counts.

use serde_json::{Value, json};

use crate::people::{Leaver, USER_SCHEMA, group};
use crate::server::TestServer;

use super::{Browser, member};

fn admin(server: &TestServer) -> Browser<'_> {
    Browser::of(&member(server, "admin", Some("admin")))
}

/// Which of these texts a page has in its list.
fn shown<'a>(browser: &mut Browser, path: &str, texts: &[&'a str]) -> Vec<&'a str> {
    let page = browser.get(path).expect(200).text;
    let (_, list) = page
        .split_once("id=\"results\"")
        .expect("the page has a list that can be narrowed");
    let found = texts.iter().copied();
    found.filter(|text| list.contains(text)).collect()
}

on_both_databases!(lists_that_are_read_whole_are_narrowed_by_a_text, |server| {
    let api = server.admin();
    for (name, scope) in [("Wiki", "pages:read"), ("Tracker", "issues:write")] {
        let body = json!({"name": name, "scopes": [scope]});
        api.post("/products", &body).expect(201);
    }
    for host in ["chat.example.org", "pager.example.org"] {
        let body = json!({"url": format!("https://{host}/hook")});
        api.post("/webhooks", &body).expect(201);
    }
    for name in ["Contractors", "Trial"] {
        api.post("/policies", &json!({"name": name})).expect(201);
    }
    let team = group(&server.scim(), "Engineering", &[]);
    let mapping = json!({"group_id": team, "role": "auditor"});
    api.post("/roles/mappings", &mapping).expect(201);
    let mut browser = admin(server);
    let first = server
        .admin()
        .get(&format!("/directories/{}", server.directory_id))
        .expect(200)
        .text_at("/name");
    let both = [">Wiki</a>", ">Tracker</a>"];
    assert_eq!(shown(&mut browser, "/console/products", &both), both);
    for (path, texts, left) in [
        ("/console/products?q=wiki", both, vec![both[0]]),
        ("/console/products?q=ISSUES", both, vec![both[1]]),
        ("/console/products?q=nothing", both, vec![]),
        (
            "/console/webhooks?q=pager",
            ["chat.example.org", "pager.example.org"],
            vec!["pager.example.org"],
        ),
        (
            "/console/policies?q=tri",
            [">Contractors</a>", ">Trial</a>"],
            vec![">Trial</a>"],
        ),
        (
            "/console/roles?q=engineering",
            [">Engineering</a>", ">The admin</a>"],
            vec![">Engineering</a>"],
        ),
        (
            "/console/directories?q=%20admins",
            [first.as_str(), ">Local</a>"],
            vec![">Local</a>"],
        ),
    ] {
        assert_eq!(shown(&mut browser, path, &texts), left, "{path}");
    }
    let empty = browser.get("/console/products?q=nothing").expect(200).text;
    assert!(empty.contains("Nothing is called so."), "{empty}");
});

on_both_databases!(
    service_accounts_are_narrowed_by_name_here_and_in_the_admin_interface,
    |server| {
        for name in ["Nightly build", "Backup 100%", "Backup 1000"] {
            let body = json!({"name": name, "purpose": "Runs", "owner_id": server.admin_id});
            server.admin().post("/service-accounts", &body).expect(201);
        }
        let texts = [">Nightly build</a>", ">Backup 100%</a>", ">Backup 1000</a>"];
        let mut browser = admin(server);
        for (typed, left) in [
            ("BACKUP", vec![texts[1], texts[2]]),
            ("100%25", vec![texts[1]]),
            ("_", vec![]),
            ("", texts.to_vec()),
        ] {
            let path = format!("/console/service-accounts?q={typed}");
            assert_eq!(shown(&mut browser, &path, &texts), left, "{typed}");
        }
        let found = server.admin().get("/service-accounts?name=100%25");
        let found = found.expect(200).body;
        assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(found["items"][0]["name"], "Backup 100%");
    }
);

on_both_databases!(orphans_are_narrowed_by_kind_and_by_last_use, |server| {
    let leaver = Leaver::arrange(server, "leaver");
    let spare = json!({"name": "Spare", "scopes": ["directories:read"]});
    let session = server.with_token(&leaver.sessions[0]);
    let spare = session.post("/admin/v1/api-keys", &spare).expect(201).id();
    let path = format!("/users/{}/deprovision", leaver.person.id);
    server.admin().post(&path, &json!({})).expect(200);
    let mut browser = admin(server);
    let ids = [leaver.scim_key.id.as_str(), spare.as_str()];
    for (query, left) in [
        ("", ids.to_vec()),
        ("kind=scim-keys", vec![ids[0]]),
        ("kind=api-keys&unused=30", vec![ids[1]]),
        ("kind=product-credentials", vec![]),
    ] {
        let path = format!("/console/orphans?{query}");
        assert_eq!(shown(&mut browser, &path, &ids), left, "{query}");
    }
});

on_both_databases!(
    notices_are_narrowed_by_kind_and_read_one_by_one_or_by_kind,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let path = format!("/users/{}/deprovision", leaver.person.id);
        server.admin().post(&path, &json!({})).expect(200);
        let all = |server: &TestServer, query: &str| -> Vec<Value> {
            let path = format!("/notices?{query}");
            let page = server.admin().get(&path).expect(200).body;
            page["items"].as_array().expect("a list").clone()
        };
        let orphaned = all(server, "kind=keys_orphaned");
        assert_eq!(orphaned.len(), 1);
        let subject = orphaned[0]["subject"].as_str().expect("a text");
        let mut browser = admin(server);
        for (query, is_shown) in [
            ("", true),
            ("kind=keys_orphaned", true),
            ("kind=directory_removed", false),
            ("kind=keys_orphaned&state=unread", true),
        ] {
            let path = format!("/console/notices?{query}");
            let found = shown(&mut browser, &path, &[subject]);
            assert_eq!(found == [subject], is_shown, "{query}: {found:?}");
        }

        let id = orphaned[0]["id"].as_str().expect("an id");
        // One of them, with all that it tells and the way to what it is about.
        let page = browser.get(&format!("/console/notices/{id}")).expect(200);
        for text in [
            subject.to_owned(),
            format!("<a href=\"/console/people/{}\">", leaver.person.id),
            format!(
                "<a href=\"/console/keys/scim-keys/{}\">",
                leaver.scim_key.id
            ),
            format!("action=\"/console/notices/{id}/read\""),
        ] {
            assert!(page.text.contains(&text), "no {text}: {}", page.text);
        }
        let nobody = uuid::Uuid::now_v7();
        browser
            .get(&format!("/console/notices/{nobody}"))
            .expect(404);
        let nobody = format!("/console/notices/{nobody}/read");
        browser.submit(&nobody, &[]).expect(404);
        let kind = [("kind", "directory_removed")];
        browser.submit("/console/notices/read", &kind).expect(303);
        assert_eq!(all(server, "kind=keys_orphaned&unread=true").len(), 1);
        let one = format!("/console/notices/{id}/read");
        browser.submit(&one, &[]).expect(303);
        assert_eq!(all(server, "kind=keys_orphaned&unread=true").len(), 0);
        let unread = "/console/notices?kind=keys_orphaned&state=unread";
        assert_eq!(shown(&mut browser, unread, &[subject]), [""; 0]);
    }
);

on_both_databases!(deleted_people_are_found_by_how_a_name_begins, |server| {
    let scim = server.scim();
    for (user_name, display_name) in [("ada@example.org", "Zoë Ångström"), ("berta", "Ada B.")] {
        let user = json!({
            "schemas": [USER_SCHEMA],
            "userName": user_name,
            "displayName": display_name,
        });
        let id = scim.post("/Users", &user).expect(201).id();
        scim.delete(&format!("/Users/{id}")).expect(204);
    }
    let mut browser = admin(server);
    let texts = ["Zoë Ångström", "Ada B."];
    for (typed, left) in [
        ("ADA", texts.to_vec()),
        ("ber", vec![texts[1]]),
        ("Zo%C3%AB", vec![texts[0]]),
        ("erta", vec![]),
        ("", texts.to_vec()),
    ] {
        let path = format!("/console/people/deleted?q={typed}");
        assert_eq!(shown(&mut browser, &path, &texts), left, "{typed}");
    }
});

on_both_databases!(requests_are_narrowed_to_those_that_failed, |server| {
    server.scim().get("/Groups").expect(200);
    server.scim().get("/Users?filter=userName is x").expect(400);
    let id = &server.directory_id;
    let mut browser = admin(server);
    let path = format!("/console/directories/{id}/requests");
    let texts = [">/scim/v2/Groups<", "invalidFilter"];
    assert_eq!(shown(&mut browser, &path, &texts), texts);
    let failed = format!("{path}?result=failed");
    assert_eq!(shown(&mut browser, &failed, &texts), [texts[1]]);
    // What is looked at again is the same.
    let page = browser.get(&failed).expect(200).text;
    assert!(page.contains(&format!("hx-get=\"{failed}\" hx-trigger=\"every 3s\"")));
    let path = format!("/directories/{id}/scim-requests?failed=true");
    let found = server.admin().get(&path).expect(200).body;
    let statuses = found["items"].as_array().expect("a list").iter();
    let statuses: Vec<&Value> = statuses.map(|item| &item["status"]).collect();
    assert_eq!(statuses, [&json!(400)]);
});

on_both_databases!(
    the_first_page_counts_keys_once_a_minute_and_orphans_at_once,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let mut browser = admin(server);
        let chart = |browser: &mut Browser| {
            let page = browser.get("/console/").expect(200).text;
            let (_, rest) = page
                .split_once("aria-label=\"Keys by state. ")
                .expect("it is there");
            rest.split('"').next().expect("it ends").to_owned()
        };
        let before = chart(&mut browser);
        assert!(before.contains("orphaned: 0"), "{before}");
        let path = format!("/users/{}/deprovision", leaver.person.id);
        server.admin().post(&path, &json!({})).expect(200);
        let made = json!({"name": "Another", "scopes": ["users:read"]});
        server.admin().post("/api-keys", &made).expect(201);
        // What waits for somebody is never an old number; what is only told may be one.
        assert_eq!(
            chart(&mut browser),
            before.replace("orphaned: 0", "orphaned: 3")
        );
        let page = browser.get("/console/").expect(200).text;
        assert!(
            page.contains("3 keys were left behind by leavers."),
            "{page}"
        );
        assert!(page.contains("Keys are counted once a minute, the last time"));
    }
);

on_both_databases!(an_address_that_cannot_be_read_is_told_to_people, |server| {
    let mut browser = admin(server);
    for (path, status) in [
        ("/console/service-accounts?orphaned=perhaps", 400),
        ("/console/roles/grant", 400),
        ("/console/products?q=%00", 400),
        ("/console/people/%FF", 404),
    ] {
        let answer = browser.get(path).expect(status);
        let media_type = answer.header("content-type").unwrap_or_default();
        assert_eq!(media_type, "text/html; charset=utf-8", "{path}");
        assert!(
            answer.text.contains("<p role=\"alert\">"),
            "{}",
            answer.text
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    let refused = browser.send("/console/people", &[]).expect(405);
    assert!(
        refused.text.contains("<p role=\"alert\">"),
        "{}",
        refused.text
    );
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
});

on_both_databases!(
    those_whom_a_policy_names_are_narrowed_here_and_in_the_admin_interface,
    |server| {
        let ada = member(server, "ada", None);
        let berta = member(server, "berta", None);
        member(server, "adam", None);
        let team = group(&server.scim(), "Analysts", &[]);
        let body = json!({"name": "Interns", "members": [ada.id, berta.id, team]});
        let policy = server.admin().post("/policies", &body).expect(201).id();
        let mut browser = admin(server);
        let texts = [">The ada</a>", ">The berta</a>", ">Analysts</a>"];
        for (typed, left) in [
            ("ada%40EX", vec![(texts[0], &ada.id)]),
            ("the", vec![(texts[0], &ada.id), (texts[1], &berta.id)]),
            ("ana", vec![(texts[2], &team)]),
            ("adam", vec![]),
        ] {
            let path = format!("/console/policies/{policy}?q={typed}");
            let expected: Vec<&str> = left.iter().map(|(text, _)| *text).collect();
            assert_eq!(shown(&mut browser, &path, &texts), expected, "{typed}");
            let path = format!("/policies/{policy}/members?search={typed}");
            let found = server.admin().get(&path).expect(200).body;
            let found = found["items"].as_array().expect("a list").clone();
            let ids: Vec<Value> = found.iter().map(|one| one["id"].clone()).collect();
            let expected: Vec<Value> = left.iter().map(|(_, id)| json!(id)).collect();
            assert_eq!(ids, expected, "{typed}");
        }
        let path = format!("/policies/{policy}/members?search=the&limit=1");
        let first = server.admin().get(&path).expect(200).body;
        let cursor = first["next_cursor"].as_str().expect("there is more");
        let second = server
            .admin()
            .get(&format!("{path}&cursor={cursor}"))
            .expect(200)
            .body;
        assert_eq!(second["items"][0]["id"], json!(berta.id));
    }
);

on_both_databases!(
    what_belongs_to_a_product_and_signing_keys_are_narrowed_by_a_text,
    |server| {
        let api = server.admin();
        let product = api
            .post("/products", &json!({"name": "Wiki", "scopes": []}))
            .expect(201)
            .id();
        for name in ["Berlin", "Lisbon"] {
            let body = json!({"name": name, "url": format!("https://{name}.example.org")});
            api.post(&format!("/products/{product}/instances"), &body)
                .expect(201);
            let body = json!({"name": format!("Server of {name}")});
            api.post(&format!("/products/{product}/credentials"), &body)
                .expect(201);
        }
        let mut browser = admin(server);
        let texts = [
            "<td role=\"cell\" data-label=\"Name\">Berlin</td>",
            ">Server of Berlin</a>",
            ">Server of Lisbon</a>",
        ];
        let path = format!("/console/products/{product}");
        assert_eq!(shown(&mut browser, &path, &texts), texts);
        assert_eq!(
            shown(&mut browser, &format!("{path}?q=BERLIN"), &texts),
            texts[..2]
        );
        assert_eq!(
            shown(&mut browser, &format!("{path}?q=nowhere"), &texts),
            [""; 0]
        );

        browser
            .submit("/console/signing-keys/rotate", &[])
            .expect(303);
        let keys = api.get("/signing-keys").expect(200).body;
        let id = keys["items"][0]["id"].as_str().expect("an id").to_owned();
        let list = "/console/signing-keys";
        assert_eq!(
            shown(&mut browser, &format!("{list}?q={id}"), &[&id]),
            [&id]
        );
        assert_eq!(
            shown(&mut browser, &format!("{list}?q=nothing"), &[&id]),
            [""; 0]
        );
    }
);

on_both_databases!(
    ones_own_tokens_and_sessions_are_narrowed_and_sessions_paged,
    |server| {
        let person = member(server, "owner", None);
        let session = person.sign_in();
        for name in ["Laptop", "Build server"] {
            person.create_token(&session, &json!({"name": name}));
        }
        let mut browser = Browser::with_session(server, &session);
        let texts = ["Laptop", "Build server"];
        for (typed, left) in [
            ("LAP", vec![texts[0]]),
            ("server", vec![texts[1]]),
            ("x", vec![]),
        ] {
            let path = format!("/console/me?q={typed}");
            assert_eq!(shown(&mut browser, &path, &texts), left, "{typed}");
        }
        let api = server.with_token(&session);
        for (typed, is_shown) in [("127.0.", true), ("192.0.2.", false), ("%25", false)] {
            let path = format!("/console/me/sessions?from={typed}");
            let found = shown(&mut browser, &path, &["this one"]);
            assert_eq!(found == ["this one"], is_shown, "{typed}");
            let found = api
                .get(&format!("/account/v1/sessions?address={typed}"))
                .expect(200);
            let number = found.body["items"].as_array().map(Vec::len);
            assert_eq!(number, Some(usize::from(is_shown)), "{typed}");
        }
        for _ in 0..50 {
            person.sign_in();
        }
        let page = browser.get("/console/me").expect(200).text;
        assert!(
            page.contains("href=\"/console/me/sessions\">All of your sessions</a>"),
            "{page}"
        );
        let page = browser.get("/console/me/sessions").expect(200).text;
        assert!(page.contains("rel=\"next\""), "{page}");
    }
);
