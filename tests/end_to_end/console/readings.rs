//! What pages show and the admin interface gives to programs: groups, documents, sessions, keys of every kind.

use serde_json::{Value, json};

use crate::people::{Leaver, group};
use crate::server::TestServer;

use super::{Browser, member};

fn admin(server: &TestServer) -> Browser<'_> {
    Browser::of(&member(server, "admin", Some("admin")))
}

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().expect("a list").clone()
}

fn texts(items: &[Value], name: &str) -> Vec<String> {
    let texts = items.iter().map(|one| one[name].as_str().expect("a text"));
    texts.map(str::to_owned).collect()
}

on_both_databases!(
    groups_and_their_members_are_listed_searched_and_paged,
    |server| {
        let scim = server.scim();
        let ada = member(server, "ada", None);
        let berta = member(server, "berta", None);
        let inner = group(&scim, "Analysts", &[]);
        let outer = group(&scim, "Engineering", &[&ada.id, &berta.id, &inner]);
        member(server, "adam", None);
        let api = server.admin();

        let all = items(&api.get("/groups").expect(200).body);
        assert_eq!(texts(&all, "display_name"), ["Analysts", "Engineering"]);
        let found = items(&api.get("/groups?search=ENG").expect(200).body);
        assert_eq!(texts(&found, "id"), [outer.as_str()]);
        let elsewhere = format!("/groups?directory_id={}", uuid::Uuid::now_v7());
        assert_eq!(api.get(&elsewhere).expect(200).body["items"], json!([]));

        let shown = api.get(&format!("/groups/{outer}")).expect(200).body;
        assert_eq!(
            shown,
            json!({
                "id": outer,
                "directory_id": server.directory_id,
                "external_id": null,
                "display_name": "Engineering",
                "created_at": shown["created_at"],
                "modified_at": shown["modified_at"],
            })
        );
        api.get(&format!("/groups/{}", ada.id)).expect(404);
        api.get(&format!("/groups/{}/members", ada.id)).expect(404);

        let members = format!("/groups/{outer}/members");
        let first = api.get(&format!("{members}?limit=2")).expect(200).body;
        assert_eq!(
            first["items"],
            json!([
                {"id": ada.id, "type": "User", "display_name": "The ada"},
                {"id": berta.id, "type": "User", "display_name": "The berta"},
            ])
        );
        let cursor = first["next_cursor"].as_str().expect("there is more");
        let rest = api
            .get(&format!("{members}?limit=2&cursor={cursor}"))
            .expect(200)
            .body;
        assert_eq!(
            rest,
            json!({
                "items": [{"id": inner, "type": "Group", "display_name": "Analysts"}],
                "next_cursor": null,
            })
        );
        for (typed, ids) in [
            ("ada%40example", vec![&ada.id]),
            ("the", vec![&ada.id, &berta.id]),
            ("ANAL", vec![&inner]),
            ("adam", vec![]),
        ] {
            let found = items(
                &api.get(&format!("{members}?search={typed}"))
                    .expect(200)
                    .body,
            );
            let ids: Vec<String> = ids.into_iter().cloned().collect();
            assert_eq!(texts(&found, "id"), ids, "{typed}");
        }
        let mut browser = admin(server);
        let page = browser
            .get(&format!("/console/groups/{outer}?q=ada"))
            .expect(200)
            .text;
        assert!(
            page.contains(">The ada</a>") && !page.contains(">The berta</a>"),
            "{page}"
        );
    }
);

on_both_databases!(
    the_document_of_a_person_is_what_their_identity_provider_reads,
    |server| {
        let person = member(server, "ada", None);
        group(&server.scim(), "Analysts", &[&person.id]);
        let read = server.scim().get(&person.path()).expect(200).body;
        let path = format!("/users/{}/document", person.id);
        let shown = server.admin().get(&path).expect(200).body;
        assert_eq!(shown, read);
        assert!(shown["groups"][0]["display"] == "Analysts", "{shown}");
        let page = admin(server)
            .get(&format!("/console/people/{}", person.id))
            .expect(200);
        assert!(page.text.contains("familyName"), "{}", page.text);
        let nobody = format!("/users/{}/document", uuid::Uuid::now_v7());
        server.admin().get(&nobody).expect(404);
    }
);

