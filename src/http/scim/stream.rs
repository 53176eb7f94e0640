//! Answers that are sent while they are made. What is small enough is sent in one piece, with its length.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, MessageBody};
use actix_web::rt::task::JoinHandle;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::timeout;

use crate::provisioning::{Output, ProvisioningError};
use crate::store::{DatabaseConnection, Freshness, StoreError};

use super::Exchange;
use super::answer::Failure;

/// Pieces that may wait for a slow client.
const WAITING: usize = 4;
/// How long a client may take for one piece: as long as it does, it has a database connection for itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers with what the task writes.
///
/// # Errors
/// Those of the task, where it fails before anything was sent.
pub async fn answer<T>(
    exchange: &Exchange,
    freshness: Freshness,
    mut builder: HttpResponseBuilder,
    task: T,
) -> Result<HttpResponse, Failure>
where
    T: FnOnce(&mut DatabaseConnection, &mut Output<'_>) -> Result<(), ProvisioningError>
        + Send
        + 'static,
{
    let busy = || ProvisioningError::from(StoreError::Busy);
    let state = &exchange.state;
    let place = state.streaming.enter(exchange.credential.clone()).await;
    let place = place.map_err(|_| busy())?;
    let seconds = state.settings.limits.stream_seconds;
    let end = Instant::now() + Duration::from_secs(seconds.into());
    let (sender, mut receiver) = channel(WAITING);
    let database = state.database.clone();
    let task = actix_web::rt::spawn(async move {
        database
            .read_with(freshness, move |connection| {
                let _place = place;
                let runtime = Handle::current();
                let mut send = |piece: String| {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        tracing::info!(seconds, "an answer took its client too long and broke off");
                        return false;
                    }
                    let sent = timeout(PATIENCE.min(left), sender.send(Bytes::from(piece)));
                    matches!(runtime.block_on(sent), Ok(Ok(())))
                };
                let mut output = Output::new(&mut send);
                task(connection, &mut output)?;
                Ok(output.finish())
            })
            .await
    });
    match receiver.recv().await {
        Some(first) => Ok(builder.body(Pieces {
            first: Some(first),
            receiver,
            rest: Some(task),
        })),
        None => match task.await {
            Ok(text) => Ok(builder.body(text?.unwrap_or_default())),
            Err(_) => Err(ProvisioningError::from(StoreError::Busy).into()),
        },
    }
}

/// A body whose length is not known.
struct Pieces {
    first: Option<Bytes>,
    receiver: Receiver<Bytes>,
    rest: Option<JoinHandle<Result<Option<String>, ProvisioningError>>>,
}

/// The answer broke off; the client sees a connection that is closed before its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer could not be completed")]
struct BrokenOff;

impl MessageBody for Pieces {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if let Some(piece) = ready!(self.receiver.poll_recv(context)) {
            return Poll::Ready(Some(Ok(piece)));
        }
        let Some(task) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let outcome = ready!(Pin::new(task).poll(context));
        self.rest = None;
        Poll::Ready(match outcome {
            Ok(Ok(Some(text))) => Some(Ok(Bytes::from(text))),
            Ok(Err(error)) => {
                tracing::error!(cause = %crate::http::problem::Chain(&error), "an answer broke off");
                Some(Err(BrokenOff.into()))
            }
            Ok(Ok(None)) | Err(_) => Some(Err(BrokenOff.into())),
        })
    }
}
