//! Who waits for whom, and what is told of transactions that were undone with others.

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;

use super::*;

#[test]
fn no_connection_is_made_that_nobody_waits_for() {
    let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&directory).unwrap();
    let url = DatabaseUrl::Sqlite(directory.join("portcullis.sqlite"));
    let database = Database::migrate_and_open(url, 4).unwrap();
    for _ in 0..100 {
        database
            .read_now(|connection| Ok::<_, StoreError>(connection.batch_execute("SELECT 1")?))
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(database.connections.count(), 1);
    std::fs::remove_dir_all(&directory).unwrap();
}

/// A database of one connection in which there is no room for more than there is, and a table in it.
fn full_database() -> (Database, std::path::PathBuf) {
    let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&directory).unwrap();
    let url = DatabaseUrl::Sqlite(directory.join("portcullis.sqlite"));
    let database = Database::migrate_and_open(url, 1).unwrap();
    run(
        &database,
        "CREATE TABLE filler (bytes BLOB); PRAGMA max_page_count = 1;",
    )
    .unwrap();
    (database, directory)
}

fn run(database: &Database, statements: &'static str) -> Result<(), StoreError> {
    database.write_blocking(move |connection| {
        Ok::<_, StoreError>(connection.batch_execute(statements)?)
    })
}

const FILL: &str = "INSERT INTO filler VALUES (zeroblob(10000000));";

#[test]
fn writes_go_on_once_a_full_disk_has_room_again() {
    let (database, directory) = full_database();
    for _ in 0..2 {
        let error = run(&database, FILL).unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
    }
    run(&database, "PRAGMA max_page_count = 1000000;").unwrap();
    run(&database, FILL).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
}

#[actix_web::test]
async fn a_transaction_that_waits_too_long_is_given_up_and_never_runs() {
    let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&directory).unwrap();
    let url = DatabaseUrl::Sqlite(directory.join("portcullis.sqlite"));
    let database = Database::migrate_and_open(url, 1).unwrap();
    let table = database
        .write(|connection| Ok::<_, StoreError>(connection.batch_execute("CREATE TABLE late (x)")?))
        .await;
    table.unwrap();
    let impatient = database.clone().with_bounds(Bounds {
        waiting: 0,
        patience: Duration::ZERO,
    });
    // The writer is held until the other has given up.
    let (go, waits) = held();
    let holding = queue(
        database.writer.as_ref().unwrap(),
        move |_| {
            waits();
            Ok::<_, StoreError>(())
        },
        &Span::none(),
    )
    .unwrap();
    let late = impatient
        .write(|connection| {
            Ok::<_, StoreError>(connection.batch_execute("INSERT INTO late VALUES (1)")?)
        })
        .await;
    assert!(matches!(late, Err(StoreError::Busy)), "{late:?}");
    go.send(()).unwrap();
    holding.outcome.await.unwrap().unwrap();
    let count = database
        .write(|connection| {
            let query = diesel::sql_query("DELETE FROM late");
            Ok::<_, StoreError>(query.execute(connection)?)
        })
        .await;
    assert_eq!(count.unwrap(), 0);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn those_who_share_a_commit_with_one_that_fills_the_disk_are_told_the_truth() {
    let (database, directory) = full_database();
    let (go, waits) = held();
    let first = queue(
        database.writer.as_ref().unwrap(),
        move |connection| {
            waits();
            Ok::<_, StoreError>(connection.batch_execute("INSERT INTO filler VALUES ('first')")?)
        },
        &Span::none(),
    )
    .unwrap();
    let others = [FILL, "INSERT INTO filler VALUES ('last')"].map(|statement| {
        queue(
            database.writer.as_ref().unwrap(),
            move |connection| Ok::<_, StoreError>(connection.batch_execute(statement)?),
            &Span::none(),
        )
        .unwrap()
    });
    go.send(()).unwrap();
    drop(go);
    let [filling, last] = others.map(|queued| queued.outcome.blocking_recv().unwrap());
    let first = first.outcome.blocking_recv().unwrap();
    let count = |text: &str| -> usize {
        let query = format!("DELETE FROM filler WHERE bytes = '{text}'");
        database
            .write_blocking(move |connection| {
                let query = diesel::sql_query(&query);
                Ok::<_, StoreError>(query.execute(connection)?)
            })
            .unwrap()
    };
    assert!(filling.unwrap_err().is_unavailable());
    for (outcome, text) in [(first, "first"), (last, "last")] {
        let is_there = count(text) == 1;
        match outcome {
            Ok(()) => assert!(is_there, "{text} was acknowledged"),
            Err(error) => assert!(!is_there && error.is_unavailable(), "{text}: {error:?}"),
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it is not there")]
    NotThere,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TransactionError for Refused {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::NotThere => None,
            Self::Store(error) => Some(error),
        }
    }
}

/// What holds the writer until it is let go, so that those queued meanwhile share a commit with it.
fn held() -> (std::sync::mpsc::Sender<()>, impl Fn() + Send + 'static) {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let waits = move || {
        // The second time, nobody is there to let it go.
        let _ = wait.lock().unwrap().recv();
    };
    (go, waits)
}

