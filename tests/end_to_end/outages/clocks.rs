//! Clocks that go wrong: what has ended does not come back with the hour, and nodes need not agree on it.

use portcullis::clock::Clock;
use serde_json::json;

use crate::people::{Leaver, introspect};
use crate::server::TestServer;

const DAY: i64 = 24 * 3_600_000;

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
