//! P8, P15: the keys that access tokens are signed with are published before their turn and after it, their
//! private halves are sealed, and any number of nodes may make them.

use portcullis::sealed::{Sealed, Sealer};
use portcullis::store::signing_keys as table;
use serde_json::{Value, json};

use super::program::Program;
use crate::server::TestServer;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn published(server: &TestServer) -> Vec<Value> {
    let answer = server.anonymous().get("/.well-known/jwks.json").expect(200);
    assert_eq!(
        answer.header("cache-control"),
        Some("public, max-age=300"),
        "{answer:?}"
    );
    answer.body["keys"].as_array().expect("a list").clone()
}

fn statuses(server: &TestServer) -> Vec<String> {
    let answer = server.admin().get("/signing-keys").expect(200);
    let items = answer.body["items"].as_array().expect("a list").clone();
    items
        .iter()
        .map(|item| item["status"].as_str().expect("a text").to_owned())
        .collect()
}

/// What a server does by itself every few minutes.
fn keep_current(server: &TestServer) {
    let (sealer, now) = (server.state.sealer.clone(), server.clock.now());
    server
        .database
        .write_blocking(move |connection| {
            portcullis::credentials::signing_keys::keep_current(connection, &sealer, 30, now)
        })
        .expect("the keys can be kept current");
}

on_both_databases!(the_published_key_set_holds_public_keys_alone, |server| {
    let keys = published(server);
    assert_eq!(keys.len(), 1, "{keys:?}");
    let members: Vec<&str> = keys[0]
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(members, ["use", "alg", "kid", "kty", "crv", "x", "y"]);
    assert_eq!(keys[0]["alg"], "ES256");
    assert_eq!(keys[0]["crv"], "P-256");
    assert_eq!(published(server), keys, "it is made once");
});

on_both_databases!(the_private_key_is_sealed_and_bound_to_its_row, |server| {
    published(server);
    let keys = server
        .database
        .read_now(table::list)
        .expect("they can be read");
    let key = keys.first().expect("there is one");
    let sealed = key.private_key.as_ref().expect("it signs");
    assert!(sealed.as_str().starts_with("aes256gcm."), "{sealed:?}");
    let opened = server
        .state
        .sealer
        .open("signing_keys.private_key", key.id.as_str(), sealed)
        .expect("it opens");
    // What a PKCS#8 document of a P-256 key begins with.
    assert_eq!(opened.expose().first(), Some(&0x30));
    let elsewhere = server
        .state
        .sealer
        .open("signing_keys.private_key", "another", sealed);
    assert!(elsewhere.is_err());
    let other = portcullis::config::MasterKey::parse(&"ab".repeat(32)).expect("64 digits");
    let stored = Sealed::from_stored(sealed.as_str());
    let foreign =
        Sealer::new(&other, None).open("signing_keys.private_key", key.id.as_str(), &stored);
    assert!(foreign.is_err());
});

on_both_databases!(many_nodes_at_once_make_one_key, |server| {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| keep_current(server));
        }
    });
    assert_eq!(statuses(server), ["signing"]);
    let events = server
        .admin()
        .get("/audit-events?action=signing_key.created")
        .expect(200);
    assert_eq!(events.body["items"].as_array().map(Vec::len), Some(1));
});

on_both_databases!(
    a_key_is_published_a_day_before_its_turn_and_until_its_last_token_has_expired,
    |server| {
        keep_current(server);
        let first = published(server);
        server.clock.advance_millis(28 * DAY);
        keep_current(server);
        assert_eq!(statuses(server), ["signing"]);

        server.clock.advance_millis(DAY + HOUR);
        keep_current(server);
        assert_eq!(statuses(server), ["signing", "published"]);
        assert_eq!(published(server).len(), 2);

        server.clock.advance_millis(DAY);
        keep_current(server);
        assert_eq!(statuses(server), ["retired", "signing"]);
        assert_eq!(published(server).len(), 2);

        server.clock.advance_millis(2 * HOUR);
        keep_current(server);
        assert_eq!(statuses(server), ["ended", "signing"]);
        let now = published(server);
        assert_eq!(now.len(), 1);
        assert_ne!(now[0]["kid"], first[0]["kid"]);
        let keys = server
            .database
            .read_now(table::list)
            .expect("they can be read");
        let kept: Vec<bool> = keys.iter().map(|key| key.private_key.is_some()).collect();
        assert_eq!(kept, [false, true], "what signs no more is forgotten");
    }
);

on_both_databases!(a_rotation_on_demand_is_published_an_hour_ahead, |server| {
    keep_current(server);
    let made = server
        .admin()
        .post("/signing-keys/rotate", &json!({}))
        .expect(201);
    assert_eq!(made.body["status"], "published");
    assert_eq!(statuses(server), ["signing", "published"]);
    let again = server.admin().post("/signing-keys/rotate", &json!({}));
    assert_eq!(again.status, 409, "{}", again.text);
    server.clock.advance_millis(HOUR + 1);
    assert_eq!(statuses(server), ["retired", "signing"]);
});

on_both_databases!(compromised_keys_end_at_once, |server| {
    keep_current(server);
    let old = published(server);
    let made = server
        .admin()
        .post("/signing-keys/rotate", &json!({"compromised": true}))
        .expect(201);
    assert_eq!(made.body["status"], "signing");
    assert_eq!(statuses(server), ["ended", "signing"]);
    let now = published(server);
    assert_eq!(now.len(), 1);
    assert_ne!(now, old);
    let bad = server
        .admin()
        .post("/signing-keys/rotate", &json!({"compromise": true}));
    assert_eq!(bad.status, 422, "{}", bad.text);
    assert_eq!(published(server), now);
});

on_both_databases!(
    the_first_key_signs_for_a_node_too_whose_clock_is_behind_that_of_its_maker,
    |server| {
        let (sealer, ahead) = (
            server.state.sealer.clone(),
            server.clock.now().plus_seconds(30),
        );
        server
            .database
            .write_blocking(move |connection| {
                portcullis::credentials::signing_keys::keep_current(connection, &sealer, 30, ahead)
            })
            .expect("a key is made");
        Program::for_admin(server, &["users:read"]).token();
        let keys = server.anonymous().get("/.well-known/jwks.json").expect(200);
        assert_eq!(keys.body["keys"].as_array().map(Vec::len), Some(1));
    }
);
