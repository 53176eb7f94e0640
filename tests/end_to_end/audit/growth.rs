//! Chaining looks at the events that wait, and removing at the last anchor, however many there have been: PostgreSQL
//! counts what it reads.

use diesel::connection::SimpleConnection;
use portcullis::audit::chain::{ChainError, append, remove_old};
use portcullis::store::{DatabaseConnection, StoreError};

use super::{chain_all, hire, positions};
use crate::growth::rows_read;
use crate::server::{DatabaseKind, TestServer};

/// Events of long ago, which are in the chain; the statistics know of them.
const OLD: &str = "INSERT INTO audit_events (id, at, action, actor_kind, outcome, detail)
    SELECT '0' || lpad(n::text, 8, '0'), n, 'resource.created', 'system', 'success', '{}'
    FROM generate_series(1, 20000) AS n;
INSERT INTO audit_chain (position, event_id, previous_hash, digest, hash)
    SELECT -n, '0' || lpad(n::text, 8, '0'), 'x', 'x', 'x' || n FROM generate_series(1, 20000) AS n;
ANALYZE audit_events";

/// Three that wait. They are added in the transaction that chains them: the server chains what it sees by itself.
const NEW: &str = "INSERT INTO audit_events (id, at, action, actor_kind, outcome, detail)
    SELECT '1' || n, n, 'resource.created', 'system', 'success', '{}' FROM generate_series(1, 3) AS n;
INSERT INTO audit_pending (event_id) SELECT '1' || n FROM generate_series(1, 3) AS n";

fn run(connection: &mut DatabaseConnection, statements: &str) -> Result<(), StoreError> {
    Ok(connection.batch_execute(statements)?)
}

#[test]
fn to_chain_a_few_events_only_a_few_are_read_of_all_that_there_are() {
    let server = TestServer::start(DatabaseKind::Postgres);
    chain_all(&server);
    server
        .database
        .write_blocking(|connection| run(connection, OLD))
        .expect("old events can be added");
    let sealer = server.state.sealer.clone();
    let (chained, read) = server
        .database
        .write_blocking(move |connection| {
            run(connection, NEW)?;
            let before = rows_read(connection, "audit_events")?;
            let chained = append(connection, &sealer)?;
            let read = rows_read(connection, "audit_events")? - before;
            Ok::<_, ChainError>((chained, read))
        })
        .expect("events can be chained");
    assert!(chained >= 3, "{chained}");
    let most = i64::try_from(chained).expect("a few") * 2;
    assert!(
        (1..=most).contains(&read),
        "{read} rows for {chained} events"
    );
}

/// Anchors of removals long ago.
const ANCHORS: &str = "INSERT INTO audit_anchors (position, hash, removed_before, made_at, seal)
    SELECT -n, 'x', 0, 0, 'x' FROM generate_series(0, 20000) AS n;
ANALYZE audit_anchors";

#[test]
fn to_remove_old_events_only_the_last_anchor_is_read_for_each() {
    const KEPT: u32 = 90;
    let server = TestServer::start(DatabaseKind::Postgres);
    for name in ["ada", "grace", "linus"] {
        hire(&server, name);
    }
    chain_all(&server);
    let chained = positions(&server).len();
    server
        .database
        .write_blocking(|connection| run(connection, ANCHORS))
        .expect("old anchors can be added");
    server.clock.advance_millis(91 * 86_400_000);
    let (sealer, now) = (server.state.sealer.clone(), server.clock.now());
    let (removed, read) = server
        .database
        .write_blocking(move |connection| {
            let before = rows_read(connection, "audit_anchors")?;
            let removed = remove_old(connection, &sealer, KEPT, now)?;
            let read = rows_read(connection, "audit_anchors")? - before;
            Ok::<_, ChainError>((removed, read))
        })
        .expect("events can be removed");
    assert_eq!(removed, chained);
    // One for the event and one for its place in the chain; a few to find where to begin and to end.
    let most = i64::try_from(removed).expect("a few") * 2 + 5;
    assert!(
        (1..=most).contains(&read),
        "{read} anchors for {removed} events"
    );
}
