//! The ending of credentials: one, all of a person, of a service account, of a directory, of a product; and the flag of those that
//! were left behind.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::clock::Timestamp;
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::error::StoreError;
use crate::store::id::{
    CredentialId, DirectoryId, InstanceId, PolicyId, ProductId, ResourceId, ServiceAccountId,
};
use crate::store::schema::credentials;
use crate::store::sql::Statement;

use super::Creator;
use super::holders::Holder;
use super::impact::Whose;
use super::turns;

/// Revokes one credential; false where it was revoked before.
///
/// # Errors
/// When the database fails.
pub fn revoke(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    turns::take(connection, id)?;
    let revoked = diesel::update(
        credentials::table
            .find(id.as_str())
            .filter(credentials::revoked_at.is_null()),
    )
    .set((
        credentials::revoked_at.eq(now.as_millis()),
        credentials::revoked_reason.eq(reason),
    ))
    .execute(connection)?;
    Ok(revoked > 0)
}

/// How many credentials of each kind.
pub type Counts = BTreeMap<String, i64>;

#[derive(QueryableByName)]
struct KindRow {
    #[diesel(sql_type = Text)]
    kind: String,
}

/// Runs a statement that gives the kinds of the rows it changed.
fn count_changed(
    connection: &mut DatabaseConnection,
    statement: Statement,
) -> Result<Counts, StoreError> {
    let statement = statement.push(" RETURNING kind").cached();
    let rows: Vec<KindRow> = statement.load(connection)?;
    let mut counts = Counts::new();
    for row in rows {
        *counts.entry(row.kind).or_default() += 1;
    }
    Ok(counts)
}

/// Revokes what has not been revoked yet of those that a condition selects.
fn revoke_where(
    connection: &mut DatabaseConnection,
    condition: Statement,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    let statement = Statement::sql("UPDATE credentials SET revoked_at = ")
        .integer(now.as_millis())
        .push(", revoked_reason = ")
        .text(reason)
        .push(" WHERE revoked_at IS NULL AND ")
        .append(condition);
    count_changed(connection, statement)
}

/// The same of keys, which others may be acting with at this moment.
fn revoke_keys_where(
    connection: &mut DatabaseConnection,
    condition: Statement,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    turns::take_where(connection, &condition)?;
    revoke_where(connection, condition, reason, now)
}

pub(super) fn of_kinds(kinds: &[SecretKind]) -> Statement {
    let names = kinds
        .iter()
        .map(|kind| Statement::sql("").text(kind.name()))
        .collect();
    Statement::sql("kind IN ").append(Statement::join(names, ", "))
}

/// Revokes everything that authenticates a person, of whatever kind, and counts what worked until now.
///
/// # Errors
/// When the database fails.
pub fn revoke_all_of(
    connection: &mut DatabaseConnection,
    owner: &ResourceId,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    let theirs = Statement::sql("owner_id = ").text(owner.as_str());
    revoke_where(connection, theirs, reason, now)
}

/// Revokes every credential of some kinds, whoever has them.
///
/// # Errors
/// When the database fails.
pub fn revoke_kinds(
    connection: &mut DatabaseConnection,
    kinds: &[SecretKind],
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    revoke_keys_where(connection, of_kinds(kinds), reason, now)
}

/// Revokes a person's credentials of some kinds.
///
/// # Errors
/// When the database fails.
pub fn revoke_kinds_of(
    connection: &mut DatabaseConnection,
    owner: &ResourceId,
    kinds: &[SecretKind],
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    let theirs = Statement::sql("owner_id = ")
        .text(owner.as_str())
        .push(" AND ")
        .append(of_kinds(kinds));
    revoke_where(connection, theirs, reason, now)
}

/// Revokes the links to set a password that a person has made for others: whoever made one may have kept it.
///
/// # Errors
/// When the database fails.
pub fn revoke_links_made_by(
    connection: &mut DatabaseConnection,
    creator: &ResourceId,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    let made = Statement::sql("creator_id = ")
        .text(creator.as_str())
        .push(" AND ")
        .append(of_kinds(&[SecretKind::PasswordLink]));
    revoke_where(connection, made, reason, now)
}

/// Waits for those who act with the keys that are bound to a directory, and has others wait until the transaction ends.
///
/// # Errors
/// When the database fails.
pub fn take_those_of_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<(), StoreError> {
    turns::take_where(connection, &bound_to(directory))
}

fn bound_to(directory: &DirectoryId) -> Statement {
    Statement::sql("directory_id = ").text(directory.as_str())
}

/// Revokes the keys that are bound to a directory.
///
/// # Errors
/// When the database fails.
pub fn revoke_of_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    revoke_keys_where(connection, bound_to(directory), reason, now)
}

/// Revokes what works by any node's clock of that which belongs to something: what has expired goes with nobody's
/// doing, and says so.
fn revoke_working_of(
    connection: &mut DatabaseConnection,
    holder: Holder<'_>,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    let working = works_by_any_clock(now).push(" AND ").append(holder.holds());
    revoke_keys_where(connection, working, reason, now)
}

/// Revokes what works of that which belongs to a product or is limited to it.
///
/// # Errors
/// When the database fails.
pub fn revoke_of_product(
    connection: &mut DatabaseConnection,
    product: &ProductId,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    revoke_working_of(connection, Holder::Product(product), reason, now)
}

/// Revokes what works of that which is limited to one instance of a product and no other.
///
/// # Errors
/// When the database fails.
pub fn revoke_of_instance(
    connection: &mut DatabaseConnection,
    product: &ProductId,
    instance: &InstanceId,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    revoke_working_of(connection, Holder::Instance(product, instance), reason, now)
}

