//! Events that have been kept long enough are removed by an audited job, and the chain goes on from there.

use diesel::connection::SimpleConnection;
use portcullis::audit::chain::{ChainError, is_due, remove_old, verify};
use portcullis::store::{DatabaseConnection, StoreError};
use serde_json::json;

use super::{chain_all, hire, items, positions};
use crate::server::TestServer;

const DAY: i64 = 86_400_000;
const KEPT: u32 = 90;

fn due(server: &TestServer) -> bool {
    let now = server.clock.now();
    server
        .database
        .read_now(|connection| is_due(connection, KEPT, now))
        .map_err(|error: StoreError| error.to_string())
        .expect("the database works")
}

fn remove(server: &TestServer) -> usize {
    let (sealer, now) = (server.state.sealer.clone(), server.clock.now());
    server
        .database
        .write_blocking(move |connection| remove_old(connection, &sealer, KEPT, now))
        .map_err(|error: ChainError| error.to_string())
        .expect("events can be removed")
}

on_both_databases!(
    what_was_kept_long_enough_is_removed_and_the_chain_goes_on,
    |server| {
        hire(server, "old");
        chain_all(server);
        let old = positions(server);
        let head = old.last().expect("there are events").clone();
        assert!(!due(server));
        assert_eq!(remove(server), 0, "nothing is old enough");

        server
            .clock
            .advance_millis(i64::from(KEPT) * DAY - 1_000_000);
        hire(server, "young");
        chain_all(server);
        assert_eq!(remove(server), 0, "nothing is old enough");
        server.clock.advance_millis(DAY + 2_000_000);
        assert!(due(server));
        assert_eq!(remove(server), old.len());
        assert!(!due(server));
        assert_eq!(remove(server), 0, "once");

        chain_all(server);
        let kept = positions(server);
        assert_eq!(kept[0].position, head.position + 1);
        assert_eq!(kept[0].previous_hash, head.hash);
        let removed = items(server, "/audit-events?action=audit_events.removed");
        assert_eq!(removed.len(), 1);
        assert_eq!(removed[0]["actor"]["kind"], "system");
        assert_eq!(removed[0]["detail"]["removed"], json!(old.len()));
        assert_eq!(removed[0]["detail"]["through_position"], head.position);
        let created = items(server, "/audit-events?action=resource.created");
        assert_eq!(created.len(), 1, "of the young one alone");

        let report = server
            .admin()
            .get(&format!("/audit-events/verify?head={}", head.hash))
            .expect(200)
            .body;
        assert_eq!(report["verified"], true, "{report}");
        assert_eq!(report["removed"]["through_position"], head.position);
        assert_eq!(report["noted_head_position"], head.position);
    }
);

on_both_databases!(
    nobody_without_the_key_makes_an_anchor_that_is_believed,
    |server| {
        hire(server, "ada");
        chain_all(server);
        let second = positions(server)[1].clone();
        let statements = format!(
            "INSERT INTO audit_anchors VALUES (2, '{}', 0, 0, '{}'); \
             DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_chain WHERE position <= 2); \
             DELETE FROM audit_chain WHERE position <= 2",
            second.hash,
            "0".repeat(64)
        );
        server
            .database
            .write_blocking(move |connection| {
                Ok::<_, StoreError>(connection.batch_execute(&statements)?)
            })
            .expect("the database does what the triggers allow");
        let sealer = server.state.sealer.clone();
        let report = server
            .database
            .read_now(|connection: &mut DatabaseConnection| verify(connection, &sealer, None))
            .expect("the chain can be read");
        assert!(!report.verified, "{report:?}");
        assert_eq!(report.findings[0].position, Some(2), "{report:?}");
    }
);

on_both_databases!(what_is_evidence_is_not_removed, |server| {
    hire(server, "ada");
    chain_all(server);
    let third = positions(server)[2].event_id.clone();
    let trigger = match server.kind {
        crate::server::DatabaseKind::Sqlite => "DROP TRIGGER audit_events_no_delete",
        crate::server::DatabaseKind::Postgres => {
            "DROP TRIGGER audit_events_no_delete ON audit_events"
        }
    };
    let statements = format!("{trigger}; DELETE FROM audit_events WHERE id = '{third}'");
    server
        .database
        .write_blocking(move |connection| {
            Ok::<_, StoreError>(connection.batch_execute(&statements)?)
        })
        .expect("the database does what it is told");
    server.clock.advance_millis(200 * DAY);
    assert_eq!(remove(server), 2, "up to the event that is missing");
    let sealer = server.state.sealer.clone();
    let report = server
        .database
        .read_now(|connection: &mut DatabaseConnection| verify(connection, &sealer, None))
        .expect("the chain can be read");
    assert!(!report.verified, "{report:?}");
});
