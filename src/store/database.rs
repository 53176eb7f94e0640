//! The database as the rooms above see it: reads, and transactions that are on disk when they are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::Span;

use crate::clock::Timestamp;
use crate::config::Limits;
use crate::gate::Bounds;

use super::connection::{DatabaseConnection, DatabaseUrl, SqlDialect};
use super::error::{StoreError, TransactionError};
use super::migrate;
use super::pool::{BOUNDS, Connections, PoolLoad};
use super::settings;
use super::writer::{Apart, Committed, Ran, Transaction, Writer, WriterMeter};

/// How often a transaction is run again that a deadlock or serialization failure ended.
const ATTEMPTS: u32 = 8;
/// One database, shared by everything in the process; cloning is cheap.
#[derive(Clone)]
pub struct Database {
    url: DatabaseUrl,
    connections: Connections,
    /// SQLite takes one writer at a time; PostgreSQL writes through the pool.
    writer: Option<Writer>,
    /// Where lists may be read that need not be of this very moment.
    replica: Option<Connections>,
    /// How long a transaction may wait for the writer to begin with it.
    patience: Duration,
    /// Whether the disk was full when last something was to be written.
    is_full: Arc<AtomicBool>,
}

/// What a read has to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Everything that was committed before.
    Current,
    /// That, or what was so a moment ago: lists for people and programs, and nothing that decides anything.
    MayLag,
}

/// How a write becomes a transaction of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transacting {
    /// Between `BEGIN` and `COMMIT`.
    Explicitly,
    /// As the one statement that it is.
    ByItself,
}

