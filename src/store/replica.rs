//! What a replica says of itself.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Double};

use super::DatabaseConnection;
use super::error::StoreError;

/// How far a replica of PostgreSQL is.
#[derive(Debug, Clone, Copy, PartialEq, QueryableByName)]
pub struct ReplicaState {
    /// Whether it follows another server.
    #[diesel(sql_type = Bool)]
    pub follows: bool,
    /// For how many seconds it has not applied what it has received.
    #[diesel(sql_type = Double)]
    pub seconds_behind: f64,
}

/// Asks a server; none where it is not PostgreSQL.
///
/// # Errors
/// When it cannot be asked.
pub fn state(connection: &mut DatabaseConnection) -> Result<Option<ReplicaState>, StoreError> {
    let DatabaseConnection::Postgres(connection) = connection else {
        return Ok(None);
    };
    // A primary without writes leaves the time of the last one where it is.
    let query = "SELECT pg_is_in_recovery() AS follows,
        CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE COALESCE(EXTRACT(EPOCH FROM now() - pg_last_xact_replay_timestamp()), 0)
        END::float8 AS seconds_behind";
    Ok(Some(diesel::sql_query(query).get_result(connection)?))
}