/// Revokes everything that works and authenticates a service account.
///
/// # Errors
/// When the database fails.
pub fn revoke_of_account(
    connection: &mut DatabaseConnection,
    account: &ServiceAccountId,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    revoke_working_of(connection, Holder::Account(account), reason, now)
}

/// The kinds that work for somebody else than their maker, and so outlive their maker's leaving.
const LEFT_BEHIND: [SecretKind; 5] = [
    SecretKind::ScimKey,
    SecretKind::AdminKey,
    SecretKind::ServiceAccountToken,
    SecretKind::ServiceAccountKey,
    SecretKind::ProductCredential,
];

/// Flags the working keys that a person made as orphaned, and counts those that were not. The policy is the one
/// that holds for the maker: its grace period counts.
///
/// # Errors
/// When the database fails.
pub fn flag_orphans_of(
    connection: &mut DatabaseConnection,
    creator: &ResourceId,
    policy: &PolicyId,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    let left = left_by(Whose::Person(creator));
    flag_where(connection, left, policy, reason, now)
}

/// The keys that somebody made and nobody else looks after.
pub(super) fn left_by(whose: Whose<'_>) -> Statement {
    // One that somebody else has rotated is looked after by them.
    let looked_after = Statement::sql(
        "EXISTS (SELECT 1 FROM credentials s WHERE s.id = credentials.successor_id \
         AND s.revoked_at IS NULL AND s.orphaned_at IS NULL \
         AND (s.creator_id IS NULL OR NOT ",
    )
    .append(whose.names("s.creator_id"))
    .push("))");
    whose
        .names("creator_id")
        .push(" AND NOT ")
        .append(looked_after)
        .push(" AND ")
        .append(of_kinds(&LEFT_BEHIND))
}

/// What works: neither revoked nor expired, nor succeeded and out of time.
fn works(now: Timestamp) -> Statement {
    Statement::sql("revoked_at IS NULL AND expires_at > ")
        .integer(now.as_millis())
        .push(" AND (retires_at IS NULL OR retires_at > ")
        .integer(now.as_millis())
        .push(")")
}

/// What works, or may still do so by the clock of another node: what is ended has to end there too.
pub(super) fn works_by_any_clock(now: Timestamp) -> Statement {
    works(now.by_a_slow_clock())
}

/// What works by any node's clock and has no flag yet.
pub(super) fn works_unflagged(now: Timestamp) -> Statement {
    works_by_any_clock(now).push(" AND orphaned_at IS NULL")
}

/// Flags the working credentials of a service account, which its owner has left behind.
///
/// # Errors
/// When the database fails.
pub fn flag_orphans_of_account(
    connection: &mut DatabaseConnection,
    account: &ServiceAccountId,
    policy: &PolicyId,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    let theirs = Statement::sql("service_account_id = ").text(account.as_str());
    flag_where(connection, theirs, policy, reason, now)
}

/// Flags what works and has no flag yet of those that a condition selects.
fn flag_where(
    connection: &mut DatabaseConnection,
    condition: Statement,
    policy: &PolicyId,
    reason: &str,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    let left = works_unflagged(now).push(" AND ").append(condition);
    turns::take_where(connection, &left)?;
    let statement = Statement::sql("UPDATE credentials SET orphaned_at = ")
        .integer(now.as_millis())
        .push(", orphaned_reason = ")
        .text(reason)
        .push(", orphan_policy_id = ")
        .text(policy.as_str())
        .push(" WHERE ")
        .append(left);
    count_changed(connection, statement)
}

/// Clears the flag of a service account's credentials, and names who looks after those from now on.
///
/// # Errors
/// When the database fails.
pub fn adopt_of_account(
    connection: &mut DatabaseConnection,
    account: &ServiceAccountId,
    creator: Option<&Creator>,
) -> Result<(), StoreError> {
    let orphans = credentials::table
        .filter(credentials::service_account_id.eq(account.as_str()))
        .filter(credentials::orphaned_at.is_not_null())
        .filter(credentials::revoked_at.is_null());
    let orphans: Vec<String> = orphans
        .select(credentials::id)
        .order(credentials::id)
        .load(connection)?;
    for id in orphans.into_iter().map(CredentialId::new) {
        turns::take(connection, &id)?;
        clear_orphan(connection, &id)?;
        set_creator(connection, &id, creator)?;
    }
    Ok(())
}

/// Clears the orphan flag.
///
/// # Errors
/// When the database fails.
pub fn clear_orphan(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
) -> Result<(), StoreError> {
    diesel::update(credentials::table.find(id.as_str()))
        .set((
            credentials::orphaned_at.eq(None::<i64>),
            credentials::orphaned_reason.eq(None::<String>),
            credentials::orphan_policy_id.eq(None::<String>),
        ))
        .execute(connection)?;
    Ok(())
}

/// Names who looks after a credential from now on, as its creator; nobody for the command line.
///
/// # Errors
/// When the database fails.
pub fn set_creator(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
    creator: Option<&Creator>,
) -> Result<(), StoreError> {
    diesel::update(credentials::table.find(id.as_str()))
        .set((
            credentials::creator_id.eq(creator.map(|creator| creator.id.as_str())),
            credentials::creator_user_name
                .eq(creator.and_then(|creator| creator.user_name.as_deref())),
            credentials::creator_display_name
                .eq(creator.and_then(|creator| creator.display_name.as_deref())),
        ))
        .execute(connection)?;
    Ok(())
}
