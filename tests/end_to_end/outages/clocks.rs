//! Clocks that go wrong: what has ended does not come back with the hour, and nodes need not agree on it.

use portcullis::clock::Clock;
use serde_json::json;

use crate::people::{Key, Leaver, PASSWORD, introspect};
use crate::products::{Product, member, token};
use crate::server::TestServer;
use crate::service_accounts::{account, owner};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// A node whose clock is five minutes behind that of another.
fn behind(server: &TestServer) -> TestServer {
    let clock = Clock::system();
    clock.advance_millis(-5 * MINUTE);
    TestServer::start_beside_with(server, clock)
}

/// Moves the clocks of both, so that two minutes after its end by the one it is three minutes before it by the other.
fn let_expire(server: &TestServer, other: &TestServer, lifetime: i64) {
    for node in [server, other] {
        node.clock.advance_millis(lifetime + 2 * MINUTE);
    }
}

/// The identifiers of all credentials that are revoked, whatever the time.
fn revoked(server: &TestServer) -> Vec<String> {
    let path = "/credentials?state=revoked&limit=100";
    let found = server.admin().get(path).expect(200).body;
    let items = found["items"].as_array().into_iter().flatten();
    items
        .map(|item| item["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

on_both_databases!(
    what_has_ended_stays_so_when_the_clock_is_set_back,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let path = format!("/users/{}/deprovision", leaver.person.id);
        server.admin().post(&path, &json!({})).expect(200);

        server.clock.advance_millis(-DAY);

        leaver.assert_nothing_authenticates();
        leaver.assert_keys_are_orphaned("deactivated");
        // Work goes on, and the record of it is whole.
        let other = Leaver::arrange(server, "other");
        other.scim().delete(&other.person.path()).expect(204);
        other.assert_nothing_authenticates();
        server.clock.advance_millis(DAY);
        let verified = server.admin().get("/audit-events/verify").expect(200);
        assert_eq!(verified.body["verified"], true, "{}", verified.text);
        let findings = verified.body["findings"].as_array().into_iter().flatten();
        let kinds: Vec<_> = findings.map(|finding| &finding["kind"]).collect();
        assert!(
            kinds.iter().all(|kind| *kind == "backdated"),
            "{}",
            verified.text
        );
    }
);

on_both_databases!(
    what_one_node_has_ended_is_over_for_others_whatever_their_clocks_say,
    |server| {
        for (name, offset) in [("ahead", DAY), ("behind", -DAY)] {
            let clock = Clock::system();
            clock.advance_millis(offset);
            let other = TestServer::start_beside_with(server, clock);
            let leaver = Leaver::arrange(server, name);
            let (token, product_key) = (&leaver.tokens[0], &leaver.product_key.secret);
            assert_eq!(introspect(&other, product_key, token)["active"], true);
            let path = format!("/users/{}/deprovision", leaver.person.id);
            server.admin().post(&path, &json!({})).expect(200);
            assert_eq!(
                introspect(&other, product_key, token),
                json!({"active": false})
            );
            for session in &leaver.sessions {
                other
                    .with_token(session)
                    .get("/account/v1/session")
                    .expect(401);
            }
            // And the other way round.
            let leaver = Leaver::arrange(server, &format!("{name}-again"));
            let path = format!("/users/{}/deprovision", leaver.person.id);
            other.admin().post(&path, &json!({})).expect(200);
            leaver.assert_nothing_authenticates();
        }
    }
);

on_both_databases!(
    what_is_ended_together_is_over_for_a_node_by_whose_clock_it_has_not_expired,
    |server| {
        let other = behind(server);
        let [wiki, gone, sites] = ["Wiki", "Gone", "Sites"]
            .map(|name| Product::create(server, &json!({"name": name, "scopes": []})));
        let (site, site_key) = sites.instance(server, "North");
        let (_, session) = member(server, "holder");
        let caller = owner(server);
        let [disabled, deleted] = ["Nightly", "Weekly"].map(|name| account(&caller, name));
        let a_day = |body: serde_json::Value| {
            let mut body = body;
            body["name"] = json!("For a day");
            body["expires_in_days"] = json!(1);
            body
        };
        let of_person = |body| Key::of(&token(&session, &a_day(body)).expect(201));
        let for_wiki = of_person(json!({"product_id": wiki.id}));
        let for_gone = of_person(json!({"product_id": gone.id}));
        let for_site = of_person(json!({"product_id": sites.id, "instance_ids": [site]}));
        let for_all = of_person(json!({}));
        let credentials = format!("/products/{}/credentials", gone.id);
        let credential = server.admin().post(&credentials, &a_day(json!({})));
        let credential = Key::of(&credential.expect(201));
        let of_disabled = disabled.token(&caller, &a_day(json!({})));
        let of_deleted = deleted.token(&caller, &a_day(json!({})));
        let_expire(server, &other, DAY);
        let works_there = |token: &Key, key: &str| {
            introspect(&other, key, &token.secret)["active"] == json!(true)
        };
        for (what, token, key) in [
            ("wiki", &for_wiki, &wiki.key),
            ("gone", &for_gone, &gone.key),
            ("site", &for_site, &site_key),
            ("all", &for_all, &wiki.key),
            ("disabled", &of_disabled, &wiki.key),
            ("deleted", &of_deleted, &wiki.key),
        ] {
            assert!(works_there(token, key), "{what}");
            let here = introspect(server, key, &token.secret);
            assert_eq!(here, json!({"active": false}), "{what}");
        }

        let product = |product: &Product, rest: &str| format!("/products/{}{rest}", product.id);
        let account = |id: &str, rest: &str| format!("/service-accounts/{id}{rest}");
        let of_site = product(&sites, &format!("/instances/{site}"));
        let of_wiki = product(&wiki, "/revoke-tokens");
        let all_tokens = "/policies/00000000-0000-7000-8000-000000000001/revoke-tokens";
        for (preview, ends, kinds) in [
            (&of_wiki, Some(&of_wiki), json!({"user_token": 1})),
            (
                &product(&gone, ""),
                None,
                json!({"product_credential": 2, "user_token": 1}),
            ),
            (
                &of_site,
                None,
                json!({"product_credential": 1, "user_token": 1}),
            ),
            (
                &account(&disabled.id, ""),
                Some(&account(&disabled.id, "/disable")),
                json!({"service_account_token": 1}),
            ),
            (
                &account(&deleted.id, ""),
                None,
                json!({"service_account_token": 1}),
            ),
            (
                &all_tokens.to_owned(),
                Some(&all_tokens.to_owned()),
                json!({"user_token": 1}),
            ),
        ] {
            let impact = server.admin().get(&format!("{preview}/impact")).expect(200);
            assert_eq!(impact.body, json!({"revoked": kinds}), "{preview}");
            let before = revoked(&other).len();
            let answer = match ends {
                Some(path) => server.admin().post(path, &json!({})),
                None => server.admin().delete(preview),
            };
            assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
            let numbers = kinds
                .as_object()
                .into_iter()
                .flat_map(|kinds| kinds.values());
            let expected: u64 = numbers.filter_map(serde_json::Value::as_u64).sum();
            let ended = revoked(&other).len() - before;
            assert_eq!(u64::try_from(ended), Ok(expected), "{preview}");
        }

        let enable = account(&disabled.id, "/enable");
        server.admin().post(&enable, &json!({})).expect(200);
        for token in [&for_wiki, &for_all, &of_disabled, &of_deleted] {
            assert!(!works_there(token, &wiki.key));
        }
        let revoked = revoked(&other);
        for ended in [&for_gone, &for_site, &credential] {
            assert!(revoked.contains(&ended.id));
        }
    }
);

on_both_databases!(
    sessions_and_leaked_secrets_end_for_a_node_by_whose_clock_they_have_not_expired,
    |server| {
        let other = behind(server);
        let (person, _) = member(server, "holder");
        let (idle, leaked) = (person.sign_in(), person.sign_in());
        let another = person.sign_in();
        let status = |node: &TestServer, session: &str| {
            node.with_token(session).get("/account/v1/session").status
        };
        let_expire(server, &other, 60 * MINUTE);
        for session in [&idle, &leaked, &another] {
            assert_eq!(status(server, session), 401);
        }

        let report = json!({"secrets": [leaked]});
        server.anonymous().post("/leaks", &report).expect(200);
        assert_eq!(status(&other, &leaked), 401);
        assert_eq!(status(&other, &another), 200);
        // Of those of whoever changes their password, too, one stays: that by which it is changed.
        let changing = person.sign_in();
        let change = json!({"password": PASSWORD, "new_password": "another gate that never rusts"});
        let account = server.with_token(&changing);
        account
            .post("/account/v1/password/change", &change)
            .expect(200);
        for session in [&idle, &another] {
            assert_eq!(status(&other, session), 401);
        }

        let (again, _) = member(server, "again");
        let idle = again.sign_in();
        let_expire(server, &other, 60 * MINUTE);
        let path = format!("/users/{}/sessions", again.id);
        let impact = server.admin().get(&format!("{path}/impact")).expect(200);
        assert_eq!(impact.body, json!({"revoked": {"session": 2}}));
        let ended = server.admin().delete(&path).expect(200);
        assert_eq!(ended.body, json!({"ended": 2}));
        assert_eq!(status(&other, &idle), 401);
    }
);

on_both_databases!(
    a_leavers_key_is_flagged_for_a_node_by_whose_clock_it_has_not_expired,
    |server| {
        let other = behind(server);
        let leaver = Leaver::arrange(server, "leaver");
        let key = json!({
            "name": "For a day",
            "scopes": ["users:read", "users:write"],
            "expires_in_days": 1,
        });
        let session = server.with_token(&leaver.sessions[0]);
        let key = Key::of(&session.post("/admin/v1/api-keys", &key).expect(201));
        let_expire(server, &other, DAY);

        let path = format!("/users/{}", leaver.person.id);
        let impact = server.admin().get(&format!("{path}/impact")).expect(200);
        let left = json!({"scim_key": 1, "api_key": 2, "product_credential": 1});
        assert_eq!(impact.body["orphaned"], left);
        let deprovision = format!("{path}/deprovision");
        let receipt = server.admin().post(&deprovision, &json!({})).expect(200);
        assert_eq!(receipt.body["orphaned"], left, "{}", receipt.text);

        let here = server.with_token(&key.secret);
        here.get("/admin/v1/users").expect(401);
        // It works on there as every orphan does, and brings nobody back.
        let there = other.with_token(&key.secret);
        there.get("/admin/v1/users").expect(200);
        let reactivate = format!("/admin/v1{path}/reactivate");
        there.post(&reactivate, &json!({})).expect(403);
    }
);
