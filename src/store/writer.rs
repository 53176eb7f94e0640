//! SQLite's one writer: a thread that runs each queued transaction in a savepoint, commits them together, and has
//! another thread bring the commit to the disk before their answers are released. One sync of the disk then serves
//! many writers, and the next transactions run meanwhile; they are committed when the sync has come back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{
    Receiver, Sender, SyncSender, TryRecvError, TrySendError, channel, sync_channel,
};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};

use super::connection::DatabaseConnection;
use super::error::StoreError;
use super::write_ahead_log::Disk;
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
    queue: Arc<SyncSender<Message>>,
    meter: Arc<WriterMeter>,
    has_halted: Arc<AtomicBool>,
}

/// What wakes the writer.
enum Message {
    /// There is a transaction.
    Job(Job),
    /// A commit is on disk.
    Synced,
}

/// A commit on its way to the disk.
struct Batch {
    releases: Vec<Release>,
    begun: Instant,
}

/// Brings commits to the disk and releases their answers.
struct Syncer<D> {
    disk: D,
    meter: Arc<WriterMeter>,
    has_halted: Arc<AtomicBool>,
}

/// How many transactions share a commit.
const BATCHES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];

/// What the writer does.
#[derive(Debug)]
pub struct WriterMeter {
    queued: AtomicU64,
    /// How many transactions shared each commit.
    pub batches: Histogram,
    /// Microseconds that each commit took until it was on disk, with the transactions in it.
    pub micros: Histogram,
    started: Instant,
    /// Since when transactions run that are not committed yet; see [`WriterMeter::mark`].
    running_since: AtomicU64,
    /// Since when a commit is on its way to the disk.
    syncing_since: AtomicU64,
}

impl WriterMeter {
    fn new() -> Self {
        Self {
            queued: AtomicU64::new(0),
            batches: Histogram::new(BATCHES),
            micros: Histogram::new(MICROS),
            started: Instant::now(),
            running_since: AtomicU64::new(0),
            syncing_since: AtomicU64::new(0),
        }
    }

    /// How many transactions wait.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }

    /// For how long the writer or the disk has been at work on one thing.
    #[must_use]
    pub fn busy_for(&self) -> Duration {
        let since = |mark: &AtomicU64| match mark.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => self
                .started
                .elapsed()
                .saturating_sub(Duration::from_millis(since)),
        };
        since(&self.running_since).max(since(&self.syncing_since))
    }

    /// Marks that something begins now, in milliseconds since the start; 0 is for nothing.
    fn mark(&self, mark: &AtomicU64) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        mark.store(millis.max(1), Ordering::Relaxed);
    }

    fn note(&self, batch: &Batch) {
        let size = u64::try_from(batch.releases.len()).unwrap_or(u64::MAX);
        self.batches.note(size);
        let micros = batch.begun.elapsed().as_micros();
        self.micros.note(u64::try_from(micros).unwrap_or(u64::MAX));
    }
}

impl Writer {
    /// Starts the threads on this connection, whose commits are on disk once that has been synced.
    #[must_use]
    pub fn start(connection: DatabaseConnection, disk: impl Disk) -> Self {
        let (queue, messages) = sync_channel(QUEUE);
        let writer = Self {
            queue: Arc::new(queue),
            meter: Arc::new(WriterMeter::new()),
            has_halted: Arc::default(),
        };
        let syncer = Arc::new(Syncer {
            disk,
            meter: Arc::clone(&writer.meter),
            has_halted: Arc::clone(&writer.has_halted),
        });
        let (commits, batches) = channel();
        let beside = Arc::clone(&syncer);
        // The queue ends with the last writer, whatever is on its way to the disk.
        let woken = Arc::downgrade(&writer.queue);
        std::thread::spawn(move || beside.run(&batches, &woken));
        let mut thread = Thread {
            connection,
            messages,
            syncer,
            commits,
            unsynced: 0,
        };
        std::thread::spawn(move || thread.run());
        writer
    }

