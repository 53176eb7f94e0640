//! SQLite's one writer: a thread that runs each queued transaction in a savepoint, commits them together
//! and only then releases their answers. One sync to disk then serves many writers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};

use super::connection::DatabaseConnection;
use super::error::StoreError;

/// Whether the batch that a job was part of is on disk.
pub type Committed = Result<(), StoreError>;
/// Releases the answer of one job once it is known whether it was committed.
pub type Release = Box<dyn FnOnce(Committed) + Send>;
/// One transaction. It runs inside a savepoint and leaves its answer to be released.
pub type Job = Box<dyn FnOnce(&mut DatabaseConnection) -> Done + Send>;

/// A transaction that has run.
pub struct Done {
    /// Whether it was undone.
    pub has_failed: bool,
    /// Its answer.
    pub release: Release,
}

/// How many transactions may share one commit.
const BATCH: usize = 256;
/// How many may wait; beyond it, callers are told to come back.
const QUEUE: usize = 4096;

/// The way to the writer's thread. The thread ends when the last of these is dropped.
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Job>,
}

impl Writer {
    /// Starts the thread on this connection.
    #[must_use]
    pub fn start(connection: DatabaseConnection) -> Self {
        let (queue, jobs) = sync_channel(QUEUE);
        std::thread::spawn(move || run(connection, &jobs));
        Self { queue }
    }

    /// Queues a transaction.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the queue is full or the thread has ended.
    pub fn submit(&self, job: Job) -> Result<(), StoreError> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => StoreError::Busy,
        })
    }
}

fn run(mut connection: DatabaseConnection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let batch = std::iter::once(first).chain(jobs.try_iter().take(BATCH - 1));
        let mut releases = Vec::new();
        let committed = match commit_together(&mut connection, batch, &mut releases) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "a batch of writes could not be committed");
                false
            }
        };
        for release in releases {
            release(if committed {
                Ok(())
            } else {
                Err(StoreError::Undone)
            });
        }
    }
}

/// `BEGIN IMMEDIATE`, so that another process that writes is waited for at the start and not half-way.
fn commit_together(
    connection: &mut DatabaseConnection,
    batch: impl Iterator<Item = Job>,
    releases: &mut Vec<Release>,
) -> Result<(), StoreError> {
    if let DatabaseConnection::Sqlite(sqlite) = connection {
        AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?;
    }
    for job in batch {
        // A job that panics must not take the writer with it; what it did is rolled back with its batch.
        let Ok(done) = catch_unwind(AssertUnwindSafe(|| job(connection))) else {
            roll_back(connection)?;
            return Err(StoreError::Undone);
        };
        releases.push(done.release);
        // The next job would otherwise run, and commit, by itself.
        if done.has_failed && !is_in_transaction(connection) {
            roll_back(connection)?;
            return Err(StoreError::Undone);
        }
    }
    if let DatabaseConnection::Sqlite(sqlite) = connection
        && let Err(error) = AnsiTransactionManager::commit_transaction(sqlite)
    {
        roll_back(connection)?;
        return Err(error.into());
    }
    Ok(())
}

/// Whether the batch is still one transaction: a disk that is full or fails has SQLite undo all of it at once.
fn is_in_transaction(connection: &mut DatabaseConnection) -> bool {
    let DatabaseConnection::Sqlite(sqlite) = connection else {
        return true;
    };
    // Past diesel, which goes by what it has begun itself. Within a transaction there is no other.
    let has_begun_another = sqlite.batch_execute("BEGIN").is_ok();
    if has_begun_another && let Err(error) = sqlite.batch_execute("ROLLBACK") {
        tracing::error!(%error, "an empty transaction could not be ended");
    }
    !has_begun_another
}

/// What cannot be undone was undone already.
fn roll_back(connection: &mut DatabaseConnection) -> Result<(), StoreError> {
    if let DatabaseConnection::Sqlite(sqlite) = connection {
        while AnsiTransactionManager::transaction_manager_status_mut(sqlite)
            .transaction_depth()?
            .is_some()
        {
            AnsiTransactionManager::rollback_transaction(sqlite)?;
        }
    }
    Ok(())
}
