//! The edge of the server: TLS, what slow and broken clients get, the headers of every answer, what is logged and
//! counted, and how it stops.

mod connections;
mod headers;
mod observed;
mod overload;
mod raw;
mod stopping;
mod tls;
mod traces;