    /// Queues a transaction.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the queue is full or the thread has ended, [`StoreError::Halted`] after the disk has
    /// failed.
    pub fn submit(&self, job: Job) -> Result<(), StoreError> {
        if self.has_halted.load(Ordering::Relaxed) {
            return Err(StoreError::Halted);
        }
        self.meter.queued.fetch_add(1, Ordering::Relaxed);
        self.queue
            .try_send(Message::Job(job))
            .map_err(|error| match error {
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

impl<D: Disk> Syncer<D> {
    /// Syncs one batch after the other, and wakes the writer after each.
    fn run(&self, batches: &Receiver<Batch>, writer: &Weak<SyncSender<Message>>) {
        while let Ok(batch) = batches.recv() {
            self.sync(batch);
            if let Some(writer) = writer.upgrade() {
                // One that does not hear it has ended.
                let _ = writer.send(Message::Synced);
            }
        }
    }

    fn sync(&self, batch: Batch) {
        self.meter.mark(&self.meter.syncing_since);
        let has_synced = !self.has_halted.load(Ordering::Relaxed) && self.reach_disk();
        self.meter.note(&batch);
        for release in batch.releases {
            release(if has_synced {
                Ok(())
            } else {
                Err(StoreError::Commit)
            });
        }
        if has_synced {
            self.meter.syncing_since.store(0, Ordering::Relaxed);
        }
    }

    /// After a failure nothing that comes later could be trusted to be on the disk: what has reached it is not known,
    /// and the system may have forgotten what it could not write.
    fn reach_disk(&self) -> bool {
        let Err(error) = self.disk.sync() else {
            return true;
        };
        self.has_halted.store(true, Ordering::Relaxed);
        tracing::error!(%error, "the disk failed: nothing more is written until the server is started again");
        false
    }
}

/// The thread that runs transactions.
struct Thread<D> {
    connection: DatabaseConnection,
    messages: Receiver<Message>,
    syncer: Arc<Syncer<D>>,
    commits: Sender<Batch>,
    /// Commits that are on their way to the disk beside it.
    unsynced: usize,
}

impl<D: Disk> Thread<D> {
    fn run(&mut self) {
        while let Ok(message) = self.messages.recv() {
            let Some(first) = self.job(message) else {
                continue;
            };
            let begun = Instant::now();
            let meter = Arc::clone(&self.syncer.meter);
            meter.mark(&meter.running_since);
            let mut releases = Vec::new();
            let committed = self.commit_together(first, &mut releases);
            meter.running_since.store(0, Ordering::Relaxed);
            match committed {
                Ok(()) => self.pass_on(Batch { releases, begun }),
                Err(error) => {
                    tracing::error!(%error, "a batch of writes could not be committed");
                    for release in releases {
                        release(Err(StoreError::Undone));
                    }
                }
            }
        }
    }

    /// Beside the next transactions; a single one, which nobody else waits behind, here, without waking a thread.
    fn pass_on(&mut self, batch: Batch) {
        if self.unsynced == 0 && batch.releases.len() == 1 {
            self.syncer.sync(batch);
            return;
        }
        if let Err(unsent) = self.commits.send(batch) {
            self.syncer.sync(unsent.0);
            return;
        }
        self.unsynced += 1;
    }

    fn job(&mut self, message: Message) -> Option<Job> {
        match message {
            Message::Job(job) => {
                self.syncer.meter.queued.fetch_sub(1, Ordering::Relaxed);
                Some(job)
            }
            Message::Synced => {
                self.unsynced = self.unsynced.saturating_sub(1);
                None
            }
        }
    }

    /// The next transaction of a batch: what waits, and what comes while an earlier commit is on its way to the disk.
    fn next(&mut self) -> Option<Job> {
        loop {
            let message = match self.messages.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Empty) if self.unsynced > 0 => self.messages.recv().ok()?,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
            };
            if let Some(job) = self.job(message) {
                return Some(job);
            }
        }
    }

    /// `BEGIN IMMEDIATE`, so that another process that writes is waited for at the start and not half-way.
    fn commit_together(
        &mut self,
        first: Job,
        releases: &mut Vec<Release>,
    ) -> Result<(), StoreError> {
        if let DatabaseConnection::Sqlite(sqlite) = &mut self.connection {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?;
        }
        let mut next = Some(first);
        while let Some(job) = next {
            self.run_job(job, releases)?;
            next = if releases.len() < BATCH {
                self.next()
            } else {
                None
            };
        }
        if let DatabaseConnection::Sqlite(sqlite) = &mut self.connection
            && let Err(error) = AnsiTransactionManager::commit_transaction(sqlite)
        {
            roll_back(&mut self.connection)?;
            return Err(error.into());
        }
        Ok(())
    }

    fn run_job(&mut self, job: Job, releases: &mut Vec<Release>) -> Result<(), StoreError> {
        let connection = &mut self.connection;
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
        Ok(())
    }
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

#[cfg(test)]
mod tests;
