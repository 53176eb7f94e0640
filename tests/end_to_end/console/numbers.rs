//! Numbers and choices that pages show, and that programs get by the same functions: the first page's figures, what
//! something would end, what a token may be made for, how far the audit log is chained.

use portcullis::store::figures::WEEKS;
use serde_json::{Value, json};

use crate::people::{Leaver, Person, group};
use crate::server::{Client, TestServer};
use crate::service_accounts::account;

use super::{Browser, member};

fn overview(client: &Client) -> Value {
    client.get("/admin/v1/overview").expect(200).body
}

/// One with these scopes and no others.
fn key_with(server: &TestServer, scopes: &[&str]) -> Client {
    let body = json!({"name": "Monitoring", "scopes": scopes});
    let made = server.admin().post("/api-keys", &body).expect(201);
    server.with_token(&made.text_at("/secret"))
}

on_both_databases!(the_figures_of_the_first_page_are_a_call, |server| {
    let leaver = Leaver::arrange(server, "leaver");
    let owned = account(&server.with_token(&leaver.sessions[0]), "Backup");
    owned.token(
        &server.with_token(&leaver.sessions[0]),
        &json!({"name": "Nightly"}),
    );
    let threshold = json!({"percent": 0, "people": 1});
    let alarm = "/alarms/mass-deprovisioning";
    server.admin().patch(alarm, &threshold).expect(200);
    let scim = leaver.scim();
    scim.get("/Users/nobody").expect(404);
    scim.delete(&leaver.person.path()).expect(204);
    let now = server.clock.now();
    let certificate = now.plus_days(90);
    server.state.metrics.set_certificate(certificate, false);

    let shown = overview(&server.with_token(&server.admin_key));
    let directory = &leaver.person.directory_id;
    let alarm = format!("/directories/{directory}/alarm");
    let alarm = server.admin().get(&alarm).expect(200).body;
    let directories = shown["directories"].as_array().expect("a list");
    let theirs = directories
        .iter()
        .find(|one| one["id"] == directory.as_str())
        .expect("it is there");
    assert_eq!(
        *theirs,
        json!({
            "id": directory,
            "name": leaver.person.directory_name,
            "kind": "scim",
            "people": 0,
            "groups": 0,
            "last_request": {"at": theirs["last_request"]["at"], "status": 204},
            "refused_requests": 1,
            "alarmed_at": alarm["alarmed_at"],
        })
    );
    let local = directories
        .iter()
        .find(|one| one["kind"] == "local")
        .expect("there is one");
    let expected = json!({
        "id": local["id"],
        "name": local["name"],
        "kind": "local",
        "people": 1,
        "groups": 0,
        "last_request": null,
        "refused_requests": 0,
        "alarmed_at": null,
    });
    assert_eq!(*local, expected);
    // Three keys and a token of an account that nobody answers for.
    assert_eq!(shown["orphaned_keys"], 4);
    assert_eq!(shown["orphaned_service_accounts"], 1);
    assert_eq!(shown["undelivered"], json!({"failed": 0, "retried": 0}));
    assert_eq!(shown["leavers"], json!({"people": 1, "user_tokens": 2}));
    let served = json!({"expires_at": certificate.to_rfc3339(), "refused": false});
    assert_eq!(shown["certificate"], served);
    let keys = &shown["keys"];
    assert_eq!(keys["orphaned"], 4, "{keys}");
    let weeks = keys["expiring"].as_array().expect("a list");
    assert_eq!(i64::try_from(weeks.len()).ok(), Some(WEEKS));
    assert_eq!(weeks[0]["since"], keys["counted_at"]);
    assert_eq!(weeks[0]["before"], weeks[1]["since"]);
    assert_eq!(shown.as_object().map(serde_json::Map::len), Some(7));

    // The page says the same.
    let page = Browser::of(&member(server, "auditor", Some("auditor")))
        .get("/console/")
        .expect(200)
        .text;
    for (number, what) in [
        (4, "orphaned keys"),
        (1, "orphaned service accounts"),
        (1, "leavers in 30 days"),
        (2, "tokens revoked by them"),
    ] {
        let tile = format!("<strong>{number}</strong><span>{what}</span>");
        assert!(page.contains(&tile), "no {tile}: {page}");
    }
});

