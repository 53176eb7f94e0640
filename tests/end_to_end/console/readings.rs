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
        browser.submit(&end, &[]).expect(303);
        assert!(!works(&sessions[2]) && works(&sessions[1]));
        // Neither one of somebody else's, nor what is no session.
        let other = member(server, "other", None);
        let foreign = server
            .with_token(&other.sign_in())
            .get("/account/v1/session")
            .expect(200)
            .id();
        api.delete(&format!("{path}/{foreign}")).expect(404);
        api.delete(&format!("{path}/{}", uuid::Uuid::now_v7()))
            .expect(404);

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
