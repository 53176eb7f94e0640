//! Credentials as people look for them: the newest first, or what expires soonest, narrowed by how they stand.

use diesel::dsl::{AsSelect, IntoBoxed, Select, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use crate::clock::Timestamp;
use crate::secret::SecretKind;

use super::super::DatabaseConnection;
use super::super::SqlDialect;
use super::super::error::StoreError;
use super::super::id::{CredentialId, DirectoryId, ProductId, ResourceId, ServiceAccountId};
use super::super::schema::{credentials, service_accounts};
use super::super::service_accounts::escaped;
use super::super::walk::Walked;
use super::{Credential, Row};

/// How a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It works.
    Active,
    /// It works, and a successor has been issued.
    Rotated,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
    /// Its maker has left it behind, and it was not revoked.
    Orphaned,
}

/// Which credentials are looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Of these kinds; of none where there are none.
    pub kinds: Vec<SecretKind>,
    /// How they stand at an instant.
    pub standing: Option<(Standing, Timestamp)>,
    /// Bound to this directory.
    pub directory: Option<DirectoryId>,
    /// Of this person.
    pub owner: Option<ResourceId>,
    /// Made by this person.
    pub creator: Option<ResourceId>,
    /// Made by this person, or of a service account that they answer for.
    pub left_by: Option<ResourceId>,
    /// Of this product.
    pub product: Option<ProductId>,
    /// Of this service account.
    pub service_account: Option<ServiceAccountId>,
    /// Made before this.
    pub made_before: Option<Timestamp>,
    /// Expiring at this instant or later.
    pub expires_since: Option<Timestamp>,
    /// Expiring before this.
    pub expires_before: Option<Timestamp>,
    /// Not used since this, or never.
    pub unused_since: Option<Timestamp>,
    /// Last used from an address that begins so.
    pub last_used_from: Option<String>,
    /// Whose name contains this, in capitals or not, or whose secret begins with it.
    pub text: Option<String>,
}

/// Those that somebody made, and those of the service accounts that they answer for.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn left_by<'a>(person: &'a ResourceId) -> _ {
    let id: &'a str = person.as_str();
    let accounts = service_accounts::table
        .filter(service_accounts::owner_id.eq(id))
        .select(service_accounts::id.nullable());
    credentials::creator_id
        .eq(id)
        .or(credentials::service_account_id.eq_any(accounts))
        .assume_not_null()
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// Lower case; on SQLite of ASCII alone.
    fn lower(text: Text) -> Text;
}

impl Search {
    /// Whether all of them are of one holder, of whom there is an index: they are few, and are sorted.
    fn is_of_one(&self) -> bool {
        self.owner.is_some()
            || self.creator.is_some()
            || self.left_by.is_some()
            || self.service_account.is_some()
            || self.directory.is_some()
    }

    /// Whether each of them is looked at by itself, as no index has what is asked.
    fn looks_through(&self) -> bool {
        let is_plain = self.standing.is_none()
            && self.made_before.is_none()
            && self.unused_since.is_none()
            && self.last_used_from.is_none()
            && self.text.is_none();
        !is_plain && !self.is_of_one()
    }
}

/// Credentials that are looked for, the newest first, from before an id. Each kind is a walk of its own down an index:
/// keys are few, and are not looked for among a million of sessions.
///
/// # Errors
/// When the database fails.
pub fn newest(
    connection: &mut DatabaseConnection,
    search: &Search,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<Credential>, StoreError> {
    Ok(newest_within(connection, search, before, limit, i64::MAX)?.found)
}

/// The same, looking through so many of each kind at most.
///
/// # Errors
/// When the database fails.
pub fn newest_within(
    connection: &mut DatabaseConnection,
    search: &Search,
    before: Option<&str>,
    limit: i64,
    steps: i64,
) -> Result<Walked<Credential, CredentialId>, StoreError> {
    let mut found = Vec::new();
    let mut ends = Vec::new();
    for kind in &search.kinds {
        let last = if steps < i64::MAX && search.looks_through() {
            last_by_age(connection, *kind, search, before, steps)?
        } else {
            None
        };
        let query = by_age(connection.dialect(), *kind, search, before, last.as_deref());
        let rows = query.limit(limit).load(connection)?;
        if let Some(last) = last.filter(|_| is_short_of(&rows, limit)) {
            ends.push(CredentialId::new(last));
        }
        found.extend(read(rows)?);
    }
    found.sort_by(|one, other| other.id.cmp(&one.id));
    // What is older than where the walk of another kind has stopped may come after something of that kind.
    let stopped_at = ends.into_iter().max();
    if let Some(stop) = &stopped_at {
        found.retain(|one| one.id >= *stop);
    }
    Ok(cut(found, stopped_at, limit))
}

fn is_short_of<T>(rows: &[T], limit: i64) -> bool {
    i64::try_from(rows.len()).is_ok_and(|number| number < limit)
}

fn read(rows: Vec<Row>) -> Result<Vec<Credential>, StoreError> {
    rows.into_iter().map(Row::read).collect()
}

/// So many; where there are as many, no walk has stopped too early.
fn cut<Place>(
    mut found: Vec<Credential>,
    stopped_at: Option<Place>,
    limit: i64,
) -> Walked<Credential, Place> {
    let is_short = is_short_of(&found, limit);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Walked {
        found,
        stopped_at: stopped_at.filter(|_| is_short),
    }
}

type Backend = <DatabaseConnection as Connection>::Backend;
type Narrowed<'a> = IntoBoxed<'a, Select<credentials::table, AsSelect<Row, Backend>>, Backend>;

/// A place in what expires soonest: when the one before expires, and which it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpiryPlace {
    /// When it expires.
    pub expires_at: Timestamp,
    /// Its identifier.
    pub id: CredentialId,
}