on_both_databases!(
    a_figure_is_seen_by_whoever_may_see_what_it_counts,
    |server| {
        let whole = overview(&server.with_token(&server.admin_key));
        let all = [
            "scim-keys:read",
            "service-accounts:read",
            "notifications:read",
            "audit:read",
        ];
        let of = |scope: &str| match scope {
            "scim-keys:read" => &["orphaned_keys", "keys"][..],
            "service-accounts:read" => &["orphaned_service_accounts"],
            "notifications:read" => &["undelivered"],
            _ => &["leavers"],
        };
        for scope in all {
            let shown = overview(&key_with(server, &["directories:read", scope]));
            let seen: Vec<&str> = of(scope).to_vec();
            for name in all.iter().flat_map(|scope| of(scope)) {
                assert!(!whole[name].is_null(), "{name}: {whole}");
                assert_eq!(
                    shown[name].is_null(),
                    !seen.contains(name),
                    "{scope}: {name}"
                );
            }
            let sees_requests = scope == "audit:read";
            for one in shown["directories"].as_array().expect("a list") {
                assert_eq!(one["refused_requests"].is_null(), !sees_requests, "{scope}");
                assert_eq!(one["alarmed_at"], Value::Null);
            }
        }
        // Of keys, those are counted whose kinds are seen.
        let of_scim = overview(&key_with(server, &["directories:read", "scim-keys:read"]));
        let known = "/admin/v1/credentials?state=active&limit=1000";
        let scim = key_with(server, &["scim-keys:read"]).get(known).expect(200);
        let number = scim.body["items"].as_array().map(Vec::len);
        assert_eq!(json!(number), of_scim["keys"]["active"]);
        let both = ["directories:read", "scim-keys:read", "api-keys:read"];
        let both = overview(&key_with(server, &both));
        assert!(
            both["keys"]["active"].as_i64() > of_scim["keys"]["active"].as_i64(),
            "{both}"
        );
        let other = key_with(server, &["users:read"]);
        other.get("/admin/v1/overview").expect(403);
    }
);

/// What would end, as the call says it.
fn ending(server: &TestServer, path: &str) -> Value {
    let shown = server.admin().get(&format!("{path}/impact")).expect(200);
    assert_eq!(shown.body.as_object().map(serde_json::Map::len), Some(1));
    shown.body["revoked"].clone()
}

on_both_databases!(what_something_would_end_is_a_call, |server| {
    let leaver = Leaver::arrange(server, "leaver");
    let person = format!("/users/{}", leaver.person.id);
    let directory = format!("/directories/{}", leaver.person.directory_id);
    let products = server.admin().get("/products").expect(200);
    let product = format!("/products/{}", products.text_at("/items/0/id"));
    let instances = format!("{product}/instances");
    let staging = json!({"name": "Staging"});
    let instance = server.admin().post(&instances, &staging).expect(201).id();
    let credential = json!({"name": "Only there", "instance_id": instance});
    let credentials = format!("{product}/credentials");
    server.admin().post(&credentials, &credential).expect(201);
    let caller = server.with_token(&leaver.sessions[0]);
    let owned = account(&caller, "Backup");
    owned.token(&caller, &json!({"name": "Nightly"}));
    // A link that they have made for somebody else works on without their tokens.
    let other = Person::create(server, &server.directory_id, &server.scim_key, "other");
    let link = format!("/admin/v1/users/{}/password-link", other.id);
    caller.post(&link, &json!({})).expect(201);

    let tokens = json!({"user_token": 2});
    for of in [&person, &directory] {
        assert_eq!(ending(server, &format!("{of}/revoke-tokens")), tokens);
    }
    let everybody = ending(
        server,
        "/policies/00000000-0000-7000-8000-000000000001/revoke-tokens",
    );
    assert_eq!(everybody, tokens);
    let sessions = ending(server, &format!("{person}/sessions"));
    assert_eq!(sessions, json!({"session": 2}));
    let both = json!({"product_credential": 2, "user_token": 1});
    assert_eq!(ending(server, &product), both);
    let of_product = ending(server, &format!("{product}/revoke-tokens"));
    assert_eq!(of_product, json!({"user_token": 1}));
    let of_instance = ending(server, &format!("{instances}/{instance}"));
    assert_eq!(of_instance, json!({"product_credential": 1}));
    let account = format!("/service-accounts/{}", owned.id);
    assert_eq!(
        ending(server, &account),
        json!({"service_account_token": 1})
    );

    // It is what the console asks with, and what ends then.
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    for (place, says) in [
        (
            format!("/console{product}/delete"),
            "2 product credentials, 1 API token",
        ),
        (
            format!("/console{instances}/{instance}/delete"),
            "1 product credential",
        ),
        (
            format!("/console{account}/disable"),
            "1 service account token",
        ),
    ] {
        let asked = browser.get(&place).expect(200).text;
        let told = format!("End at once and for good: <strong>{says}</strong>.");
        assert!(asked.contains(&told), "{place}: {asked}");
    }
    let revoked = server
        .admin()
        .post(&format!("{person}/revoke-tokens"), &json!({}));
    revoked.expect(200);
    let none = ending(server, &format!("{person}/revoke-tokens"));
    assert_eq!(none, json!({}));
    let ended = server.admin().delete(&format!("{person}/sessions"));
    assert_eq!(ended.expect(200).body, json!({"ended": 2}));
    assert_eq!(ending(server, &format!("{person}/sessions")), json!({}));
    assert_eq!(ending(server, &product), json!({"product_credential": 2}));

    let nobody = uuid::Uuid::now_v7();
    for path in [
        format!("/policies/{nobody}/revoke-tokens"),
        format!("/users/{nobody}/revoke-tokens"),
        format!("/users/{nobody}/sessions"),
        format!("/users/{nobody}/second-factor"),
        format!("/directories/{nobody}/revoke-tokens"),
        format!("/products/{nobody}"),
        format!("/products/{nobody}/revoke-tokens"),
        format!("{instances}/{nobody}"),
        format!("/service-accounts/{nobody}"),
        format!("/deleted-users/{}", leaver.person.id),
    ] {
        server.admin().get(&format!("{path}/impact")).expect(404);
    }
});

