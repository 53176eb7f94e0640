//! P9: a credential does only what its kind, scopes and networks allow.

use portcullis::config::Settings;
use portcullis::secret::{PlainSecret, SecretKind};
use serde_json::json;

use super::{UNKNOWN, asked_with, assert_challenge, scim_key};
use crate::people::{Key, Leaver};
use crate::server::TestServer;

on_both_databases!(
    a_secret_that_is_not_ours_is_refused_and_told_nothing,
    |server| {
        let mut altered = server.scim_key.clone();
        let last = altered.pop().unwrap_or_default();
        altered.push(if last == '0' { '1' } else { '0' });
        let mut other_kind = server.scim_key.replacen("pcscim", "pcadm", 1);
        let unknown = PlainSecret::generate(SecretKind::ScimKey).expect("random numbers");
        for secret in [
            altered.as_str(),
            other_kind.as_str(),
            unknown.expose(),
            "pcscim_",
            "nonsense",
            "",
        ] {
            let answer = server.scim_with(secret).get("/Users").expect(401);
            if !secret.is_empty() {
                assert_challenge(&answer, UNKNOWN);
                assert!(!answer.text.contains(secret), "{}", answer.text);
            }
        }
        other_kind.clear();
        let nobody = server.anonymous().get("/scim/v2/Users").expect(401);
        assert_challenge(&nobody, "Bearer realm=\"portcullis\"");
    }
);

/// What each kind of credential is answered by each interface: SCIM, admin, account, introspection.
fn statuses(server: &TestServer, secret: &str) -> [u16; 4] {
    let client = server.with_token(secret);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    [
        client.get("/scim/v2/Users").status,
        client.get("/admin/v1/directories").status,
        client.get("/account/v1/session").status,
        client
            .request("POST", "/oauth2/introspect", &form, b"token=x")
            .status,
    ]
}

on_both_databases!(
    each_kind_of_credential_opens_its_own_interface_alone,
    |server| {
        let leaver = Leaver::arrange(server, "everything");
        for (kind, secret, expected) in [
            ("SCIM key", &leaver.scim_key.secret, [200, 403, 403, 401]),
            (
                "admin API key",
                &leaver.api_key.secret,
                [403, 200, 403, 401],
            ),
            (
                "product credential",
                &leaver.product_key.secret,
                [403, 403, 403, 200],
            ),
            ("user token", &leaver.tokens[0], [403, 403, 403, 401]),
            (
                "session of an admin",
                &leaver.sessions[0],
                [403, 200, 200, 401],
            ),
            ("password link", &leaver.link, [401, 401, 401, 401]),
        ] {
            assert_eq!(statuses(server, secret), expected, "{kind}");
        }
        // A signed-in person reaches themselves, and nobody else.
        let own = server.with_token(&leaver.sessions[0]);
        let me = own.get("/scim/v2/Me").expect(200);
        assert_eq!(me.body["id"], leaver.person.id);
        own.get(&format!("/scim/v2{}", leaver.person.path()))
            .expect(403);
    }
);

on_both_databases!(
    an_api_key_does_what_its_scopes_say_and_gives_away_no_more,
    |server| {
        let scopes = json!(["api-keys:write", "directories:read"]);
        let key = server
            .admin()
            .post("/api-keys", &json!({"name": "Narrow", "scopes": scopes}))
            .expect(201);
        let narrow = server.with_token(&key.text_at("/secret"));
        narrow.get("/admin/v1/directories").expect(200);
        let refused = narrow
            .post("/admin/v1/directories", &json!({"name": "New"}))
            .expect(403);
        assert_challenge(
            &refused,
            "Bearer realm=\"portcullis\", error=\"insufficient_scope\", scope=\"directories:write\"",
        );
        for beyond in [
            json!(["directories:write"]),
            json!(["directories:read", "users:write"]),
        ] {
            narrow
                .post(
                    "/admin/v1/api-keys",
                    &json!({"name": "Wide", "scopes": beyond}),
                )
                .expect(403);
        }
        narrow
            .post(
                "/admin/v1/api-keys",
                &json!({"name": "Odd", "scopes": ["everything"]}),
            )
            .expect(422);
        let listed = server.admin().get("/api-keys").expect(200);
        assert!(!listed.text.contains("Wide") && !listed.text.contains("Odd"));
        narrow
            .post(
                "/admin/v1/api-keys",
                &json!({"name": "Same", "scopes": ["directories:read"]}),
            )
            .expect(201);
    }
);

fn behind_a_proxy(settings: &mut Settings) {
    settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
}

on_both_databases!(
    a_key_works_from_its_networks_alone,
    |server| {
        let networks = json!(["192.0.2.0/24", "2001:db8::/32"]);
        let key = Key::of(&scim_key(server, &json!({"allowed_networks": networks})).expect(201));
        let from = |address: &str| {
            let client = server.scim_with(&key.secret);
            let headers = [("X-Forwarded-For", address)];
            client.request("GET", "/Users?count=0", &headers, b"")
        };
        for inside in [
            "192.0.2.1",
            "192.0.2.255",
            "2001:db8::1",
            "203.0.113.9, 192.0.2.7",
        ] {
            from(inside).expect(200);
        }
        for outside in [
            "192.0.3.1",
            "2001:db9::1",
            "192.0.2.7, 203.0.113.9",
            "nowhere",
        ] {
            // Whoever found the key learns nothing from where it would work.
            assert_challenge(&from(outside).expect(401), UNKNOWN);
        }
        asked_with(server, &key).expect(401);
        for bad in [json!(["192.0.2.0/33"]), json!(["somewhere"]), json!([""])] {
            scim_key(server, &json!({"allowed_networks": bad})).expect(422);
        }
    },
    behind_a_proxy
);

on_both_databases!(
    a_key_of_some_networks_makes_none_that_works_from_others,
    |server| {
        let key = |networks: serde_json::Value| json!({"name": "Key", "scopes": ["api-keys:read", "api-keys:write"], "allowed_networks": networks});
        let own = server
            .admin()
            .post("/api-keys", &key(json!(["192.0.2.0/24"])))
            .expect(201);
        let unbound = server
            .admin()
            .post("/api-keys", &key(json!([])))
            .expect(201);
        let bound = server.with_token(&own.text_at("/secret"));
        let from_inside = [("X-Forwarded-For", "192.0.2.1")];
        let send = |method: &str, path: &str, body: &serde_json::Value| {
            bound.send(
                method,
                &format!("/admin/v1/api-keys{path}"),
                &from_inside,
                body,
            )
        };
        send("POST", "", &key(json!(["192.0.2.128/25"]))).expect(201);
        for wider in [
            json!([]),
            json!(["192.0.0.0/16"]),
            json!(["192.0.2.1", "::1"]),
        ] {
            send("POST", "", &key(wider.clone())).expect(403);
            let change = json!({"allowed_networks": wider});
            send("PATCH", &format!("/{}", own.id()), &change).expect(403);
        }
        send("POST", &format!("/{}/rotate", unbound.id()), &json!({})).expect(403);
        send("POST", &format!("/{}/rotate", own.id()), &json!({})).expect(201);
    },
    behind_a_proxy
);

on_both_databases!(
    nobody_outside_a_trusted_proxy_says_where_they_are,
    |server| {
        let networks = json!(["192.0.2.0/24"]);
        let key = Key::of(&scim_key(server, &json!({"allowed_networks": networks})).expect(201));
        let headers = [("X-Forwarded-For", "192.0.2.1")];
        server
            .scim_with(&key.secret)
            .request("GET", "/Users", &headers, b"")
            .expect(401);
    }
);
