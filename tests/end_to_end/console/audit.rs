//! The audit log in the console: narrowed, taken away as NDJSON, and its chain verified; and the signing keys.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use crate::people::{Person, group, map_to_admin};

use super::{Browser, member};

on_both_databases!(
    the_audit_log_is_narrowed_exported_and_verified_by_whoever_may_read_it,
    |server| {
        let made = server
            .admin()
            .post("/products", &json!({"name": "Wiki"}))
            .expect(201);
        let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
        let query = format!("action=product.created&target={}", made.id());
        let page = auditor
            .get(&format!("/console/audit?{query}"))
            .expect(200)
            .text;
        assert!(
            page.contains("product.created") && !page.contains("<code>session.started"),
            "{page}"
        );
        assert!(
            page.contains("/console/audit/export?action=product.created"),
            "{page}"
        );

        let export = auditor
            .get(&format!("/console/audit/export?{query}"))
            .expect(200);
        assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
        assert_eq!(
            export.header("content-disposition"),
            Some("attachment; filename=\"audit-events.ndjson\"")
        );
        assert_eq!(export.header("cache-control"), Some("no-store"));
        let lines: Vec<Value> = export
            .text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line is an object"))
            .collect();
        assert_eq!(lines.len(), 1, "{}", export.text);
        assert_eq!(lines[0]["action"], "product.created");
        assert_eq!(lines[0]["target"]["id"], made.id());
        let hash = lines[0]["hash"].as_str().expect("it is chained");

        let verified = auditor.get("/console/audit/verify").expect(200).text;
        assert!(verified.contains("All is as it was written"), "{verified}");
        let noted = auditor
            .get(&format!("/console/audit/verify?head={hash}"))
            .expect(200)
            .text;
        assert!(noted.contains("is part of it"), "{noted}");
        let foreign = "0".repeat(64);
        let cut = auditor
            .get(&format!("/console/audit/verify?head={foreign}"))
            .expect(200)
            .text;
        assert!(cut.contains("is no part of it"), "{cut}");

        // The same by whom, with what, where and when.
        let person = member(server, "doer", Some("admin"));
        let session = server.with_token(&person.sign_in());
        let key = json!({"name": "Report", "scopes": ["products:write"]});
        let key = session.post("/admin/v1/api-keys", &key).expect(201);
        let body = json!({"name": "Chat"});
        server
            .with_token(&key.text_at("/secret"))
            .post("/admin/v1/products", &body)
            .expect(201);
        let now = server.clock.now();
        let day = |days: i64| now.plus_days(days).to_rfc3339()[..10].to_owned();
        let mut shows = |query: &str, action: &str, is_there: bool| {
            let page = auditor
                .get(&format!("/console/audit?{query}"))
                .expect(200)
                .text;
            let found = page.contains(&format!("<code>{action}</code>"));
            assert_eq!(found, is_there, "{query}: {page}");
        };
        let (person, key) = (
            format!("person={}", person.id),
            format!("credential={}", key.id()),
        );
        shows(&person, "credential.created", true);
        shows(&person, "product.created", false);
        shows(&key, "credential.created", true);
        shows(&key, "product.created", true);
        shows(&key, "session.started", false);
        let place = format!("directory={}", server.directory_id);
        shows(&place, "resource.created", true);
        shows(&place, "product.created", false);
        shows(&format!("until={}", day(0)), "product.created", true);
        shows(&format!("until={}", day(-1)), "product.created", false);
        shows(&format!("since={}", day(1)), "product.created", false);
        let narrowed = format!("/console/audit?{key}&until={}", day(0));
        let page = auditor.get(&narrowed).expect(200).text;
        let (_, export) = page
            .split_once("href=\"/console/audit/export?")
            .expect("a link");
        let export = export.split('"').next().expect("it ends");
        let export = format!("/console/audit/export?{}", export.replace("&amp;", "&"));
        let lines = auditor.get(&export).expect(200).text;
        assert_eq!(lines.lines().count(), 2, "{lines}");

        let mut plain = Browser::of(&member(server, "plain", None));
        for page in ["audit", "audit/export", "audit/verify"] {
            plain.get(&format!("/console/{page}")).expect(403);
        }
    }
);