fn delete_people(connection: &mut DatabaseConnection) -> Result<(), Refused> {
    let deleted = diesel::sql_query("DELETE FROM people").execute(connection);
    match deleted.map_err(StoreError::from)? {
        0 => Err(Refused::NotThere),
        _ => Ok(()),
    }
}

#[test]
fn nobody_is_told_what_another_did_in_a_batch_that_was_undone() {
    let (database, directory) = full_database();
    run(
        &database,
        "PRAGMA max_page_count = 1000000; CREATE TABLE people (x); INSERT INTO people VALUES (1); \
         PRAGMA max_page_count = 1;",
    )
    .unwrap();
    let (go, waits) = held();
    let writer = database.writer.as_ref().unwrap();
    let first = move |connection: &mut DatabaseConnection| {
        waits();
        delete_people(connection)
    };
    let first = queue(writer, first, &Span::none()).unwrap();
    let second = queue(writer, delete_people, &Span::none()).unwrap();
    let fills =
        |connection: &mut DatabaseConnection| Ok::<_, StoreError>(connection.batch_execute(FILL)?);
    let last = queue(writer, fills, &Span::none()).unwrap();
    go.send(()).unwrap();
    drop(go);
    for undone in [first, second] {
        let outcome = undone.outcome.blocking_recv().unwrap();
        assert!(
            matches!(outcome, Err(Refused::Store(StoreError::Undone))),
            "{outcome:?}"
        );
    }
    let last = last.outcome.blocking_recv().unwrap().unwrap_err();
    assert!(last.is_full(), "{last:?}");
    assert!(database.write_blocking(delete_people).is_ok());
    std::fs::remove_dir_all(&directory).unwrap();
}

/// A database with an empty table of names.
fn names() -> (Database, std::path::PathBuf) {
    let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&directory).unwrap();
    let url = DatabaseUrl::Sqlite(directory.join("portcullis.sqlite"));
    let database = Database::migrate_and_open(url, 1).unwrap();
    run(&database, "CREATE TABLE names (name TEXT NOT NULL UNIQUE)").unwrap();
    (database, directory)
}

fn add_name(connection: &mut DatabaseConnection, name: &str) -> Result<(), StoreError> {
    diesel::sql_query("INSERT INTO names VALUES (?)")
        .bind::<diesel::sql_types::Text, _>(name)
        .execute(connection)?;
    Ok(())
}

fn has_name(database: &Database, name: &'static str) -> bool {
    let query = move |connection: &mut DatabaseConnection| {
        let query = diesel::sql_query("DELETE FROM names WHERE name = ?")
            .bind::<diesel::sql_types::Text, _>(name);
        Ok::<_, StoreError>(query.execute(connection)?)
    };
    database.write_blocking(query).unwrap() == 1
}

