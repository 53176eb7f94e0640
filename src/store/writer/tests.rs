//! When the writer answers, and what it does while the disk is at work.

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use diesel::prelude::*;

use super::*;
use crate::store::DatabaseUrl;

/// How long is waited for what must not come.
const A_WHILE: Duration = Duration::from_millis(100);

/// A disk that says when it is asked to sync, and does so when it is told how that goes.
struct Watched {
    asked: SyncSender<()>,
    told: Mutex<Receiver<io::Result<()>>>,
}

impl Disk for Watched {
    fn sync(&self) -> io::Result<()> {
        self.asked.send(()).unwrap();
        self.told.lock().unwrap().recv().unwrap()
    }
}

struct Scene {
    writer: Writer,
    asked: Receiver<()>,
    tell: Sender<io::Result<()>>,
    directory: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory).unwrap();
        let url = DatabaseUrl::Sqlite(directory.join("portcullis.sqlite"));
        let mut connection = url.connect_writer().unwrap();
        connection.batch_execute("CREATE TABLE notes (x)").unwrap();
        let (asked, is_asked) = sync_channel(16);
        let (tell, told) = channel();
        let told = Mutex::new(told);
        Self {
            writer: Writer::start(connection, Watched { asked, told }),
            asked: is_asked,
            tell,
            directory,
        }
    }

    /// Queues a row; the answer comes out of what is returned. With `hold`, it waits for that before it ends.
    fn write(&self, hold: Option<Receiver<()>>) -> Receiver<Committed> {
        let (answer, answered) = channel();
        let job: Job = Box::new(move |connection| {
            connection
                .batch_execute("INSERT INTO notes VALUES (1)")
                .unwrap();
            if let Some(hold) = hold {
                hold.recv().unwrap();
            }
            let release: Release = Box::new(move |committed| answer.send(committed).unwrap());
            Done {
                has_failed: false,
                release,
            }
        });
        self.writer.submit(job).unwrap();
        answered
    }

    /// What anybody else sees in the database.
    fn rows(&self) -> i64 {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        let url = DatabaseUrl::Sqlite(self.directory.join("portcullis.sqlite"));
        let mut connection = url.connect().unwrap();
        let query = diesel::sql_query("SELECT count(*) AS n FROM notes");
        query.get_result::<Count>(&mut connection).unwrap().n
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn nothing_is_answered_before_it_is_on_the_disk() {
    let scene = Scene::new();
    // Alone, and with others.
    for together in [1, 3] {
        let (go, hold) = channel();
        let mut answers = vec![scene.write(Some(hold))];
        answers.extend((1..together).map(|_| scene.write(None)));
        go.send(()).unwrap();
        scene.asked.recv().unwrap();
        for answer in &answers {
            assert!(answer.recv_timeout(A_WHILE).is_err());
        }
        scene.tell.send(Ok(())).unwrap();
        for answer in &answers {
            assert!(answer.recv().unwrap().is_ok());
        }
    }
    assert_eq!(scene.rows(), 4);
}

#[test]
fn transactions_run_while_a_commit_is_on_its_way_to_the_disk_and_are_committed_after_it() {
    let scene = Scene::new();
    let (go, hold) = channel();
    let first = [scene.write(Some(hold)), scene.write(None)];
    go.send(()).unwrap();
    scene.asked.recv().unwrap();
    let (go, hold) = channel();
    let second = scene.write(Some(hold));
    // It waits within its transaction: it runs. The disk is asked for nothing else meanwhile.
    go.send(()).unwrap();
    assert!(scene.asked.recv_timeout(A_WHILE).is_err());
    assert_eq!(scene.rows(), 2);
    scene.tell.send(Ok(())).unwrap();
    for answer in first {
        assert!(answer.recv().unwrap().is_ok());
    }
    scene.asked.recv().unwrap();
    assert!(second.recv_timeout(A_WHILE).is_err());
    scene.tell.send(Ok(())).unwrap();
    assert!(second.recv().unwrap().is_ok());
}

#[test]
fn nothing_is_written_any_more_once_the_disk_has_failed() {
    let scene = Scene::new();
    let (go, hold) = channel();
    let first = [scene.write(Some(hold)), scene.write(None)];
    go.send(()).unwrap();
    scene.asked.recv().unwrap();
    // Runs already when the disk fails.
    let second = scene.write(None);
    scene.tell.send(Err(io::Error::other("no disk"))).unwrap();
    for answer in first.into_iter().chain([second]) {
        assert!(matches!(answer.recv().unwrap(), Err(StoreError::Commit)));
    }
    let late = scene.writer.submit(Box::new(|_| unreachable!()));
    assert!(matches!(late, Err(StoreError::Halted)));
    // Whoever watches the writer sees that it has come to nothing since.
    std::thread::sleep(Duration::from_millis(2));
    assert!(scene.writer.meter().busy_for() > Duration::ZERO);
}
