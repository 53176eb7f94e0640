//! SQLite's one writer: a thread that runs queued transactions one after the other, commits them together
//! and only then releases their answers. One sync to disk then serves many writers.
//!
//! Transactions that share a commit are kept apart only where it is needed: a savepoint for each costs a copy of
//! every page that it touches, and few fail. Where one does, all that ran beside it are undone and run again, each
//! in its savepoint.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use diesel::SqliteConnection;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};

use super::connection::DatabaseConnection;
use super::error::StoreError;
use crate::meter::{Histogram, MICROS};

/// Whether the batch that a transaction was part of is on disk.
pub type Committed = Result<(), StoreError>;
/// One transaction, as it waits for its turn.
pub type Job = Box<dyn Transaction + Send>;

/// What the writer runs. It may be run again when what it did was undone with its batch; its answer is that of the
/// last time.
pub trait Transaction {
    /// Runs it within the transaction that is open, in a savepoint of its own or not, and keeps its answer.
    fn run(&mut self, connection: &mut DatabaseConnection, apart: Apart) -> Ran;
    /// Releases the answer once it is known whether it was committed.
    fn release(self: Box<Self>, committed: Committed);
}

/// How a transaction is kept apart from those that share its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// Not at all: when it fails, what it did stands until the whole batch is undone.
    Never,
    /// By a savepoint: when it fails, what it did is undone.
    BySavepoint,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// What it did is to be committed.
    Done,
    /// It refused or failed: nothing of it may be committed.
    Failed,
}

/// How many transactions may share one commit.
const BATCH: usize = 256;
/// After one that failed, so many batches are run in savepoints at once: whoever fails will often fail again.
const CAREFUL: u32 = 64;
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
    let mut careful = 0;
    while let Ok(first) = jobs.recv() {
        let begun = Instant::now();
        meter.begin();
        let waiting = std::iter::once(first)
            .chain(jobs.try_iter().take(BATCH - 1))
            .inspect(|_| {
                meter.queued.fetch_sub(1, Ordering::Relaxed);
            });
        let mut batch = Batch::new(careful > 0);
        let committed = match batch.commit(&mut connection, waiting) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "a batch of writes could not be committed");
                false
            }
        };
        careful = if batch.has_failed {
            CAREFUL
        } else {
            careful.saturating_sub(1)
        };
        meter.end(batch.jobs.len(), begun);
        for job in batch.jobs {
            job.release(if committed {
                Ok(())
            } else {
                Err(StoreError::Undone)
            });
        }
    }
}

/// Transactions that share a commit.
struct Batch {
    /// Those that have run.
    jobs: Vec<Job>,
    apart: Apart,
    /// Whether one of them failed.
    has_failed: bool,
}

impl Batch {
    fn new(is_careful: bool) -> Self {
        Self {
            jobs: Vec::new(),
            apart: if is_careful {
                Apart::BySavepoint
            } else {
                Apart::Never
            },
            has_failed: false,
        }
    }

    /// Runs all that wait, and commits them.
    fn commit(
        &mut self,
        connection: &mut DatabaseConnection,
        waiting: impl Iterator<Item = Job>,
    ) -> Result<(), StoreError> {
        begin(connection)?;
        for job in waiting {
            self.run(connection, job)?;
        }
        if let DatabaseConnection::Sqlite(sqlite) = connection
            && let Err(error) = AnsiTransactionManager::commit_transaction(sqlite)
        {
            roll_back(connection)?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Runs one more, and sees to it that nothing stands of one that fails.
    fn run(&mut self, connection: &mut DatabaseConnection, mut job: Job) -> Result<(), StoreError> {
        let apart = self.apart;
        match catch_unwind(AssertUnwindSafe(|| job.run(connection, apart))) {
            Ok(Ran::Done) => {
                self.jobs.push(job);
                Ok(())
            }
            Ok(Ran::Failed) => {
                self.jobs.push(job);
                self.has_failed = true;
                match apart {
                    Apart::Never => self.run_again(connection),
                    Apart::BySavepoint => undone_alone(connection),
                }
            }
            // It must not take the writer with it. Dropped, it tells whoever waits for it.
            Err(_) => {
                self.has_failed = true;
                self.run_again(connection)
            }
        }
    }

    /// Undoes what has run so far, and runs it again, each in its savepoint.
    fn run_again(&mut self, connection: &mut DatabaseConnection) -> Result<(), StoreError> {
        roll_back(connection)?;
        begin(connection)?;
        self.apart = Apart::BySavepoint;
        let mut again = std::mem::take(&mut self.jobs).into_iter();
        let outcome = again.try_for_each(|job| self.run(connection, job));
        self.jobs.extend(again);
        outcome
    }
}

/// Whether only the one that failed was undone: the next would otherwise run, and commit, by itself.
fn undone_alone(connection: &mut DatabaseConnection) -> Result<(), StoreError> {
    if is_in_transaction(connection) {
        return Ok(());
    }
    roll_back(connection)?;
    Err(StoreError::Undone)
}

/// `BEGIN IMMEDIATE`, so that another process that writes is waited for at the start and not half-way.
fn begin(connection: &mut DatabaseConnection) -> Result<(), StoreError> {
    if let DatabaseConnection::Sqlite(sqlite) = connection {
        AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?;
    }
    Ok(())
}

/// Whether the batch is still one transaction: a disk that is full or fails has SQLite undo all of it at once.
fn is_in_transaction(connection: &mut DatabaseConnection) -> bool {
    match connection {
        DatabaseConnection::Sqlite(sqlite) => sqlite_is_in_transaction(sqlite),
        DatabaseConnection::Postgres(_) => true,
    }
}

fn sqlite_is_in_transaction(sqlite: &mut SqliteConnection) -> bool {
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
            let undone = AnsiTransactionManager::rollback_transaction(sqlite);
            if let Err(error) = undone
                && sqlite_is_in_transaction(sqlite)
            {
                return Err(error.into());
            }
        }
    }
    Ok(())
}
