//! All SQL, and nothing else: connections, the writer, migrations, one file per table family and the
//! compiler from filter to SQL. Functions take a connection and the directory they are confined to.
//!
//! No rules live here and no protocol; whether something may happen is decided in the rooms above.

pub mod id;
