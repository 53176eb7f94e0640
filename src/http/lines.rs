//! Long answers of one JSON object on each line (NDJSON), sent while they are made. Whoever makes them waits for
//! a slow client without holding a database connection.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Bytes;
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::problem::Problem;

/// Pieces that may wait for a slow client.
const WAITING: usize = 4;
const MEDIA_TYPE: &str = "application/x-ndjson";

/// Where lines go.
pub(super) struct Lines(Sender<Result<Bytes, BrokenOff>>);

/// The answer broke off; the client sees a connection that is closed before its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer could not be completed")]
pub(super) struct BrokenOff;

/// Nobody reads any more.
#[derive(Debug)]
pub(super) struct ClientGone;

impl Lines {
    /// Sends each item as a line; waits while the client is slow.
    pub(super) async fn send<T: Serialize>(
        &self,
        items: impl IntoIterator<Item = T>,
    ) -> Result<(), ClientGone> {
        let mut text = Vec::new();
        for item in items {
            // What has no JSON is never made into an item.
            if serde_json::to_writer(&mut text, &item).is_ok() {
                text.push(b'\n');
            }
        }
        if text.is_empty() {
            return Ok(());
        }
        self.send_bytes(text.into()).await
    }

    /// Sends an empty line, which tells whether somebody still reads.
    pub(super) async fn keep_alive(&self) -> Result<(), ClientGone> {
        self.send_bytes(Bytes::from_static(b"\n")).await
    }

    async fn send_bytes(&self, bytes: Bytes) -> Result<(), ClientGone> {
        self.0.send(Ok(bytes)).await.map_err(|_| ClientGone)
    }

    /// Ends the answer so that the client sees that it is not whole.
    pub(super) async fn break_off(self, reason: &Problem) {
        tracing::info!(%reason, "a stream of lines was broken off");
        // A client that has gone away needs not be told.
        let _ = self.0.send(Err(BrokenOff)).await;
    }
}

/// Answers with the lines that the task sends.
pub(super) fn answer<F, T>(task: F) -> HttpResponse
where
    F: FnOnce(Lines) -> T,
    T: Future<Output = ()> + 'static,
{
    let (sender, receiver) = channel(WAITING);
    actix_web::rt::spawn(task(Lines(sender)));
    HttpResponse::Ok()
        .content_type(MEDIA_TYPE)
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(Body(receiver))
}

/// A body whose length is not known.
struct Body(Receiver<Result<Bytes, BrokenOff>>);

impl MessageBody for Body {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let piece = ready!(self.0.poll_recv(context));
        Poll::Ready(piece.map(|piece| piece.map_err(Into::into)))
    }
}