/// Credentials that are looked for, what expires soonest first, from after a place. Each kind is a walk of its own
/// up the index of what expires, in which there are neither sessions nor one-time links: of those it finds none. So
/// many of each kind are looked through at most.
///
/// # Errors
/// When the database fails.
pub fn soonest_to_expire(
    connection: &mut DatabaseConnection,
    search: &Search,
    after: Option<&ExpiryPlace>,
    limit: i64,
    steps: i64,
) -> Result<Walked<Credential, ExpiryPlace>, StoreError> {
    let mut found = Vec::new();
    let mut ends = Vec::new();
    for kind in &search.kinds {
        let is_walked = search.looks_through() || search.product.is_some();
        let last = if is_walked && !search.is_of_one() {
            last_by_expiry(connection, *kind, search, after, steps)?
        } else {
            None
        };
        let query = by_expiry(*kind, search, after, last.as_ref());
        let rows = query.limit(limit).load(connection)?;
        if let Some(last) = last.filter(|_| is_short_of(&rows, limit)) {
            ends.push(last);
        }
        found.extend(read(rows)?);
    }
    found.sort_by(|one, other| (one.expires_at, &one.id).cmp(&(other.expires_at, &other.id)));
    let stopped_at = ends.into_iter().min();
    if let Some(stop) = &stopped_at {
        found.retain(|one| (one.expires_at, &one.id) <= (stop.expires_at, &stop.id));
    }
    Ok(cut(found, stopped_at, limit))
}

/// Word for word the condition of the index, or else it is not used.
const EXPIRING: &str = "kind NOT IN ('session', 'password_link')";

fn by_expiry<'a>(
    kind: SecretKind,
    search: &'a Search,
    after: Option<&'a ExpiryPlace>,
    last: Option<&'a ExpiryPlace>,
) -> Narrowed<'a> {
    let mut query = narrowed(kind, search).filter(sql::<Bool>(EXPIRING));
    query = if search.is_of_one() {
        query.order((
            sql::<BigInt>("(expires_at + 0)").asc(),
            credentials::id.asc(),
        ))
    } else {
        query.order((credentials::expires_at.asc(), credentials::id.asc()))
    };
    if let Some(place) = after {
        let at = place.expires_at.as_millis();
        // The first condition is where the walk begins.
        query = query.filter(credentials::expires_at.ge(at)).filter(
            credentials::expires_at
                .gt(at)
                .or(credentials::id.gt(place.id.as_str())),
        );
    }
    if let Some(place) = last {
        let at = place.expires_at.as_millis();
        query = query.filter(credentials::expires_at.le(at)).filter(
            credentials::expires_at
                .lt(at)
                .or(credentials::id.le(place.id.as_str())),
        );
    }
    query
}

/// Where the walk of a kind ends after so many steps; `None` where it comes to its end before.
fn last_by_expiry(
    connection: &mut DatabaseConnection,
    kind: SecretKind,
    search: &Search,
    after: Option<&ExpiryPlace>,
    steps: i64,
) -> Result<Option<ExpiryPlace>, StoreError> {
    let range = Search {
        expires_since: search.expires_since,
        expires_before: search.expires_before,
        ..Search::default()
    };
    let row: Option<Row> = by_expiry(kind, &range, after, None)
        .offset(steps.saturating_sub(1))
        .limit(1)
        .first(connection)
        .optional()?;
    let last = row.map(Row::read).transpose()?;
    Ok(last.map(|last| ExpiryPlace {
        expires_at: last.expires_at,
        id: last.id,
    }))
}