on_both_databases!(an_event_is_read_whole_and_so_is_its_place, |server| {
    let api = server.admin();
    let key = json!({"name": "Sync", "scopes": ["users:read"], "expires_in_days": 9});
    let key = api.post("/api-keys", &key).expect(201).id();
    let path = format!("/audit-events?target_id={key}");
    let event = api.get(&path).expect(200).body["items"][0].clone();
    let id = event["id"].as_str().expect("an id");
    let one = format!("/audit-events/{id}");
    // The chain may take it up at any moment: its place is there whole or not at all.
    let without_place = |event: &Value| {
        let mut event = event.clone();
        let place = ["position", "previous_hash", "hash"].map(|name| event[name].take());
        let known = place.iter().filter(|value| !value.is_null()).count();
        assert!(known == 0 || known == place.len(), "{place:?}");
        event
    };
    let shown = api.get(&one).expect(200).body;
    assert_eq!(without_place(&shown), without_place(&event));
    // An export chains what waits.
    let export = api.get("/audit-events/export").expect(200).text;
    let lines = export
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let exported: Vec<Value> = lines.collect();
    let place = exported
        .iter()
        .position(|line| line["id"] == *id)
        .expect("it is exported");
    let shown = api.get(&one).expect(200).body;
    for name in ["position", "hash", "detail", "actor"] {
        assert_eq!(shown[name], exported[place][name], "{name}");
    }
    assert_eq!(shown["previous_hash"], exported[place - 1]["hash"]);
    let nobodys = uuid::Uuid::now_v7();
    api.get(&format!("/audit-events/{nobodys}")).expect(404);

    let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
    let list = auditor
        .get(&format!("/console/audit?target={key}"))
        .expect(200)
        .text;
    let address = format!("/console/audit/{id}");
    assert!(list.contains(&format!("<a href=\"{address}\">")), "{list}");
    assert!(
        list.contains("<option value=\"user.deprovisioned\">"),
        "{list}"
    );
    let page = auditor.get(&address).expect(200).text;
    let by = event["actor"]["credential_id"].as_str().expect("a key");
    let hash = shown["hash"].as_str().expect("a hash");
    for text in [
        "<code>127.0.0.1</code>",
        &format!("<a href=\"/console/keys/api-keys/{by}\">"),
        &format!("<a href=\"/console/keys/api-keys/{key}\">Sync</a>"),
        "users:read",
        hash,
    ] {
        assert!(page.contains(text), "no {text}: {page}");
    }
    auditor
        .get(&format!("/console/audit/{nobodys}"))
        .expect(404);

    // What a leaver lost: the event leads to the receipt.
    let leaver = member(server, "leaver", None);
    api.post(&format!("/users/{}/deprovision", leaver.id), &json!({}))
        .expect(200);
    let path = format!(
        "/audit-events?action=user.deprovisioned&target_id={}",
        leaver.id
    );
    let event = api.get(&path).expect(200).body["items"][0].clone();
    let page = auditor
        .get(&format!(
            "/console/audit/{}",
            event["id"].as_str().expect("an id")
        ))
        .expect(200)
        .text;
    let receipt = event["detail"]["receipt_id"].as_str().expect("a receipt");
    for link in [
        format!("<a href=\"/console/receipts/{receipt}\">"),
        format!("<a href=\"/console/people/{}\">", leaver.id),
    ] {
        assert!(page.contains(&link), "no {link}: {page}");
    }

    // A day that is none is told.
    for path in ["audit", "audit/export", "receipts", "receipts/export"] {
        for name in ["since", "until"] {
            let refused = auditor
                .get(&format!("/console/{path}?{name}=yesterday"))
                .expect(400)
                .text;
            let told = "is &quot;yesterday&quot;, which is no day";
            assert!(refused.contains(told), "{refused}");
        }
    }
    Browser::of(&member(server, "plain", None))
        .get(&address)
        .expect(403);
});