on_both_databases!(what_has_expired_neither_ends_nor_counts, |server| {
    let caller = server.with_token(&server.admin_key);
    let wiki = json!({"name": "Wiki"});
    let product = server.admin().post("/products", &wiki).expect(201).id();
    let product = format!("/products/{product}");
    let instances = format!("{product}/instances");
    let staging = json!({"name": "Staging"});
    let instance = server.admin().post(&instances, &staging).expect(201).id();
    let credentials = format!("{product}/credentials");
    let owned = account(&caller, "Backup");
    let mut made_for = Vec::new();
    for days in [1, 30] {
        let credential = json!({"name": "There", "instance_id": instance, "expires_in_days": days});
        let made = server.admin().post(&credentials, &credential).expect(201);
        let token = json!({"name": "Nightly", "expires_in_days": days});
        let token = owned.token(&caller, &token);
        for place in [
            format!("{credentials}/{}", made.id()),
            format!("/service-accounts/{}/tokens/{}", owned.id, token.id),
        ] {
            made_for.push((days, place));
        }
    }
    server.clock.advance_millis(2 * 86_400_000);

    let account = format!("/service-accounts/{}", owned.id);
    let instance = format!("{instances}/{instance}");
    let of_account = json!({"service_account_token": 1});
    let of_instance = json!({"product_credential": 1});
    for (place, works) in [(&account, &of_account), (&instance, &of_instance)] {
        assert_eq!(ending(server, place), *works, "{place}");
    }
    let disable = format!("{account}/disable");
    server.admin().post(&disable, &json!({})).expect(200);
    server.admin().delete(&instance).expect(204);
    let events = format!("/audit-events?target_id={}", owned.id);
    let events = server.admin().get(&events).expect(200).body;
    assert_eq!(events["items"][0]["detail"]["revoked"], of_account);
    for (days, place) in made_for {
        let shown = server.admin().get(&place).expect(200).body;
        let expected = if days == 1 { "expired" } else { "revoked" };
        assert_eq!(shown["status"], expected, "{place}");
        assert_eq!(shown["revoked_at"].is_null(), days == 1, "{place}");
    }
});

on_both_databases!(
    what_stays_on_record_of_whoever_is_forgotten_is_a_call,
    |server| {
        let gone = Person::create(server, &server.directory_id, &server.scim_key, "gone");
        group(&server.scim(), "Team", &[&gone.id]);
        server.scim().delete(&gone.path()).expect(204);
        let impact = format!("/deleted-users/{}/impact", gone.id);
        let shown = server.admin().get(&impact).expect(200).body;
        let path = format!("/audit-events?user_id={}&limit=1000", gone.id);
        let events = server.admin().get(&path).expect(200).body;
        let events = events["items"].as_array().expect("a list").len();
        let expected = json!({"groups": 1, "audit_events": events, "receipts": 1});
        assert_eq!(shown, expected);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let place = format!("/console/people/deleted/{}/forget", gone.id);
        let asked = browser.get(&place).expect(200).text;
        let told = format!("<strong>{events} audit events and 1 receipt</strong>");
        assert!(asked.contains(&told), "{asked}");
    }
);

