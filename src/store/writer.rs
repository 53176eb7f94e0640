//! SQLite's one writer: a thread that runs each queued transaction in a savepoint, commits them together
//! and only then releases their answers. One sync to disk then serves many writers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};

use super::connection::DatabaseConnection;
use super::error::StoreError;
use crate::meter::{Histogram, MICROS};

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
    meter: Arc<WriterMeter>,
}

/// How many transactions share a commit.
const BATCHES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];

/// What the writer does.
#[derive(Debug)]
pub struct WriterMeter {
    queued: AtomicU64,
    /// How many transactions shared each commit.
    pub batches: Histogram,
    /// Microseconds that each commit took, with the transactions in it.
    pub micros: Histogram,
    started: Instant,
    /// Since when the present batch is at work, in milliseconds since the start; 0 where there is none.
    busy_since: AtomicU64,
}

impl WriterMeter {
    fn new() -> Self {
        Self {
            queued: AtomicU64::new(0),
            batches: Histogram::new(BATCHES),
            micros: Histogram::new(MICROS),
            started: Instant::now(),
            busy_since: AtomicU64::new(0),
        }
    }

    /// How many transactions wait.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }

    /// For how long the present batch has been at work.
    #[must_use]
    pub fn busy_for(&self) -> Duration {
        match self.busy_since.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => self
                .started
                .elapsed()
                .saturating_sub(Duration::from_millis(since)),
        }
    }

    fn begin(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.busy_since.store(millis.max(1), Ordering::Relaxed);
    }

    fn end(&self, batch: usize, begun: Instant) {
        self.busy_since.store(0, Ordering::Relaxed);
        self.batches.note(u64::try_from(batch).unwrap_or(u64::MAX));
        let micros = begun.elapsed().as_micros();
        self.micros.note(u64::try_from(micros).unwrap_or(u64::MAX));
    }
}

impl Writer {
    /// Starts the thread on this connection.
    #[must_use]
    pub fn start(connection: DatabaseConnection) -> Self {
        let (queue, jobs) = sync_channel(QUEUE);
        let meter = Arc::new(WriterMeter::new());
        let counted = Arc::clone(&meter);
        std::thread::spawn(move || run(connection, &jobs, &counted));
        Self { queue, meter }
    }

    /// Queues a transaction.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the queue is full or the thread has ended.
    pub fn submit(&self, job: Job) -> Result<(), StoreError> {
        self.meter.queued.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => {
                self.meter.queued.fetch_sub(1, Ordering::Relaxed);
                StoreError::Busy
            }
        })
    }

    /// What it does.
    #[must_use]
    pub fn meter(&self) -> &Arc<WriterMeter> {
        &self.meter
    }
}

fn run(mut connection: DatabaseConnection, jobs: &Receiver<Job>, meter: &WriterMeter) {
    while let Ok(first) = jobs.recv() {
        let begun = Instant::now();
        meter.begin();
        let batch = std::iter::once(first)
            .chain(jobs.try_iter().take(BATCH - 1))
            .inspect(|_| {
                meter.queued.fetch_sub(1, Ordering::Relaxed);
            });
        let mut releases = Vec::new();
        let committed = match commit_together(&mut connection, batch, &mut releases) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "a batch of writes could not be committed");
                false
            }
        };
        meter.end(releases.len(), begun);
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
