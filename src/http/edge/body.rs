//! The time that the body of a request may take.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use actix_web::rt::time::{Sleep, sleep};
use actix_web::web::Bytes;
use futures_core::Stream;

use crate::config::Limits;

/// Puts a bound on the body of a request that has one; what is given back becomes true when it was reached.
pub(super) fn bound(request: &mut ServiceRequest, limits: &Limits) -> Option<Rc<Cell<bool>>> {
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH);
    // What follows an upgrade is a body without a length.
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers.contains_key(UPGRADE)
        || length.is_some_and(|length| length.as_bytes() != b"0");
    if !has_body {
        return None;
    }
    let expired = Rc::<Cell<bool>>::default();
    let body = Timed {
        body: request.take_payload(),
        end: Box::pin(sleep(Duration::from_secs(
            limits.request_body_seconds.into(),
        ))),
        expired: Rc::clone(&expired),
    };
    request.set_payload(Payload::Stream {
        payload: Box::pin(body),
    });
    Some(expired)
}

struct Timed {
    body: Payload,
    end: Pin<Box<Sleep>>,
    expired: Rc<Cell<bool>>,
}

impl Stream for Timed {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let piece = Pin::new(&mut self.body).poll_next(context);
        if piece.is_pending() && self.end.as_mut().poll(context).is_ready() {
            self.expired.set(true);
            let error = io::Error::from(io::ErrorKind::TimedOut);
            return Poll::Ready(Some(Err(PayloadError::Io(error))));
        }
        piece
    }
}