fn by_age<'a>(
    dialect: SqlDialect,
    kind: SecretKind,
    search: &'a Search,
    before: Option<&'a str>,
    last: Option<&'a str>,
) -> Narrowed<'a> {
    let mut query = narrowed(kind, search);
    // Those of one are found by the index of them, and not by walking down all of the kind. PostgreSQL, which does not
    // see how seldom the rest is true, would walk down those of every kind.
    query = if search.is_of_one() || (dialect == SqlDialect::Postgres && search.looks_through()) {
        query.order(sql::<Text>("(id || '')").desc())
    } else {
        query.order(credentials::id.desc())
    };
    if let Some(before) = before {
        query = query.filter(credentials::id.lt(before));
    }
    if let Some(last) = last {
        query = query.filter(credentials::id.ge(last));
    }
    query
}

/// The same by age.
fn last_by_age(
    connection: &mut DatabaseConnection,
    kind: SecretKind,
    search: &Search,
    before: Option<&str>,
    steps: i64,
) -> Result<Option<String>, StoreError> {
    let mut query = credentials::table
        .filter(credentials::kind.eq(kind.name()))
        .order(credentials::id.desc())
        .offset(steps.saturating_sub(1))
        .limit(1)
        .select(credentials::id)
        .into_boxed();
    if let Some(product) = &search.product {
        query = query.filter(credentials::product_id.eq(product.as_str()));
    }
    if let Some(before) = before {
        query = query.filter(credentials::id.lt(before));
    }
    Ok(query.first(connection).optional()?)
}

/// Those of a kind that are looked for, in no order yet.
fn narrowed(kind: SecretKind, search: &Search) -> Narrowed<'_> {
    let mut query = credentials::table
        .select(Row::as_select())
        .into_boxed()
        .filter(credentials::kind.eq(kind.name()));
    if let Some(directory) = &search.directory {
        query = query.filter(credentials::directory_id.eq(directory.as_str()));
    }
    if let Some(owner) = &search.owner {
        query = query.filter(credentials::owner_id.eq(owner.as_str()));
    }
    if let Some(creator) = &search.creator {
        query = query.filter(credentials::creator_id.eq(creator.as_str()));
    }
    if let Some(leaver) = &search.left_by {
        query = query.filter(left_by(leaver));
    }
    if let Some(product) = &search.product {
        query = query.filter(credentials::product_id.eq(product.as_str()));
    }
    if let Some(account) = &search.service_account {
        query = query.filter(credentials::service_account_id.eq(account.as_str()));
    }
    if let Some(before) = search.made_before {
        query = query.filter(credentials::created_at.lt(before.as_millis()));
    }
    if let Some(since) = search.expires_since {
        query = query.filter(credentials::expires_at.ge(since.as_millis()));
    }
    if let Some(before) = search.expires_before {
        query = query.filter(credentials::expires_at.lt(before.as_millis()));
    }
    if let Some(since) = search.unused_since {
        let unused = credentials::last_used_at
            .is_null()
            .or(credentials::last_used_at.lt(since.as_millis()));
        query = query.filter(unused.assume_not_null());
    }
    if let Some(address) = &search.last_used_from {
        let begins = credentials::last_used_ip
            .like(format!("{}%", escaped(address)))
            .escape('\\');
        query = query.filter(begins.assume_not_null());
    }
    if let Some(text) = &search.text {
        let contains = |text: &str| format!("%{}%", escaped(text));
        // As it was typed too: what SQLite does not put in lower case is found so.
        let named = lower(credentials::name)
            .like(contains(&text.to_lowercase()))
            .escape('\\')
            .or(credentials::name.like(contains(text)).escape('\\'));
        let begins = credentials::prefix
            .like(format!("{}%", escaped(text)))
            .escape('\\');
        query = query.filter(named.or(begins));
    }
    if let Some((standing, now)) = search.standing {
        let now = now.as_millis();
        query = match standing {
            Standing::Revoked => query.filter(credentials::revoked_at.is_not_null()),
            Standing::Orphaned => query
                .filter(credentials::orphaned_at.is_not_null())
                .filter(credentials::revoked_at.is_null()),
            Standing::Rotated => query
                .filter(credentials::successor_id.is_not_null())
                .filter(credentials::revoked_at.is_null()),
            Standing::Expired => query
                .filter(credentials::revoked_at.is_null())
                .filter(credentials::successor_id.is_null())
                .filter(
                    credentials::expires_at
                        .le(now)
                        .or(credentials::idle_expires_at.le(now))
                        .assume_not_null(),
                ),
            Standing::Active => query
                .filter(credentials::revoked_at.is_null())
                .filter(credentials::successor_id.is_null())
                .filter(credentials::expires_at.gt(now))
                .filter(
                    credentials::idle_expires_at
                        .is_null()
                        .or(credentials::idle_expires_at.gt(now))
                        .assume_not_null(),
                ),
        };
    }
    query
}
