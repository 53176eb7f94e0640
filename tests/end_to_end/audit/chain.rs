//! Tamper-evidence: whoever changes, removes, inserts or moves what was recorded is found out, even if they can
//! write to the database and take its triggers away.

use std::fmt;

use diesel::connection::SimpleConnection;
use portcullis::audit::chain::{ChainError, FindingKind, Report, append, verify};
use portcullis::sealed::Sealer;
use portcullis::store::audit_events::{self, AuditEventRow, Selection};
use portcullis::store::audit_search;
use portcullis::store::{DatabaseConnection, SqlDialect, StoreError, TransactionError};

use super::{chain_all, hire, positions};
use crate::server::TestServer;

/// What a transaction that is to be undone has found.
enum Undone {
    Found(Box<Report>),
    Failed(String),
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::Failed(format!("{error:?}"))
    }
}

impl From<ChainError> for Undone {
    fn from(error: ChainError) -> Self {
        Self::Failed(format!("{error:?}"))
    }
}

impl From<diesel::result::Error> for Undone {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(format!("{error:?}"))
    }
}

impl fmt::Debug for Undone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(report) => write!(formatter, "{report:?}"),
            Self::Failed(text) => formatter.write_str(text),
        }
    }
}

impl TransactionError for Undone {
    fn store_error(&self) -> Option<&StoreError> {
        None
    }
}

/// Does something to the database, and gives what a verification then says; all is undone afterwards.
fn report_after(
    server: &TestServer,
    noted: Option<&str>,
    deed: impl Fn(&mut DatabaseConnection) -> Result<(), Undone> + Send + 'static,
) -> Report {
    let (sealer, noted) = (server.state.sealer.clone(), noted.map(str::to_owned));
    let outcome: Result<(), Undone> = server.database.write_blocking(move |connection| {
        deed(connection)?;
        let report = verify(connection, &sealer, noted.as_deref())?;
        Err(Undone::Found(Box::new(report)))
    });
    match outcome {
        Err(Undone::Found(report)) => *report,
        other => panic!("{other:?}"),
    }
}

/// Statements of somebody who has taken the triggers away.
fn tamper(server: &TestServer, noted: Option<&str>, statements: &str) -> Report {
    let statements = statements.to_owned();
    report_after(server, noted, move |connection| {
        let triggers = match connection.dialect() {
            SqlDialect::Sqlite => {
                "DROP TRIGGER audit_events_no_update; DROP TRIGGER audit_events_no_delete; \
                 DROP TRIGGER audit_chain_no_update; DROP TRIGGER audit_chain_no_delete;"
            }
            SqlDialect::Postgres => {
                "DROP TRIGGER audit_events_no_change ON audit_events; \
                 DROP TRIGGER audit_events_no_delete ON audit_events; \
                 DROP TRIGGER audit_chain_no_change ON audit_chain; \
                 DROP TRIGGER audit_chain_no_delete ON audit_chain;"
            }
        };
        connection.batch_execute(triggers)?;
        Ok(connection.batch_execute(&statements)?)
    })
}

/// What is wrong, and where.
type Found = (FindingKind, Option<i64>);

fn found(report: &Report) -> Vec<Found> {
    report
        .findings
        .iter()
        .map(|finding| (finding.kind, finding.position))
        .collect()
}

on_both_databases!(what_was_recorded_is_chained_once_and_in_order, |server| {
    for number in 0..20 {
        hire(server, &format!("person{number}"));
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| chain_all(server));
        }
    });
    let chain = positions(server);
    assert!(chain.len() > 20);
    for (index, row) in chain.iter().enumerate() {
        assert_eq!(
            row.position,
            i64::try_from(index + 1).expect("they are few")
        );
        if index > 0 {
            assert_eq!(row.previous_hash, chain[index - 1].hash);
        }
    }
    let report = report_after(server, None, |_| Ok(()));
    assert!(report.verified, "{report:?}");
    assert_eq!(
        report.checked,
        i64::try_from(chain.len()).expect("they are few")
    );
    assert_eq!(report.not_chained, 0);
    assert_eq!(
        report.head.map(|head| head.hash),
        chain.last().map(|row| row.hash.clone())
    );
});

on_both_databases!(
    an_event_that_becomes_visible_late_is_chained_after_younger_ones,
    |server| {
        // Its id was given while others were recorded and committed.
        let late = portcullis::store::id::AuditEventId::generate().to_string();
        hire(server, "meanwhile");
        chain_all(server);
        let before = positions(server);
        let id = late.clone();
        server
            .database
            .write_blocking(move |connection| {
                let newest = audit_search::list(connection, &Selection::default(), None, 1)?;
                let event = AuditEventRow {
                    id: id.clone(),
                    ..newest[0].clone()
                };
                audit_events::insert(connection, &event)
            })
            .expect("the event is recorded");
        chain_all(server);
        let after = positions(server);
        assert_eq!(after[..before.len()], before[..]);
        let added: Vec<&str> = after[before.len()..]
            .iter()
            .map(|row| row.event_id.as_str())
            .collect();
        assert_eq!(added, [late]);
        let report = report_after(server, None, |_| Ok(()));
        assert!(report.verified && report.findings.is_empty(), "{report:?}");
    }
);

