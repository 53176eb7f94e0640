//! Authentication policies, who is named by them, and for whom which one holds.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::connection::{CHUNK, on_either};
use super::error::StoreError;
use super::id::{DirectoryId, PolicyId, ResourceId};
use super::memberships;
use super::schema::{authentication_policies, policy_members, resources};
use super::sql::Statement;

/// A policy; times are in milliseconds since the epoch, `settings` and `pending` the text of JSON objects.
#[derive(
    Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset, QueryableByName,
)]
#[diesel(table_name = authentication_policies)]
#[diesel(treat_none_as_null = true)]
pub struct PolicyRow {
    /// Its identifier.
    #[diesel(sql_type = Text)]
    pub id: String,
    /// Its name, unique whatever the case.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The name in lower case.
    #[diesel(sql_type = Text)]
    pub name_folded: String,
    /// Its place in the order of precedence.
    #[diesel(sql_type = BigInt)]
    pub rank: i64,
    /// Whether it holds for whoever no other names.
    #[diesel(sql_type = Bool)]
    pub is_default: bool,
    /// What it says.
    #[diesel(sql_type = Text)]
    pub settings: String,
    /// What it says otherwise from an instant on.
    #[diesel(sql_type = Nullable<Text>)]
    pub pending: Option<String>,
    /// That instant.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub pending_at: Option<i64>,
    /// When it was made.
    #[diesel(sql_type = BigInt)]
    pub created_at: i64,
    /// When it was last changed.
    #[diesel(sql_type = BigInt)]
    pub modified_at: i64,
}

/// A person or group that a policy names.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct PolicyMember {
    /// The policy.
    pub policy_id: String,
    /// The person or group.
    pub member_id: String,
    /// `User` or `Group`.
    pub member_type: String,
    /// When it was added, in milliseconds since the epoch.
    pub added_at: i64,
    /// Its directory.
    pub directory_id: String,
    /// The person's `userName`.
    pub user_name: Option<String>,
    /// What it is called.
    pub display_name: Option<String>,
}

/// Holds off every other change of policies until the transaction ends.
///
/// # Errors
/// When the database fails.
pub fn lock(connection: &mut DatabaseConnection) -> Result<(), StoreError> {
    if let DatabaseConnection::Postgres(connection) = connection {
        let _default: Vec<String> = authentication_policies::table
            .filter(authentication_policies::is_default)
            .select(authentication_policies::id)
            .for_update()
            .load(connection)?;
    }
    Ok(())
}

/// All of them in the order of precedence; the default one is last.
///
/// # Errors
/// When the database fails.
pub fn list(connection: &mut DatabaseConnection) -> Result<Vec<PolicyRow>, StoreError> {
    Ok(authentication_policies::table
        .order((
            authentication_policies::is_default,
            authentication_policies::rank,
            authentication_policies::id,
        ))
        .select(PolicyRow::as_select())
        .load(connection)?)
}

/// One policy.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &PolicyId,
) -> Result<Option<PolicyRow>, StoreError> {
    Ok(authentication_policies::table
        .find(id.as_str())
        .select(PolicyRow::as_select())
        .first(connection)
        .optional()?)
}

