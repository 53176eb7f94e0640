//! P8: the master key is replaced while servers run, and nothing that was sealed is lost.

use std::collections::BTreeSet;

use portcullis::config::MasterKey;
use portcullis::credentials::resealing::{self, MASTER_KEY_CHECK};
use portcullis::sealed::Sealer;
use portcullis::store::{settings, signing_keys};

use super::program::Program;
use crate::server::{MASTER_KEY, TestServer};

const NEW_KEY: &str = "f0e0d0c0b0a090807060504030201000f1e1d1c1b1a191817161514131211101";

fn key(digits: &str) -> MasterKey {
    MasterKey::parse(digits).expect("64 digits")
}

/// Which keys what is stored is sealed under.
fn versions(server: &TestServer) -> BTreeSet<String> {
    let keys = server
        .database
        .read_now(signing_keys::list)
        .expect("they can be read");
    let sealed = keys.iter().filter_map(|key| key.private_key.as_ref());
    sealed
        .filter_map(|sealed| sealed.as_str().rsplit_once('.'))
        .map(|(beginning, _)| format!("{beginning}."))
        .collect()
}

fn beginning(digits: &str) -> String {
    Sealer::new(&key(digits), None).beginning()
}

/// What a server that has two keys does every few seconds.
fn follow(server: &TestServer) -> usize {
    let sealer = server.state.sealer.clone();
    server
        .database
        .write_blocking(move |connection| resealing::follow(connection, &sealer))
        .expect("it can follow")
}

fn rotate_to(server: &TestServer, digits: &str) {
    let fingerprint = key(digits).fingerprint();
    let now = server.clock.now();
    server
        .database
        .write_blocking(move |connection| {
            let actor = portcullis::audit::Actor::command_line();
            resealing::rotate(connection, &fingerprint, &actor, now)
        })
        .expect("it can be rotated");
}

on_both_databases!(
    servers_with_both_keys_work_before_during_and_after_the_change,
    |server| {
        // What `serve` writes when it starts on an empty database.
        let fingerprint = key(MASTER_KEY).fingerprint();
        server
            .database
            .write_blocking(move |connection| {
                settings::set_once(connection, MASTER_KEY_CHECK, &fingerprint)
            })
            .expect("it can be written");
        let program = Program::for_admin(server, &["users:read"]);
        let works = |token: &str| {
            server.with_token(token).get("/admin/v1/users").expect(200);
        };
        let before = program.token();
        follow(server);
        assert_eq!(versions(server), BTreeSet::from([beginning(MASTER_KEY)]));

        rotate_to(server, NEW_KEY);
        // A server that has not taken notice yet goes on with the old key.
        works(&before);
        works(&program.token());
        follow(server);
        assert_eq!(follow(server), 0, "all has been sealed again");
        assert_eq!(versions(server), BTreeSet::from([beginning(NEW_KEY)]));
        works(&before);
        works(&program.token());

        // What is made now is made under the new key, and the old one is needed for nothing.
        server
            .admin()
            .post(
                "/signing-keys/rotate",
                &serde_json::json!({"compromised": true}),
            )
            .expect(201);
        works(&program.token());
        assert_eq!(versions(server), BTreeSet::from([beginning(NEW_KEY)]));
        let alone = Sealer::new(&key(NEW_KEY), None);
        let keys = server
            .database
            .read_now(signing_keys::list)
            .expect("they can be read");
        for key in keys {
            let sealed = key.private_key.expect("it is kept for an hour");
            let opened = alone.open("signing_keys.private_key", key.id.as_str(), &sealed);
            assert!(opened.is_ok());
        }
        let events = server
            .admin()
            .get("/audit-events?action=master_key.rotated")
            .expect(200);
        assert_eq!(events.body["items"].as_array().map(Vec::len), Some(1));
    },
    |settings| settings.previous_master_key = MasterKey::parse(NEW_KEY)
);

on_both_databases!(what_another_master_key_sealed_is_not_touched, |server| {
    Program::for_admin(server, &["users:read"]).token();
    let sealed = versions(server);
    let stranger = Sealer::new(&key(NEW_KEY), None);
    let outcome = server
        .database
        .write_blocking(move |connection| resealing::reseal(connection, &stranger));
    assert!(outcome.is_err());
    assert_eq!(versions(server), sealed);
});
