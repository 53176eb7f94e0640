//! One connection: plain or under TLS, and cut off where its client takes too long. What is said over it is not
//! known here.
//!
//! The HTTP library times the head of the first request and how long a connection is kept, but neither the head
//! of a later request nor a client that reads nothing of its answer; without a bound on these, a few thousand
//! slow clients hold every connection that there is.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use actix_web::rt::time::{Instant, Sleep, sleep};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use crate::config::Limits;

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the head of a request, from its first byte on, and for a TLS handshake.
    pub(super) head: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
    /// Without taking anything of an answer.
    pub(super) stall: Duration,
}

impl Patience {
    pub(super) fn of(limits: &Limits) -> Self {
        let seconds = |number: u32| Duration::from_secs(number.into());
        Self {
            head: seconds(limits.request_head_seconds),
            idle: seconds(limits.keep_alive_seconds),
            stall: seconds(limits.answer_stall_seconds),
        }
    }

    /// How long nothing may come at a stage; without an end while a request is answered.
    fn at(&self, stage: Stage) -> Option<Duration> {
        match stage {
            // The library closes a connection that is idle by itself, unless some of the next request has come
            // together with the one before.
            Stage::Between => Some(self.idle.saturating_add(self.head)),
            Stage::Head => Some(self.head),
            Stage::Request => None,
        }
    }
}

/// What a connection is at, shared with the requests that come over it.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Turn(Rc<Cell<Position>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Position {
    /// How many requests there were.
    request: u64,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// Nothing of the next request has come.
    #[default]
    Between,
    /// Some of its head has.
    Head,
    /// It is being answered; what comes is its body.
    Request,
}

impl Turn {
    /// The head of a request is there.
    pub(in crate::http) fn begin_request(&self) {
        let request = self.0.get().request.wrapping_add(1);
        self.0.set(Position {
            request,
            stage: Stage::Request,
        });
    }

    /// Its answer has begun: what comes now is the next request's.
    pub(in crate::http) fn end_request(&self) {
        self.set(Stage::Between);
    }

    fn set(&self, stage: Stage) {
        let position = self.0.get();
        self.0.set(Position { stage, ..position });
    }
}

/// What bytes are carried by.
pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection that has an end.
pub(super) struct Connection {
    transport: Transport,
    patience: Patience,
    turn: Turn,
    /// When what has to come must have, and at which position of the connection that was set.
    read_end: Pin<Box<Sleep>>,
    read_end_of: Option<Position>,
    stall_end: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    pub(super) fn new(transport: Transport, patience: Patience) -> Self {
        Self {
            transport,
            patience,
            turn: Turn::default(),
            read_end: Box::pin(sleep(patience.head)),
            read_end_of: None,
            stall_end: None,
        }
    }

    pub(super) fn turn(&self) -> Turn {
        self.turn.clone()
    }

    /// Whether what has to come has not come in time.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let position = self.turn.0.get();
        let Some(patience) = self.patience.at(position.stage) else {
            return false;
        };
        if self.read_end_of != Some(position) {
            self.read_end_of = Some(position);
            self.read_end.as_mut().reset(Instant::now() + patience);
        }
        self.read_end.as_mut().poll(context).is_ready()
    }

    /// Fails a write that has been waited for too long.
    fn within_stall<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall_end = None;
            return written;
        }
        let patience = self.patience.stall;
        let end = self
            .stall_end
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(end.as_mut().poll(context));
        tracing::debug!("a client takes nothing of its answer");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let outcome = match &mut this.transport {
            Transport::Plain(io) => Pin::new(io).poll_read(context, buffer),
            Transport::Tls(io) => Pin::new(io).poll_read(context, buffer),
        };
        if this.turn.0.get().stage == Stage::Between && buffer.filled().len() > before {
            this.turn.set(Stage::Head);
        }
        if outcome.is_pending() && this.is_late(context) {
            tracing::debug!("a client does not complete its request");
            // As if it had closed its side: nothing of a request is there to be answered.
            return Poll::Ready(Ok(()));
        }
        outcome
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.transport {
            Transport::Plain(io) => Pin::new(io).poll_write(context, bytes),
            Transport::Tls(io) => Pin::new(io).poll_write(context, bytes),
        };
        self.within_stall(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = match &mut self.transport {
            Transport::Plain(io) => Pin::new(io).poll_flush(context),
            Transport::Tls(io) => Pin::new(io).poll_flush(context),
        };
        self.within_stall(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = match &mut self.transport {
            Transport::Plain(io) => Pin::new(io).poll_shutdown(context),
            Transport::Tls(io) => Pin::new(io).poll_shutdown(context),
        };
        self.within_stall(context, closed)
    }
}
