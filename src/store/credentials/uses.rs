//! When and from where credentials were last used: of one at once, and of many behind the requests that used them.

use std::collections::HashSet;
use std::net::IpAddr;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::store::DatabaseConnection;
use crate::store::error::StoreError;
use crate::store::id::CredentialId;
use crate::store::schema::credentials;

use super::turns;

/// A credential, when it was last used, and from where.
pub type Use = (CredentialId, Timestamp, Option<IpAddr>);

/// Writes down when and from where a credential was last used.
///
/// # Errors
/// When the database fails.
pub fn record_use(
    connection: &mut DatabaseConnection,
    (id, at, address): &Use,
) -> Result<(), StoreError> {
    turns::take(connection, id)?;
    set_last_use(connection, id, *at, *address)
}

/// The same, unless somebody acts with it for longer than a moment, since whoever comes after this waits behind it.
///
/// # Errors
/// When the database fails, and where the moment is over.
pub fn record_use_soon(connection: &mut DatabaseConnection, one: &Use) -> Result<(), StoreError> {
    if let DatabaseConnection::Postgres(postgres) = connection {
        postgres.batch_execute("SET LOCAL lock_timeout = '100ms'")?;
    }
    record_use(connection, one)
}

/// The same of many. Gives those that somebody holds, of whom nothing is written: to wait for one of them would have
/// all wait who act with another.
///
/// # Errors
/// When the database fails.
pub fn record_uses(
    connection: &mut DatabaseConnection,
    uses: &[Use],
) -> Result<Vec<Use>, StoreError> {
    let free: Option<HashSet<String>> = match connection {
        DatabaseConnection::Sqlite(_) => None,
        DatabaseConnection::Postgres(postgres) => {
            let ids = uses.iter().map(|(id, _, _)| id.as_str());
            let free = credentials::table
                .filter(credentials::id.eq_any(ids))
                .select(credentials::id)
                .for_update()
                .skip_locked();
            Some(free.load(postgres)?.into_iter().collect())
        }
    };
    let mut held = Vec::new();
    for one in uses {
        let (id, at, address) = one;
        if free.as_ref().is_none_or(|free| free.contains(id.as_str())) {
            set_last_use(connection, id, *at, *address)?;
        } else {
            held.push(one.clone());
        }
    }
    Ok(held)
}

fn set_last_use(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
    at: Timestamp,
    address: Option<IpAddr>,
) -> Result<(), StoreError> {
    // A node that writes later may know less.
    let is_newer = credentials::last_used_at
        .is_null()
        .or(credentials::last_used_at.lt(at.as_millis()));
    diesel::update(credentials::table.find(id.as_str()).filter(is_newer))
        .set((
            credentials::last_used_at.eq(at.as_millis()),
            credentials::last_used_ip.eq(address.map(|address| address.to_string())),
        ))
        .execute(connection)?;
    Ok(())
}