on_both_databases!(keys_of_every_kind_are_in_one_list, |server| {
    let leaver = Leaver::arrange(server, "maker");
    let api = server.admin();
    let found = |query: &str| items(&api.get(&format!("/credentials?{query}")).expect(200).body);
    let made = found(&format!("creator_id={}", leaver.person.id));
    let mut kinds = texts(&made, "kind");
    kinds.sort();
    kinds.dedup();
    assert_eq!(
        kinds,
        ["api_key", "product_credential", "scim_key", "user_token"]
    );
    let tokens = found(&format!("kind=user_token&owner_id={}", leaver.person.id));
    assert_eq!(tokens.len(), leaver.tokens.len());
    let ids = texts(&found(""), "id");
    let mut newest_first = ids.clone();
    newest_first.sort_by(|one, other| other.cmp(one));
    assert_eq!(ids, newest_first);
    assert_eq!(found("state=revoked"), Vec::<Value>::new());
    assert_eq!(
        found("made_before=2020-01-01T00:00:00Z"),
        Vec::<Value>::new()
    );
    for query in ["kind=session", "state=fine", "unused_since=yesterday"] {
        api.get(&format!("/credentials?{query}")).expect(400);
    }
    // Whoever may not see a kind elsewhere sees it here no more.
    let body = json!({"name": "Narrow", "scopes": ["scim-keys:read"]});
    let narrow = api.post("/api-keys", &body).expect(201).text_at("/secret");
    let seen = server
        .with_token(&narrow)
        .get("/admin/v1/credentials")
        .expect(200);
    let mut kinds = texts(&items(&seen.body), "kind");
    kinds.dedup();
    assert_eq!(kinds, ["scim_key"]);
});

on_both_databases!(keys_that_expire_are_listed_the_soonest_first, |server| {
    let api = server.admin();
    let directory = json!({"name": "Second"});
    let directory = api.post("/directories", &directory).expect(201).id();
    let person = member(server, "maker", None);
    let token = json!({"name": "In 2 days", "expires_in_days": 2});
    person.create_token(&person.sign_in(), &token);
    let scim = format!("/directories/{directory}/scim-keys");
    for (path, days) in [
        ("/api-keys", 20),
        (scim.as_str(), 4),
        ("/api-keys", 10),
        (scim.as_str(), 12),
    ] {
        let mut body = json!({"name": format!("In {days} days"), "expires_in_days": days});
        if path == "/api-keys" {
            body["scopes"] = json!(["users:read"]);
        }
        api.post(path, &body).expect(201);
    }
    let day = |days: i64| server.clock.now().plus_days(days).to_rfc3339();
    let names = |query: &str| {
        let found = api.get(&format!("/credentials?{query}")).expect(200).body;
        texts(&items(&found), "name")
    };
    let before = format!("expires_before={}", day(14));
    let soon = ["In 2 days", "In 4 days", "In 10 days", "In 12 days"];
    assert_eq!(names(&before), soon);
    let between = format!("expires_since={}&expires_before={}", day(3), day(11));
    assert_eq!(names(&between), ["In 4 days", "In 10 days"]);
    assert_eq!(
        names(&format!("{before}&directory_id={directory}")),
        ["In 4 days", "In 12 days"]
    );

    // Page by page, across kinds.
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api
            .get(&format!("/credentials?{before}&limit=1{cursor}"))
            .expect(200)
            .body;
        seen.extend(texts(&items(&page), "name"));
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, soon);
    for query in ["expires_before=soon", "expires_since=2026"] {
        api.get(&format!("/credentials?{query}")).expect(400);
    }
    for cursor in ["x", "1.%00", "a.b"] {
        api.get(&format!("/credentials?{before}&cursor={cursor}"))
            .expect(400);
    }

    // The first page leads to what it counts.
    let mut browser = admin(server);
    let first = browser.get("/console/").expect(200).text;
    let task = "/console/keys?kind=keys&amp;state=active&amp;expires=14";
    let week = "/console/keys?kind=keys&amp;state=active&amp;expires_from=7&amp;expires=14";
    assert!(first.contains("3 keys expire within two weeks"), "{first}");
    for (link, left) in [(task, &soon[1..]), (week, &soon[2..])] {
        assert!(first.contains(&format!("href=\"{link}\"")), "{first}");
        let page = browser.get(&link.replace("&amp;", "&")).expect(200).text;
        let (_, list) = page.split_once("id=\"results\"").expect("a list");
        let mut places: Vec<(usize, &str)> = [
            "In 2 days",
            "In 4 days",
            "In 10 days",
            "In 12 days",
            "In 20 days",
        ]
        .iter()
        .filter_map(|name| Some((list.find(&format!(">{name}</a>"))?, *name)))
        .collect();
        places.sort_unstable();
        let places: Vec<&str> = places.into_iter().map(|(_, name)| name).collect();
        assert_eq!(places, left, "{link}");
        assert!(list.contains("What expires soonest first"), "{list}");
    }

    // The pages of a directory and of a service account lead to all that is of them.
    let page = browser
        .get(&format!("/console/directories/{directory}"))
        .expect(200)
        .text;
    let link = format!("/console/keys?kind=scim-keys&amp;directory={directory}");
    assert!(page.contains(&link), "{page}");
    let page = browser.get(&link.replace("&amp;", "&")).expect(200).text;
    assert!(page.contains("Those of the directory") && page.contains(">Second</a>"));
    assert!(page.contains(">In 4 days</a>") && !page.contains(">In 10 days</a>"));
    let account = json!({"name": "Backup", "purpose": "Runs", "owner_id": server.admin_id});
    let account = api.post("/service-accounts", &account).expect(201).id();
    let tokens = format!("/service-accounts/{account}/tokens");
    api.post(&tokens, &json!({"name": "Of the backup"}))
        .expect(201);
    let page = browser
        .get(&format!("/console/service-accounts/{account}"))
        .expect(200)
        .text;
    let link = format!("/console/keys?account={account}");
    assert!(page.contains(&link), "{page}");
    let page = browser.get(&link).expect(200).text;
    assert!(page.contains("Those of the service account") && page.contains(">Backup</a>"));
    assert!(page.contains(">Of the backup</a>") && !page.contains(">In 10 days</a>"));
});