on_both_databases!(signing_keys_are_rotated_by_whoever_may, |server| {
    let keys = || {
        let list = server.admin().get("/signing-keys").expect(200).body;
        list["items"].as_array().expect("a list").len()
    };
    let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
    let page = auditor.get("/console/signing-keys").expect(200).text;
    assert!(!page.contains("/console/signing-keys/rotate"));
    let before = keys();
    auditor
        .submit("/console/signing-keys/rotate", &[])
        .expect(403);
    let mut admin = Browser::of(&member(server, "admin", Some("admin")));
    admin.get("/console/signing-keys/rotate").expect(200);
    admin
        .submit("/console/signing-keys/rotate", &[("compromised", "true")])
        .expect(303);
    assert!(keys() > before);
    let shown = admin.get("/console/signing-keys").expect(200).text;
    assert!(shown.contains("ES256"), "{shown}");
});

on_both_databases!(what_went_with_its_directory_says_so, |server| {
    let (directory, key) = server.new_directory(Dialect::Lenient);
    let person = Person::create(server, &directory, &key, "one");
    let scim = server.scim_with(&key);
    let team = group(&scim, "Team", &[&person.id]);
    let mapping = map_to_admin(server, &team);
    let mapping = format!("/roles/mappings/{mapping}");
    server.admin().delete(&mapping).expect(204);
    let admin = member(server, "admin", Some("admin"));
    let mut browser = Browser::of(&admin);
    // What is there is not gone, under whatever address it is asked for.
    let other = browser.get(&format!("/console/groups/{}", person.id));
    let other = other.expect(404).text;
    assert!(!other.contains("any more"), "{other}");

    let session = server.with_token(&admin.sign_in());
    let removed = format!("/admin/v1/directories/{directory}");
    session.delete(&removed).expect(204);
    for place in [
        format!("/console/people/{}", person.id),
        format!("/console/groups/{team}"),
    ] {
        let page = browser.get(&place).expect(404).text;
        let told = "This is not there any more: deleted with its directory <time";
        assert!(page.contains(told), "{place}: {page}");
        let by = "by <strong>The admin</strong>";
        assert!(page.contains(by), "{place}: {page}");
    }
});

on_both_databases!(
    what_is_gone_says_when_it_went_and_by_whom_to_those_who_may_know,
    |server| {
        let api = server.admin();
        let admin = member(server, "admin", Some("admin"));
        let mut browser = Browser::of(&admin);
        let session = server.with_token(&admin.sign_in());
        let product = json!({"name": "Wiki"});
        let product = api.post("/products", &product).expect(201).id();
        let gone = member(server, "gone", None);
        let group = group(&server.scim(), "Platform", &[]);
        session
            .delete(&format!("/admin/v1/products/{product}"))
            .expect(204);
        server.scim().delete(&gone.path()).expect(204);
        server
            .scim()
            .delete(&format!("/Groups/{group}"))
            .expect(204);
        for (path, parts) in [
            (
                format!("/console/products/{product}"),
                vec![
                    "<h1>Wiki</h1>",
                    "by <strong>The admin</strong>",
                    "product.deleted",
                ],
            ),
            (
                format!("/console/people/{}", gone.id),
                vec![
                    "<h1>The gone</h1>",
                    "resource.deleted",
                    "/recover\">Recover</a>",
                ],
            ),
            (
                format!("/console/groups/{group}"),
                vec!["<h1>Platform</h1>", "This is not there any more: deleted"],
            ),
        ] {
            let page = browser.get(&path).expect(404).text;
            for part in parts {
                assert!(page.contains(part), "no {part} at {path}: {page}");
            }
            let id = path.rsplit('/').next().expect("an id");
            let history = format!("href=\"/console/audit?target={id}\"");
            assert!(page.contains(&history), "no {history}: {page}");
        }
        // Whom nobody can recover any more is gone all the same.
        let place = format!("/console/people/{}", gone.id);
        server.clock.advance_millis(31 * 86_400_000);
        let mut browser = Browser::of(&member(server, "later", Some("admin")));
        let page = browser.get(&place).expect(404).text;
        assert!(page.contains("any more: deleted"), "{page}");
        assert!(!page.contains("Recover</a>"), "{page}");
        // What never was is not told of, and neither is anything to whoever may not read the log.
        let never = browser.get("/console/products/0190-never").expect(404).text;
        assert!(!never.contains("any more"), "{never}");
        let mut plain = Browser::of(&member(server, "plain", None));
        plain
            .get(&format!("/console/products/{product}"))
            .expect(403);
    }
);