on_both_databases!(
    how_many_a_mapped_group_would_give_a_role_is_a_call,
    |server| {
        let scim = server.scim();
        let people = ["one", "two"]
            .map(|name| Person::create(server, &server.directory_id, &server.scim_key, name).id);
        let inner = group(&scim, "Inner", &[&people[0]]);
        let outer = group(&scim, "Outer", &[&inner, &people[1]]);
        let preview = "/roles/mappings/preview";
        let body = json!({"group_id": outer, "role": "admin"});
        let shown = server.admin().post(preview, &body).expect(200).body;
        assert_eq!(shown, json!({"people": 2}));
        let mappings = server.admin().get("/roles/mappings").expect(200);
        assert_eq!(mappings.body["items"], json!([]), "nothing was mapped");
        let deprovision = format!("/users/{}/deprovision", people[0]);
        server.admin().post(&deprovision, &json!({})).expect(200);
        let shown = server.admin().post(preview, &body).expect(200).body;
        assert_eq!(shown, json!({"people": 1}));
        for (group, role, status) in [
            (people[0].as_str(), "admin", 404),
            (outer.as_str(), "king", 422),
        ] {
            let body = json!({"group_id": group, "role": role});
            server.admin().post(preview, &body).expect(status);
        }
    }
);

on_both_databases!(what_ones_token_may_be_made_for_is_a_call, |server| {
    let person = member(server, "maker", None);
    let scim = server.scim();
    let theirs = group(&scim, "Theirs", &[&person.id]);
    let others = group(&scim, "Others", &[]);
    let make = |body: &Value| server.admin().post("/products", body).expect(201).id();
    let open = make(&json!({"name": "Open", "scopes": ["read", "write"]}));
    let for_them = make(&json!({"name": "For them", "scopes": [], "access_groups": [theirs]}));
    make(&json!({"name": "For others", "scopes": ["read"], "access_groups": [others]}));
    let staging = json!({"name": "Staging"});
    let instances = format!("/products/{open}/instances");
    let instance = server.admin().post(&instances, &staging).expect(201).id();
    let session = server.with_token(&person.sign_in());
    let options = || {
        let shown = session.get("/account/v1/token-options").expect(200);
        shown.body
    };
    let mut shown = options();
    let products = shown["products"].as_array_mut().expect("a list");
    products.sort_by_key(|product| product["name"].to_string());
    let expected = json!({
        "allowed": true,
        "policy": shown["policy"],
        "max_expires_in_days": 365,
        "products": [
            {"id": for_them, "name": "For them", "scopes": [], "instances": []},
            {
                "id": open,
                "name": "Open",
                "scopes": ["read", "write"],
                "instances": [{"id": instance, "name": "Staging"}],
            },
        ],
    });
    assert_eq!(shown, expected);

    let policy = json!({"name": "Short", "max_token_days": 7});
    let policy = server.admin().post("/policies", &policy).expect(201).id();
    let members = format!("/policies/{policy}/members");
    let them = json!({"member_id": person.id});
    server.admin().post(&members, &them).expect(201);
    let shown = options();
    assert_eq!(shown["policy"], "Short");
    assert_eq!(shown["max_expires_in_days"], 7);
    let form = Browser::with_session(server, &person.sign_in())
        .get("/console/me/tokens/new")
        .expect(200)
        .text;
    assert!(form.contains("policy allows 1 to 7."), "{form}");
    let blocked = json!({"api_tokens": "blocked"});
    let path = format!("/policies/{policy}");
    server.admin().patch(&path, &blocked).expect(200);
    assert_eq!(options()["allowed"], false);
    let nobody = server.anonymous();
    nobody.get("/account/v1/token-options").expect(401);
});

on_both_databases!(how_far_the_audit_log_is_chained_is_a_call, |server| {
    let head = || {
        let shown = server.admin().get("/audit-events/head").expect(200);
        shown.body
    };
    let verified = loop {
        let verified = server.admin().get("/audit-events/verify").expect(200).body;
        if verified["not_chained"] == 0 && !verified["head"].is_null() {
            break verified;
        }
        std::thread::yield_now();
    };
    assert_eq!(head(), json!({"head": verified["head"], "pending": 0}));
    let page = Browser::of(&member(server, "auditor", Some("auditor")))
        .get("/console/audit")
        .expect(200)
        .text;
    assert!(page.contains("Chained up to event "), "{page}");
});