/// Queues a transaction that adds a name.
fn queue_name(
    database: &Database,
    name: &'static str,
) -> oneshot::Receiver<Result<(), StoreError>> {
    let writer = database.writer.as_ref().unwrap();
    let queued = queue(
        writer,
        move |connection| add_name(connection, name),
        &Span::none(),
    );
    queued.unwrap().outcome
}

/// The same, which holds the writer until others share its commit.
fn hold_with_name(
    database: &Database,
    name: &'static str,
) -> (
    std::sync::mpsc::Sender<()>,
    oneshot::Receiver<Result<(), StoreError>>,
) {
    let (go, waits) = held();
    let writer = database.writer.as_ref().unwrap();
    let body = move |connection: &mut DatabaseConnection| {
        waits();
        add_name(connection, name)
    };
    (go, queue(writer, body, &Span::none()).unwrap().outcome)
}

#[test]
fn of_those_that_share_a_commit_only_the_ones_that_fail_are_undone() {
    let (database, directory) = names();
    // A second round is run in savepoints from its beginning, since the first had one that failed.
    for _ in 0..2 {
        let (go, first) = hold_with_name(&database, "first");
        let leaves = |connection: &mut DatabaseConnection| {
            add_name(connection, "refused")?;
            Err::<(), _>(Refused::NotThere)
        };
        let writer = database.writer.as_ref().unwrap();
        let refused = queue(writer, leaves, &Span::none()).unwrap();
        let taken = queue_name(&database, "first");
        let last = queue_name(&database, "last");
        drop(go);
        first.blocking_recv().unwrap().unwrap();
        last.blocking_recv().unwrap().unwrap();
        let refused = refused.outcome.blocking_recv().unwrap();
        assert!(matches!(refused, Err(Refused::NotThere)), "{refused:?}");
        assert!(taken.blocking_recv().unwrap().is_err());
        let kept = ["first", "refused", "last"].map(|name| has_name(&database, name));
        assert_eq!(kept, [true, false, true]);
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn one_that_panics_takes_nobody_with_it() {
    let (database, directory) = names();
    for _ in 0..2 {
        let (go, first) = hold_with_name(&database, "first");
        let panics = |connection: &mut DatabaseConnection| -> Result<(), StoreError> {
            add_name(connection, "panicking")?;
            panic!("as it must")
        };
        let writer = database.writer.as_ref().unwrap();
        let panics = queue(writer, panics, &Span::none()).unwrap();
        let last = queue_name(&database, "last");
        drop(go);
        first.blocking_recv().unwrap().unwrap();
        last.blocking_recv().unwrap().unwrap();
        assert!(panics.outcome.blocking_recv().is_err());
        let kept = ["first", "panicking", "last"].map(|name| has_name(&database, name));
        assert_eq!(kept, [true, false, true]);
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_batch_that_a_prepared_statement_has_had_undone_is_run_again() {
    let (database, directory) = full_database();
    let fills = |connection: &mut DatabaseConnection| {
        diesel::sql_query(FILL).execute(connection)?;
        Ok::<_, StoreError>(())
    };
    let (go, waits) = held();
    let writer = database.writer.as_ref().unwrap();
    // Room is made the second time: the batch is whole then.
    let runs = Arc::new(AtomicU8::new(0));
    let counted = Arc::clone(&runs);
    let first = move |connection: &mut DatabaseConnection| {
        waits();
        if counted.fetch_add(1, Ordering::Relaxed) == 1 {
            connection.batch_execute("PRAGMA max_page_count = 1000000")?;
        }
        Ok::<_, StoreError>(())
    };
    let first = queue(writer, first, &Span::none()).unwrap();
    let filling = queue(writer, fills, &Span::none()).unwrap();
    drop(go);
    first.outcome.blocking_recv().unwrap().unwrap();
    filling.outcome.blocking_recv().unwrap().unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    std::fs::remove_dir_all(&directory).unwrap();
}