on_both_databases!(what_is_not_chained_yet_is_counted, |server| {
    chain_all(server);
    let report = report_after(server, None, |connection| {
        let newest = audit_search::list(connection, &Selection::default(), None, 1)?;
        let event = AuditEventRow {
            id: portcullis::store::id::AuditEventId::generate().to_string(),
            ..newest[0].clone()
        };
        Ok(audit_events::insert(connection, &event)?)
    });
    assert!(report.verified, "{report:?}");
    assert_eq!(report.not_chained, 1);
});

on_both_databases!(every_way_of_tampering_is_found, |server| {
    for name in ["ada", "grace", "barbara"] {
        hire(server, name);
    }
    chain_all(server);
    let chain = positions(server);
    let last = i64::try_from(chain.len()).expect("they are few");
    let (third, fourth) = (&chain[2], &chain[3]);
    let third_id = &third.event_id;
    let copy = |id: &str| {
        format!(
            "INSERT INTO audit_events SELECT '{id}', at, action, directory_id, actor_kind, actor_credential_id, \
             actor_person_id, 'Mallory', target_type, target_id, target_name, outcome, source_ip, detail \
             FROM audit_events WHERE id = '{third_id}'; "
        )
    };
    let shift_up = "UPDATE audit_chain SET position = -position WHERE position >= 3; \
                    UPDATE audit_chain SET position = 1 - position WHERE position < 0; ";
    let shift_down = "UPDATE audit_chain SET position = -position WHERE position > 3; \
                      UPDATE audit_chain SET position = -position - 1 WHERE position < 0; ";
    let (changed, missing) = (FindingKind::Changed, FindingKind::Missing);
    let (inserted, reordered) = (FindingKind::Inserted, FindingKind::Reordered);
    let cases: Vec<(&str, String, Vec<Found>)> = vec![
        (
            "an event is changed",
            format!("UPDATE audit_events SET actor_name = 'Mallory' WHERE id = '{third_id}'"),
            vec![(changed, Some(3))],
        ),
        (
            "the detail of an event is changed by a space",
            format!("UPDATE audit_events SET detail = detail || ' ' WHERE id = '{third_id}'"),
            vec![(changed, Some(3))],
        ),
        (
            "an event is removed",
            format!("DELETE FROM audit_events WHERE id = '{third_id}'"),
            vec![(missing, Some(3))],
        ),
        (
            "an event and its entry are removed",
            format!(
                "DELETE FROM audit_events WHERE id = '{third_id}'; \
                 DELETE FROM audit_chain WHERE position = 3"
            ),
            vec![(missing, Some(3))],
        ),
        (
            "an event and its entry are removed, and the gap is closed",
            format!(
                "DELETE FROM audit_events WHERE id = '{third_id}'; \
                 DELETE FROM audit_chain WHERE position = 3; {shift_down}"
            ),
            vec![(missing, Some(3))],
        ),
        (
            "an event is added beside the chain",
            copy("00000000-0000-7000-8000-000000000001"),
            vec![(inserted, None)],
        ),
        (
            "an event is added with an entry of its own",
            format!(
                "{}{shift_up}INSERT INTO audit_chain VALUES (3, '00000000-0000-7000-8000-000000000001', \
                 '{}', '{}', '{}')",
                copy("00000000-0000-7000-8000-000000000001"),
                third.previous_hash,
                third.digest,
                "0".repeat(64),
            ),
            vec![(inserted, Some(3)), (changed, Some(3))],
        ),
        (
            "two entries change places",
            "UPDATE audit_chain SET position = -3 WHERE position = 3; \
             UPDATE audit_chain SET position = 3 WHERE position = 4; \
             UPDATE audit_chain SET position = 4 WHERE position = -3"
                .to_owned(),
            vec![
                (reordered, Some(3)),
                (reordered, Some(4)),
                (reordered, Some(5)),
            ],
        ),
        (
            "an event is changed together with its digest",
            format!(
                "UPDATE audit_events SET actor_name = 'Mallory' WHERE id = '{third_id}'; \
                 UPDATE audit_chain SET digest = '{}' WHERE position = 3",
                fourth.digest
            ),
            vec![(changed, Some(3)), (changed, Some(3))],
        ),
        (
            "an event is removed before it is chained",
            "INSERT INTO audit_pending VALUES ('00000000-0000-7000-8000-000000000002')".to_owned(),
            vec![(missing, None)],
        ),
        (
            "the key is taken away",
            "DELETE FROM settings WHERE name = 'audit_chain_key'".to_owned(),
            vec![(missing, None)],
        ),
        (
            "everything is removed",
            "DELETE FROM audit_chain; DELETE FROM audit_events".to_owned(),
            vec![(missing, None)],
        ),
        (
            "everything is removed as if by retention",
            "DELETE FROM audit_chain; DELETE FROM audit_events; \
             INSERT INTO audit_anchors VALUES (0, 'x', 0, 0, 'x')"
                .to_owned(),
            vec![(changed, Some(0))],
        ),
    ];
    for (name, statements, expected) in cases {
        println!("{name}");
        let report = tamper(server, None, &statements);
        assert_eq!(found(&report), expected, "{name}: {report:?}");
        assert!(!report.verified, "{name}");
    }

    let backdated = format!(
        "{}UPDATE audit_events SET at = at - 7200000 WHERE id = '00000000-0000-7000-8000-000000000003'; \
         INSERT INTO audit_pending VALUES ('00000000-0000-7000-8000-000000000003')",
        copy("00000000-0000-7000-8000-000000000003")
    );
    let sealer = server.state.sealer.clone();
    let report = report_after(server, None, move |connection| {
        let triggers = match connection.dialect() {
            SqlDialect::Sqlite => "DROP TRIGGER audit_events_no_update",
            SqlDialect::Postgres => "DROP TRIGGER audit_events_no_change ON audit_events",
        };
        connection.batch_execute(triggers)?;
        connection.batch_execute(&backdated)?;
        append(connection, &sealer)?;
        Ok(())
    });
    assert_eq!(
        found(&report),
        [(FindingKind::Backdated, Some(last + 1))],
        "{report:?}"
    );
    assert!(report.verified, "a clock that was set back does that too");
});