impl Database {
    /// Opens the database, which must have been migrated (see [`migrate::run`]).
    ///
    /// `connections` is the size of the pool, for reads on SQLite and for everything on PostgreSQL.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn open(url: DatabaseUrl, connections: u32) -> Result<Self, StoreError> {
        let pool = Connections::to(url.clone(), connections)?;
        let writer = match url.dialect() {
            SqlDialect::Sqlite => Some(Writer::start(url.connect()?)),
            SqlDialect::Postgres => None,
        };
        Ok(Self {
            url,
            connections: pool,
            writer,
            replica: None,
            patience: BOUNDS.patience,
            is_full: Arc::default(),
        })
    }

    /// With these bounds for those who wait: for a connection, and for the writer.
    #[must_use]
    pub fn with_limits(self, limits: &Limits) -> Self {
        self.with_bounds(Bounds {
            waiting: limits.max_waiting,
            patience: Duration::from_millis(limits.database_wait_ms.into()),
        })
    }

    fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.connections = self.connections.with_bounds(bounds);
        self.replica = self.replica.map(|replica| replica.with_bounds(bounds));
        self.patience = bounds.patience;
        self
    }

    /// How busy the connections are.
    #[must_use]
    pub fn load(&self) -> PoolLoad {
        self.connections.load()
    }

    /// What SQLite's writer does; none on PostgreSQL.
    #[must_use]
    pub fn writer(&self) -> Option<&Arc<WriterMeter>> {
        self.writer.as_ref().map(Writer::meter)
    }

    /// Whether the disk was full when last something was to be written; until [`Database::probe`] finds room again,
    /// since something small may fit where nothing else does.
    #[must_use]
    pub fn was_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// With a replica of PostgreSQL that takes the reads which may lag. Where it cannot be reached, the
    /// primary is read until it can.
    ///
    /// # Errors
    /// When there can be none.
    pub fn with_replica(mut self, url: DatabaseUrl) -> Result<Self, StoreError> {
        self.replica = Some(Connections::to(url, self.connections())?);
        Ok(self)
    }

    /// Reads on the replica on the calling thread; none where there is no replica.
    ///
    /// # Errors
    /// Those of the closure, and that it cannot be reached.
    pub fn read_replica_now<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(&mut DatabaseConnection) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let Some(replica) = &self.replica else {
            return Ok(None);
        };
        let mut connection = replica.take()?;
        let outcome = body(&mut connection).inspect_err(|_| connection.abandon_if_lost());
        outcome.map(Some)
    }

    /// Applies pending migrations and opens the database.
    ///
    /// # Errors
    /// When the database cannot be reached or a migration fails.
    pub fn migrate_and_open(url: DatabaseUrl, connections: u32) -> Result<Self, StoreError> {
        migrate::run(&url)?;
        Self::open(url, connections)
    }

    /// The SQL dialect spoken there.
    #[must_use]
    pub fn dialect(&self) -> SqlDialect {
        self.url.dialect()
    }

    /// How many connections there are at most, beside SQLite's writer.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.connections.at_most()
    }

    /// Reads on the calling thread. Only for look-ups by key: anything that can take longer goes through
    /// [`Database::read`].
    ///
    /// # Errors
    /// Those of the closure, and the store's own.
    pub fn read_now<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(&mut DatabaseConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.connections.take()?;
        body(&mut connection).inspect_err(|_| connection.abandon_if_lost())
    }

    /// Reads on a thread that may block.
    ///
    /// # Errors
    /// Those of the closure, and the store's own.
    pub async fn read<T, E>(
        &self,
        body: impl FnOnce(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.read_with(Freshness::Current, body).await
    }

    /// Reads on a thread that may block, on the replica where there is one and that is fresh enough. A replica
    /// that cannot be reached is no reason to fail.
    ///
    /// # Errors
    /// Those of the closure, and the store's own.
    pub async fn read_with<T, E>(
        &self,
        freshness: Freshness,
        body: impl FnOnce(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let database = self.clone();
        let place = match (freshness, &self.replica) {
            (Freshness::MayLag, Some(replica)) => replica.admit().await?,
            _ => self.connections.admit().await?,
        };
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let replica = match (freshness, &database.replica) {
                (Freshness::MayLag, Some(replica)) => replica.take().ok(),
                _ => None,
            };
            let mut connection = match replica {
                Some(connection) => connection,
                None => database.connections.take()?,
            };
            body(&mut connection).inspect_err(|_| connection.abandon_if_lost())
        })
        .await
        .unwrap_or_else(|_| Err(StoreError::Busy.into()))
    }

    /// Runs a transaction and answers once it is on disk. The closure may be run more than once: PostgreSQL
    /// ends one of two transactions that wait for each other.
    ///
    /// # Errors
    /// Those of the closure, after which nothing has changed, and the store's own.
    pub async fn write<T, E>(
        &self,
        body: impl Fn(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: TransactionError,
    {
        self.write_as(Transacting::Explicitly, body).await
    }

    /// Runs a body of one statement, which PostgreSQL commits by itself: `BEGIN` and `COMMIT` are messages there and
    /// back. On SQLite it is as [`Database::write`]. Two statements would not be one transaction.
    ///
    /// # Errors
    /// As [`Database::write`].
    pub async fn write_statement<T, E>(
        &self,
        body: impl Fn(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: TransactionError,
    {
        self.write_as(Transacting::ByItself, body).await
    }

    async fn write_as<T, E>(
        &self,
        transacting: Transacting,
        body: impl Fn(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: TransactionError,
    {
        let span = transaction_span();
        let outcome = self.write_within(transacting, body, &span).await;
        self.note_room(&outcome);
        outcome
    }

    /// Sees whether transactions can be committed. One that writes nothing tells that, unless the disk was full: then
    /// something is written.
    ///
    /// # Errors
    /// Why they cannot.
    pub async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.was_full() {
            self.write(move |connection| settings::probe(connection, now))
                .await?;
            self.is_full.store(false, Ordering::Relaxed);
            return Ok(());
        }
        self.write_within(Transacting::Explicitly, |_| Ok(()), &Span::none())
            .await
    }

    async fn write_within<T, E>(
        &self,
        transacting: Transacting,
        body: impl Fn(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
        span: &Span,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: TransactionError,
    {
        if let Some(writer) = &self.writer {
            let mut queued = queue(writer, body, span)?;
            let mut outcome = timeout(self.patience, &mut queued.outcome).await;
            if outcome.is_err() {
                if queued.turn.give_up() {
                    return Err(StoreError::Busy.into());
                }
                // It has begun, and may be on disk a moment later: the answer is what becomes of it.
                outcome = Ok(queued.outcome.await);
            }
            return match outcome {
                Ok(Ok(outcome)) => outcome,
                _ => Err(StoreError::Commit.into()),
            };
        }
        let database = self.clone();
        let place = self.connections.admit().await?;
        let span = span.clone();
        tokio::task::spawn_blocking(move || {
            let _place = place;
            span.in_scope(|| database.transact(&body, transacting))
        })
        .await
        .unwrap_or_else(|_| Err(StoreError::Commit.into()))
    }

    fn note_room<T, E: TransactionError>(&self, outcome: &Result<T, E>) {
        let error = outcome.as_ref().err().and_then(E::store_error);
        if error.is_some_and(StoreError::is_full) {
            self.is_full.store(true, Ordering::Relaxed);
        }
    }

    /// Like [`Database::write`], for the command line, which has no asynchronous runtime.
    ///
    /// # Errors
    /// Those of the closure, after which nothing has changed, and the store's own.
    pub fn write_blocking<T, E>(
        &self,
        body: impl Fn(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: TransactionError,
    {
        match &self.writer {
            Some(writer) => match queue(writer, body, &Span::none())?.outcome.blocking_recv() {
                Ok(outcome) => outcome,
                Err(_) => Err(StoreError::Commit.into()),
            },
            None => self.transact(&body, Transacting::Explicitly),
        }
    }

    fn transact<T, E: TransactionError>(
        &self,
        body: &impl Fn(&mut DatabaseConnection) -> Result<T, E>,
        transacting: Transacting,
    ) -> Result<T, E> {
        let mut connection = self.connections.take()?;
        let mut attempt = 1;
        loop {
            let mut commit = Span::none();
            let outcome = match transacting {
                Transacting::ByItself => {
                    commit_span(&Span::current()).in_scope(|| body(&mut connection))
                }
                Transacting::Explicitly => savepoint(&mut connection, |connection| {
                    body(connection).inspect(|_| commit = commit_span(&Span::current()))
                }),
            };
            drop(commit);
            match &outcome {
                Err(error)
                    if attempt < ATTEMPTS
                        && error.store_error().is_some_and(StoreError::is_transient) =>
                {
                    attempt += 1;
                }
                _ => return outcome.inspect_err(|_| connection.abandon_if_lost()),
            }
        }
    }
}

/// Runs the body in a transaction, or in a savepoint where one is open already.
///
/// # Errors
/// Those of the body, after which what it did is undone.
pub fn savepoint<T, E: From<StoreError>>(
    connection: &mut DatabaseConnection,
    body: impl FnOnce(&mut DatabaseConnection) -> Result<T, E>,
) -> Result<T, E> {
    let mut cause = None;
    let outcome = connection.transaction(|connection| {
        body(connection).map_err(|error| {
            cause = Some(error);
            diesel::result::Error::RollbackTransaction
        })
    });
    // Where undoing failed too, what came first says why: a full disk undoes everything by itself.
    outcome.map_err(|error| cause.unwrap_or_else(|| StoreError::from(error).into()))
}

/// Runs a body that only reads, and sees one moment of the database however long it takes.
///
/// # Errors
/// Those of the body, and the store's own.
pub fn snapshot<T, E: From<StoreError>>(
    connection: &mut DatabaseConnection,
    body: impl FnOnce(&mut DatabaseConnection) -> Result<T, E>,
) -> Result<T, E> {
    savepoint(connection, |connection| {
        // A transaction of SQLite sees no other moment anyway.
        if let DatabaseConnection::Postgres(postgres) = connection {
            postgres
                .batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                .map_err(StoreError::from)?;
        }
        body(connection)
    })
}

/// From when a transaction is asked for until its outcome is known.
fn transaction_span() -> Span {
    tracing::trace_span!(target: "portcullis::trace", "transaction")
}

/// From the last statement of a transaction until it is on disk; with that statement where it commits by itself.
fn commit_span(transaction: &Span) -> Span {
    tracing::trace_span!(target: "portcullis::trace", parent: transaction, "commit")
}

/// What is queued for the writer.
struct Queued<T, E> {
    /// Its outcome, after the commit.
    outcome: oneshot::Receiver<Result<T, E>>,
    turn: Turn,
}

/// Whether a queued transaction has begun: the writer and whoever waits decide it between them, once.
#[derive(Clone, Default)]
struct Turn(Arc<AtomicU8>);

impl Turn {
    const WAITING: u8 = 0;
    const BEGUN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    fn begin(&self) -> bool {
        self.leave_waiting(Self::BEGUN)
    }

    /// Whether it has not begun, and now never will.
    fn give_up(&self) -> bool {
        self.leave_waiting(Self::GIVEN_UP)
    }

    fn leave_waiting(&self, to: u8) -> bool {
        let order = Ordering::AcqRel;
        let left = self
            .0
            .compare_exchange(Self::WAITING, to, order, Ordering::Acquire);
        left.is_ok()
    }
}

/// Queues the body for the writer.
fn queue<T, E>(
    writer: &Writer,
    body: impl Fn(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
    span: &Span,
) -> Result<Queued<T, E>, StoreError>
where
    T: Send + 'static,
    E: TransactionError,
{
    let (answer, outcome) = oneshot::channel();
    let turn = Turn::default();
    writer.submit(Box::new(Waiting {
        body,
        turn: turn.clone(),
        span: span.clone(),
        answer,
        ran: None,
    }))?;
    Ok(Queued { outcome, turn })
}

/// A transaction in the writer's queue.
struct Waiting<T, E, F> {
    body: F,
    turn: Turn,
    span: Span,
    answer: oneshot::Sender<Result<T, E>>,
    /// What became of it when it ran last, and the span of the commit that it waits for.
    ran: Option<(Result<T, E>, Span)>,
}

impl<T, E, F> Transaction for Waiting<T, E, F>
where
    T: Send + 'static,
    E: TransactionError,
    F: Fn(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
{
    fn run(&mut self, connection: &mut DatabaseConnection, apart: Apart) -> Ran {
        let runs_again = self.ran.take().is_some();
        if !runs_again && !self.turn.begin() {
            return Ran::Done;
        }
        let result = self.span.in_scope(|| match apart {
            Apart::Never => (self.body)(connection),
            Apart::BySavepoint => savepoint(connection, &self.body),
        });
        let ran = match &result {
            Ok(_) => Ran::Done,
            Err(_) => Ran::Failed,
        };
        self.ran = Some((result, commit_span(&self.span)));
        ran
    }

    fn release(self: Box<Self>, committed: Committed) {
        let Some((result, commit)) = self.ran else {
            return;
        };
        drop(commit);
        // A caller that has gone away needs no answer.
        let _ = self.answer.send(match committed {
            Ok(()) => result,
            Err(undone) => Err(cause_of(result, undone)),
        });
    }
}

/// Why nothing came of a transaction whose batch was undone. What it found itself may have been the doing of another in
/// the batch, which has not happened: that somebody is not there, for instance. Only the database's own word stands.
fn cause_of<T, E: TransactionError>(result: Result<T, E>, undone: StoreError) -> E {
    match result {
        Err(own) if own.store_error().is_some() => own,
        _ => undone.into(),
    }
}

#[cfg(test)]
mod tests;