on_both_databases!(
    an_admin_ends_sessions_of_somebody_who_stays_active,
    |server| {
        let person = member(server, "visitor", None);
        let token = person.create_token(&person.sign_in(), &json!({"name": "Mine"}));
        let sessions: Vec<String> = (0..3).map(|_| person.sign_in()).collect();
        let api = server.admin();
        let path = format!("/users/{}/sessions", person.id);
        let listed = items(&api.get(&path).expect(200).body);
        assert_eq!(listed.len(), 4);
        assert!(listed.iter().all(|one| one["current"] == false));
        let works = |secret: &str| {
            let client = server.with_token(secret);
            client.get("/account/v1/session").status == 200
        };

        let newest = listed[0]["id"].as_str().expect("an id");
        let mut browser = admin(server);
        let page = browser
            .get(&format!("/console/people/{}", person.id))
            .expect(200)
            .text;
        let end = format!("/console/people/{}/sessions/{newest}/end", person.id);
        assert!(page.contains(&end), "{page}");
        let asked = browser.get(&end).expect(200).text;
        assert!(asked.contains("1 session ends"), "{asked}");
        let one = format!("{path}/{newest}");
        assert_eq!(api.get(&one).expect(200).body, listed[0]);
        browser.submit(&end, &[]).expect(303);
        assert!(!works(&sessions[2]) && works(&sessions[1]));
        api.get(&one).expect(404);
        let asked = browser.get(&end).expect(404).text;
        assert!(
            asked.contains("This session exists no more: it ended ")
                && asked.contains("(ended by admin). There is nothing to end."),
            "{asked}"
        );
        assert!(!asked.contains("1 session ends"), "{asked}");
        // Neither one of somebody else's, nor what is no session.
        let other = member(server, "other", None);
        let foreign = server
            .with_token(&other.sign_in())
            .get("/account/v1/session")
            .expect(200)
            .id();
        for nothing in [foreign, uuid::Uuid::now_v7().to_string()] {
            let one = format!("{path}/{nothing}");
            api.get(&one).expect(404);
            api.delete(&one).expect(404);
            let end = format!("/console/people/{}/sessions/{nothing}/end", person.id);
            let asked = browser.get(&end).expect(404).text;
            assert!(
                asked.contains("This session exists no more. There is nothing to end."),
                "{asked}"
            );
        }

        let all = format!("/console/people/{}/sessions/end-all", person.id);
        let asked = browser.get(&all).expect(200).text;
        assert!(asked.contains("3 sessions end:"), "{asked}");
        browser.submit(&all, &[]).expect(303);
        assert!(sessions.iter().all(|session| !works(session)));
        let list = browser
            .get(&format!("/console/people/{}/sessions", person.id))
            .expect(200);
        assert!(
            list.text.contains("They are signed in nowhere."),
            "{}",
            list.text
        );
        // They are who they were: their token works, and they sign in again.
        let tokens = api.get(&format!("/users/{}/tokens", person.id)).expect(200);
        assert_eq!(tokens.body["items"][0]["status"], "active", "{token}");
        person.sign_in();
        let ended = api.delete(&path).expect(200).body;
        assert_eq!(ended, json!({"ended": 1}));
        assert_eq!(api.delete(&path).expect(200).body, json!({"ended": 0}));

        let events = format!("/audit-events?action=session.ended&user_id={}", person.id);
        let events = items(&api.get(&events).expect(200).body);
        assert_eq!(events.len(), 5, "{events:?}");
        assert!(
            events
                .iter()
                .all(|event| event["detail"]["reason"] == "ended_by_admin"),
            "{events:?}"
        );
    }
);