on_both_databases!(
    an_end_that_was_cut_off_is_found_by_a_head_that_was_noted,
    |server| {
        hire(server, "ada");
        chain_all(server);
        let chain = positions(server);
        let last = chain.last().expect("there are events");
        let cut = format!(
            "DELETE FROM audit_chain WHERE position = {}; DELETE FROM audit_events WHERE id = '{}'",
            last.position, last.event_id
        );
        let report = tamper(server, Some(&last.hash), &cut);
        assert_eq!(found(&report), [(FindingKind::Missing, None)], "{report:?}");
        assert_eq!(report.noted_head_position, None);

        hire(server, "grace");
        chain_all(server);
        let report = report_after(server, Some(&last.hash), |_| Ok(()));
        assert!(report.verified, "{report:?}");
        assert_eq!(report.noted_head_position, Some(last.position));
    }
);

on_both_databases!(
    the_database_itself_refuses_to_change_what_was_recorded,
    |server| {
        chain_all(server);
        for statement in [
            "UPDATE audit_events SET outcome = 'success'",
            "DELETE FROM audit_events",
            "UPDATE audit_chain SET hash = 'x'",
            "DELETE FROM audit_chain",
            "INSERT INTO audit_anchors VALUES (0, 'x', 0, 0, 'x'); DELETE FROM audit_events",
            "INSERT INTO audit_anchors VALUES (0, 'x', 0, 0, 'x'); DELETE FROM audit_chain",
            "INSERT INTO audit_anchors VALUES (0, 'x', 0, 0, 'x'); DELETE FROM audit_anchors",
        ] {
            let outcome: Result<(), Undone> = server
                .database
                .write_blocking(move |connection| Ok(connection.batch_execute(statement)?));
            match outcome {
                Err(Undone::Failed(text)) => assert!(text.contains("append-only"), "{text}"),
                other => panic!("{statement}: {other:?}"),
            }
        }
    }
);

on_both_databases!(
    another_master_key_neither_continues_nor_verifies_the_chain,
    |server| {
        chain_all(server);
        let other = portcullis::config::MasterKey::parse(&"ff".repeat(32)).expect("64 digits");
        let other = Sealer::new(&other, None);
        let outcome = server
            .database
            .read_now(|connection| verify(connection, &other, None));
        assert!(matches!(outcome, Err(ChainError::Key(_))), "{outcome:?}");
    }
);

on_both_databases!(the_chain_is_verified_over_http, |server| {
    chain_all(server);
    let head = positions(server).last().expect("there are events").clone();
    let report = server.admin().get("/audit-events/verify").expect(200).body;
    assert_eq!(report["verified"], true, "{report}");
    assert_eq!(report["findings"], serde_json::json!([]));
    assert!(report["checked"].as_i64() >= Some(head.position));
    let gone = "0".repeat(64);
    let report = server
        .admin()
        .get(&format!("/audit-events/verify?head={gone}"))
        .expect(200)
        .body;
    assert_eq!(report["verified"], false);
    assert_eq!(report["findings"][0]["kind"], "missing");
});
