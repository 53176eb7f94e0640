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
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let holding = queue(
        database.writer.as_ref().unwrap(),
        move |_| {
            let _ = wait.lock().unwrap().recv();
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
    // The first holds the writer until the others wait, so that they share its commit.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let first = queue(
        database.writer.as_ref().unwrap(),
        move |connection| {
            let _ = wait.lock().unwrap().recv();
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

#[test]
fn nobody_is_told_what_another_did_in_a_batch_that_was_undone() {
    let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&directory).unwrap();
    let url = DatabaseUrl::Sqlite(directory.join("portcullis.sqlite"));
    let database = Database::migrate_and_open(url, 1).unwrap();
    run(
        &database,
        "CREATE TABLE people (x); INSERT INTO people VALUES (1);",
    )
    .unwrap();
    let delete = |connection: &mut DatabaseConnection| {
        let deleted = diesel::sql_query("DELETE FROM people").execute(connection);
        match deleted.map_err(StoreError::from)? {
            0 => Err(Refused::NotThere),
            _ => Ok(()),
        }
    };
    // The first holds the writer until the others wait, so that they share its commit.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let writer = database.writer.as_ref().unwrap();
    let first = move |connection: &mut DatabaseConnection| {
        let _ = wait.lock().unwrap().recv();
        delete(connection)
    };
    let first = queue(writer, first, &Span::none()).unwrap();
    let second = queue(writer, delete, &Span::none()).unwrap();
    let panics = |_: &mut DatabaseConnection| -> Result<(), Refused> { panic!("as it must") };
    let last = queue(writer, panics, &Span::none()).unwrap();
    go.send(()).unwrap();
    for undone in [first, second] {
        let outcome = undone.outcome.blocking_recv().unwrap();
        assert!(
            matches!(outcome, Err(Refused::Store(StoreError::Undone))),
            "{outcome:?}"
        );
    }
    assert!(last.outcome.blocking_recv().is_err());
    assert!(database.write_blocking(delete).is_ok());
    std::fs::remove_dir_all(&directory).unwrap();
}