/// Those with a change that holds from an instant up to now on.
///
/// # Errors
/// When the database fails.
pub fn due(
    connection: &mut DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<PolicyRow>, StoreError> {
    Ok(authentication_policies::table
        .filter(authentication_policies::pending_at.le(now.as_millis()))
        .order(authentication_policies::id)
        .select(PolicyRow::as_select())
        .load(connection)?)
}

/// Adds one.
///
/// # Errors
/// A unique violation where the name is taken; when the database fails.
pub fn insert(connection: &mut DatabaseConnection, policy: &PolicyRow) -> Result<(), StoreError> {
    diesel::insert_into(authentication_policies::table)
        .values(policy)
        .execute(connection)?;
    Ok(())
}

/// Changes all of it.
///
/// # Errors
/// A unique violation where the name is taken; when the database fails.
pub fn update(connection: &mut DatabaseConnection, policy: &PolicyRow) -> Result<(), StoreError> {
    diesel::update(authentication_policies::table.find(&policy.id))
        .set(policy)
        .execute(connection)?;
    Ok(())
}

/// Moves one to another place in the order of precedence.
///
/// # Errors
/// When the database fails.
pub fn set_rank(
    connection: &mut DatabaseConnection,
    id: &PolicyId,
    rank: i64,
) -> Result<(), StoreError> {
    diesel::update(authentication_policies::table.find(id.as_str()))
        .set(authentication_policies::rank.eq(rank))
        .execute(connection)?;
    Ok(())
}

/// Removes one and whom it names.
///
/// # Errors
/// When the database fails.
pub fn delete(connection: &mut DatabaseConnection, id: &PolicyId) -> Result<(), StoreError> {
    diesel::delete(policy_members::table.filter(policy_members::policy_id.eq(id.as_str())))
        .execute(connection)?;
    diesel::delete(authentication_policies::table.find(id.as_str())).execute(connection)?;
    Ok(())
}

/// A page of those whom a policy names after an id, in the order of their ids.
///
/// # Errors
/// When the database fails.
pub fn members(
    connection: &mut DatabaseConnection,
    policy: &PolicyId,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<PolicyMember>, StoreError> {
    Ok(policy_members::table
        .inner_join(resources::table.on(resources::id.eq(policy_members::member_id)))
        .filter(policy_members::policy_id.eq(policy.as_str()))
        .filter(policy_members::member_id.gt(after.unwrap_or_default()))
        .order(policy_members::member_id)
        .limit(limit)
        .select(MEMBER)
        .load(connection)?)
}

/// Those of these whom a policy names, in no order.
///
/// # Errors
/// When the database fails.
pub fn members_among(
    connection: &mut DatabaseConnection,
    policy: &PolicyId,
    ids: &[ResourceId],
) -> Result<Vec<PolicyMember>, StoreError> {
    let mut found = Vec::new();
    for some in ids.chunks(CHUNK) {
        found.extend(
            policy_members::table
                .inner_join(resources::table.on(resources::id.eq(policy_members::member_id)))
                .filter(policy_members::policy_id.eq(policy.as_str()))
                .filter(policy_members::member_id.eq_any(some.iter().map(ResourceId::as_str)))
                .select(MEMBER)
                .load::<PolicyMember>(connection)?,
        );
    }
    Ok(found)
}

/// The columns of a [`PolicyMember`].
const MEMBER: (
    policy_members::policy_id,
    policy_members::member_id,
    policy_members::member_type,
    policy_members::added_at,
    resources::directory_id,
    resources::user_name,
    resources::display_name,
) = (
    policy_members::policy_id,
    policy_members::member_id,
    policy_members::member_type,
    policy_members::added_at,
    resources::directory_id,
    resources::user_name,
    resources::display_name,
);

/// The ids of all whom a policy names.
///
/// # Errors
/// When the database fails.
pub fn member_ids(
    connection: &mut DatabaseConnection,
    policy: &PolicyId,
) -> Result<Vec<ResourceId>, StoreError> {
    let ids: Vec<String> = policy_members::table
        .filter(policy_members::policy_id.eq(policy.as_str()))
        .order(policy_members::member_id)
        .select(policy_members::member_id)
        .load(connection)?;
    Ok(ids.into_iter().map(ResourceId::new).collect())
}

/// Lets a policy name somebody or a group; false where it did before.
///
/// # Errors
/// When the database fails.
pub fn add_member(
    connection: &mut DatabaseConnection,
    policy: &PolicyId,
    member: &ResourceId,
    member_type: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = (
        policy_members::policy_id.eq(policy.as_str()),
        policy_members::member_id.eq(member.as_str()),
        policy_members::member_type.eq(member_type),
        policy_members::added_at.eq(now.as_millis()),
    );
    let added = on_either!(connection, connection => diesel::insert_into(policy_members::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(connection)?);
    Ok(added > 0)
}

/// Lets a policy name somebody or a group no more; false where it did not.
///
/// # Errors
/// When the database fails.
pub fn remove_member(
    connection: &mut DatabaseConnection,
    policy: &PolicyId,
    member: &ResourceId,
) -> Result<bool, StoreError> {
    Ok(
        diesel::delete(policy_members::table.find((policy.as_str(), member.as_str())))
            .execute(connection)?
            > 0,
    )
}

/// Takes a person or group that is deleted out of every policy and gives those that named it.
///
/// # Errors
/// When the database fails.
pub fn forget_member(
    connection: &mut DatabaseConnection,
    member: &ResourceId,
) -> Result<Vec<PolicyId>, StoreError> {
    let ids: Vec<String> =
        diesel::delete(policy_members::table.filter(policy_members::member_id.eq(member.as_str())))
            .returning(policy_members::policy_id)
            .get_results(connection)?;
    Ok(ids.into_iter().map(PolicyId::new).collect())
}

/// Takes everybody of a directory that is removed out of every policy.
///
/// # Errors
/// When the database fails.
pub fn forget_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<(), StoreError> {
    Statement::sql(
        "DELETE FROM policy_members WHERE member_id IN (SELECT id FROM resources WHERE directory_id = ",
    )
    .text(directory.as_str())
    .push(")")
    .execute(connection)?;
    Ok(())
}

/// `UNION` drops what was found before, so that groups which contain each other end the recursion.
const HOLDING: &str = "WITH RECURSIVE ancestors (id) AS (
    SELECT group_id FROM memberships WHERE member_id = ?
    UNION SELECT m.group_id FROM memberships m JOIN ancestors a ON m.member_id = a.id)
SELECT p.id, p.name, p.name_folded, p.rank, p.is_default, p.settings, p.pending, p.pending_at, p.created_at, p.modified_at
FROM authentication_policies p
WHERE p.is_default OR p.id IN (SELECT policy_id FROM policy_members WHERE member_id = ?
    UNION ALL SELECT n.policy_id FROM policy_members n JOIN ancestors a ON a.id = n.member_id)
ORDER BY p.is_default, p.rank, p.id LIMIT 1";

/// The policy that holds for a person: the first that names them or a group that they are in, directly or
/// through others; the default one where none does.
///
/// # Errors
/// When the database fails.
pub fn holding(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<PolicyRow, StoreError> {
    let found: Vec<PolicyRow> =
        Statement::fixed(HOLDING, &[person.as_str(), person.as_str()]).load(connection)?;
    // Without the default policy nobody knows what is allowed.
    found.into_iter().next().ok_or(StoreError::Corrupt {
        what: "default policy",
    })
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Text)]
    id: String,
}

/// Everything by which policies name a person: themselves, and each group that they are in.
///
/// # Errors
/// When the database fails.
pub fn naming(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Vec<PolicyMember>, StoreError> {
    let named: Vec<String> = memberships::groups_of(connection, person)?
        .into_iter()
        .map(|group| group.group_id.to_string())
        .chain([person.to_string()])
        .collect();
    let mut found = Vec::new();
    for some in named.chunks(CHUNK) {
        let rows: Vec<PolicyMember> = policy_members::table
            .inner_join(resources::table.on(resources::id.eq(policy_members::member_id)))
            .filter(policy_members::member_id.eq_any(some))
            .order((policy_members::policy_id, policy_members::member_id))
            .select(MEMBER)
            .load(connection)?;
        found.extend(rows);
    }
    Ok(found)
}

/// The active people among these and within those of them that are groups, each once.
///
/// # Errors
/// When the database fails.
pub fn active_people_within(
    connection: &mut DatabaseConnection,
    members: &[ResourceId],
    person_type: &str,
) -> Result<Vec<ResourceId>, StoreError> {
    let within = memberships::members_of_found(connection.dialect(), "within");
    let mut people = std::collections::BTreeSet::new();
    for some in members.chunks(CHUNK) {
        let ids = some
            .iter()
            .map(|id| Statement::sql("").text(id.as_str()))
            .collect();
        let rows: Vec<IdRow> = Statement::sql(
            "WITH RECURSIVE within (id, kind) AS (SELECT id, resource_type FROM resources WHERE id IN ",
        )
        .append(Statement::join(ids, ", "))
        .push(format!(
            " UNION SELECT m.member_id, m.member_type FROM {within}) \
             SELECT r.id FROM within w JOIN resources r ON r.id = w.id WHERE r.active AND r.resource_type = "
        ))
        .text(person_type)
        .load(connection)?;
        people.extend(rows.into_iter().map(|row| ResourceId::new(row.id)));
    }
    Ok(people.into_iter().collect())
}

/// How many active people there are.
///
/// # Errors
/// When the database fails.
pub fn count_active_people(
    connection: &mut DatabaseConnection,
    person_type: &str,
) -> Result<i64, StoreError> {
    Ok(resources::table
        .filter(resources::resource_type.eq(person_type))
        .filter(resources::active)
        .count()
        .get_result(connection)?)
}

/// The rank of the first policy that names the owner of a credential, or a group that they are in; upward from the owner,
/// as [`HOLDING`] goes. Downward from the policies it would be the same list for all credentials, but nothing knows how
/// long that is, and PostgreSQL has compared each of them with everybody on it. Ranks are looked up one group at a time,
/// by the index of members.
const RANK_OF_OWNER: &str = "(WITH RECURSIVE reached (id) AS (
    SELECT credentials.owner_id
    UNION SELECT m.group_id FROM memberships m JOIN reached r ON m.member_id = r.id)
SELECT MIN((SELECT MIN(p.rank) FROM policy_members n JOIN authentication_policies p ON p.id = n.policy_id
    WHERE n.member_id = r.id)) FROM reached r)";

/// The condition that a policy holds for the owner of a credential. It is asked of each credential by itself, so it comes
/// after what an index or the row answers.
pub(super) fn holds_for_owner(policy: &PolicyRow) -> Statement {
    if policy.is_default {
        return Statement::sql(format!("owner_id IS NOT NULL AND {RANK_OF_OWNER} IS NULL"));
    }
    Statement::sql(format!("owner_id IS NOT NULL AND {RANK_OF_OWNER} = ")).integer(policy.rank)
}
