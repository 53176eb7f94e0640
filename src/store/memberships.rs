//! Membership of groups: one row each, never part of a document, so that a change costs the same whatever
//! the size of the group.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::connection::{CHUNK, on_either};
use super::error::StoreError;
use super::id::{DirectoryId, ResourceId};
use super::schema::{memberships, resources};
use super::sql::Statement;
use super::{DatabaseConnection, SqlDialect};

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// The member's identifier.
    pub id: ResourceId,
    /// The name of its resource type.
    pub member_type: String,
    /// What it is called: by the client that made it a member, or else by itself.
    pub display: Option<String>,
}

/// A group that something is a member of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberOf {
    /// The group.
    pub group_id: ResourceId,
    /// What it is called.
    pub display_name: Option<String>,
    /// Whether by itself, and not only through another group.
    pub direct: bool,
}

/// Those of the ids that the directory holds, called by their own names. Nobody can delete them until the
/// transaction ends.
///
/// # Errors
/// When the database fails.
pub fn existing(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    ids: &[&str],
) -> Result<BTreeMap<String, GroupMember>, StoreError> {
    let columns = (
        resources::id,
        resources::resource_type,
        resources::display_name,
        resources::user_name,
    );
    let mut rows: Vec<(String, String, Option<String>, Option<String>)> = Vec::new();
    match connection {
        // One statement that stays prepared, rather than one for each number of ids.
        DatabaseConnection::Sqlite(connection) => {
            for id in ids {
                let row = resources::table
                    .find(id)
                    .filter(resources::directory_id.eq(directory.as_str()))
                    .select(columns)
                    .first(connection)
                    .optional()?;
                rows.extend(row);
            }
        }
        DatabaseConnection::Postgres(connection) => {
            for some in ids.chunks(CHUNK) {
                let some = resources::table
                    .filter(resources::id.eq_any(some.iter().copied()))
                    .filter(resources::directory_id.eq(directory.as_str()))
                    .order(resources::id)
                    .select(columns)
                    .for_key_share()
                    .load(connection)?;
                rows.extend(some);
            }
        }
    }
    let named = rows
        .into_iter()
        .map(|(id, member_type, display_name, user_name)| {
            let member = GroupMember {
                id: ResourceId::new(id.as_str()),
                member_type,
                display: display_name.or(user_name),
            };
            (id, member)
        });
    Ok(named.collect())
}

/// Adds members and gives those that were none before. `display` is kept where there is one; without, they
/// are called by their own names. The caller holds the group's row.
///
/// # Errors
/// When the database fails.
pub fn add(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    group: &ResourceId,
    members: &[GroupMember],
) -> Result<Vec<ResourceId>, StoreError> {
    let row = |member: &GroupMember| {
        (
            memberships::group_id.eq(group.to_string()),
            memberships::member_id.eq(member.id.to_string()),
            memberships::directory_id.eq(directory.to_string()),
            memberships::member_type.eq(member.member_type.clone()),
            memberships::display.eq(member.display.clone()),
        )
    };
    let mut added = Vec::new();
    match connection {
        DatabaseConnection::Sqlite(connection) => {
            for member in members {
                let inserted = diesel::insert_or_ignore_into(memberships::table)
                    .values(row(member))
                    .execute(connection)?;
                if inserted > 0 {
                    added.push(member.id.clone());
                }
            }
        }
        DatabaseConnection::Postgres(connection) => {
            for some in members.chunks(CHUNK) {
                let rows: Vec<_> = some.iter().map(row).collect();
                let ids: Vec<String> = diesel::insert_into(memberships::table)
                    .values(rows)
                    .on_conflict_do_nothing()
                    .returning(memberships::member_id)
                    .get_results(connection)?;
                added.extend(ids.into_iter().map(ResourceId::new));
            }
        }
    }
    Ok(added)
}

/// Calls a member by this name; false where it is called so already.
///
/// # Errors
/// When the database fails.
pub fn rename(
    connection: &mut DatabaseConnection,
    group: &ResourceId,
    member: &ResourceId,
    display: &str,
) -> Result<bool, StoreError> {
    let is_other = memberships::display
        .is_null()
        .or(memberships::display.ne(display));
    let renamed = diesel::update(
        memberships::table
            .find((group.as_str(), member.as_str()))
            .filter(is_other),
    )
    .set(memberships::display.eq(display))
    .execute(connection)?;
    Ok(renamed > 0)
}

/// Removes members and gives those that were.
///
/// # Errors
/// When the database fails.
pub fn remove(
    connection: &mut DatabaseConnection,
    group: &ResourceId,
    members: &[ResourceId],
) -> Result<Vec<ResourceId>, StoreError> {
    let mut removed = Vec::new();
    match connection {
        DatabaseConnection::Sqlite(connection) => {
            for member in members {
                let row = memberships::table.find((group.as_str(), member.as_str()));
                if diesel::delete(row).execute(connection)? > 0 {
                    removed.push(member.clone());
                }
            }
        }
        DatabaseConnection::Postgres(connection) => {
            for some in members.chunks(CHUNK) {
                let ids: Vec<String> = diesel::delete(
                    memberships::table
                        .filter(memberships::group_id.eq(group.as_str()))
                        .filter(memberships::member_id.eq_any(some.iter().map(ResourceId::as_str))),
                )
                .returning(memberships::member_id)
                .get_results(connection)?;
                removed.extend(ids.into_iter().map(ResourceId::new));
            }
        }
    }
    Ok(removed)
}

/// Removes all members of a group and tells how many there were.
///
/// # Errors
/// When the database fails.
pub fn remove_all(
    connection: &mut DatabaseConnection,
    group: &ResourceId,
) -> Result<usize, StoreError> {
    Ok(
        diesel::delete(memberships::table.filter(memberships::group_id.eq(group.as_str())))
            .execute(connection)?,
    )
}

/// Removes a resource from all groups, and all members from it where it is one.
///
/// # Errors
/// When the database fails.
pub fn forget(connection: &mut DatabaseConnection, id: &ResourceId) -> Result<(), StoreError> {
    diesel::delete(memberships::table.filter(memberships::member_id.eq(id.as_str())))
        .execute(connection)?;
    remove_all(connection, id)?;
    Ok(())
}

/// Removes all memberships of a directory.
///
/// # Errors
/// When the database fails.
pub fn delete_of_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<(), StoreError> {
    diesel::delete(memberships::table.filter(memberships::directory_id.eq(directory.as_str())))
        .execute(connection)?;
    Ok(())
}

/// A page of a group's members after an id, in the order of their ids.
///
/// # Errors
/// When the database fails.
pub fn page(
    connection: &mut DatabaseConnection,
    group: &ResourceId,
    after: Option<&ResourceId>,
    limit: i64,
) -> Result<Vec<GroupMember>, StoreError> {
    // The memberships before their names: PostgreSQL would go through all members for each page otherwise.
    let rows: Vec<MemberRow> = Statement::sql(
        "SELECT m.member_id, m.member_type, m.display, r.display_name, r.user_name FROM (\
         SELECT member_id, member_type, display FROM memberships WHERE group_id = ",
    )
    .text(group.as_str())
    .push(" AND member_id > ")
    .text(after.map_or("", ResourceId::as_str))
    .push(" ORDER BY member_id LIMIT ")
    .integer(limit)
    .push(") AS m JOIN resources r ON r.id = m.member_id ORDER BY m.member_id")
    .cached()
    .load(connection)?;
    Ok(rows.into_iter().map(MemberRow::read).collect())
}

/// A membership's columns, and the member's names.
#[derive(QueryableByName)]
struct MemberRow {
    #[diesel(sql_type = Text)]
    member_id: String,
    #[diesel(sql_type = Text)]
    member_type: String,
    #[diesel(sql_type = Nullable<Text>)]
    display: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    display_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    user_name: Option<String>,
}

impl MemberRow {
    fn read(self) -> GroupMember {
        GroupMember {
            id: ResourceId::new(self.member_id),
            member_type: self.member_type,
            display: self.display.or(self.display_name).or(self.user_name),
        }
    }
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How many members a group has, counted up to a bound.
///
/// # Errors
/// When the database fails.
pub fn count_up_to(
    connection: &mut DatabaseConnection,
    group: &ResourceId,
    bound: i64,
) -> Result<i64, StoreError> {
    let rows: Vec<CountRow> = Statement::sql(
        "SELECT COUNT(*) AS number FROM (SELECT 1 FROM memberships WHERE group_id = ",
    )
    .text(group.as_str())
    .push(" LIMIT ")
    .integer(bound)
    .push(") AS counted")
    .cached()
    .load(connection)?;
    Ok(rows.first().map_or(0, |row| row.number))
}

/// The ids of the groups that hold a resource by itself.
///
/// # Errors
/// When the database fails.
pub fn direct_groups_of(
    connection: &mut DatabaseConnection,
    member: &ResourceId,
) -> Result<Vec<ResourceId>, StoreError> {
    let query = memberships::table
        .filter(memberships::member_id.eq(member.as_str()))
        .order(memberships::group_id)
        .select(memberships::group_id);
    let ids: Vec<String> = on_either!(connection, connection => query.load(connection))?;
    Ok(ids.into_iter().map(ResourceId::new).collect())
}

#[derive(QueryableByName)]
struct GroupRow {
    #[diesel(sql_type = Text)]
    group_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    display_name: Option<String>,
}

/// `UNION` drops what was found before, so that groups which contain each other end the recursion.
const ANCESTORS: &str = "WITH RECURSIVE ancestors (id) AS (
    SELECT group_id FROM memberships WHERE member_id = ?
    UNION SELECT m.group_id FROM memberships m JOIN ancestors a ON m.member_id = a.id)
SELECT a.id AS group_id, r.display_name FROM ancestors a JOIN resources r ON r.id = a.id ORDER BY a.id";

/// All groups of a resource, those it is in by itself first.
///
/// # Errors
/// When the database fails.
pub fn groups_of(
    connection: &mut DatabaseConnection,
    member: &ResourceId,
) -> Result<Vec<MemberOf>, StoreError> {
    let direct = direct_groups_of(connection, member)?;
    if direct.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<GroupRow> = Statement::fixed(ANCESTORS, &[member.as_str()]).load(connection)?;
    let mut groups: Vec<MemberOf> = rows
        .into_iter()
        .map(|row| {
            let group_id = ResourceId::new(row.group_id);
            MemberOf {
                direct: direct.contains(&group_id),
                group_id,
                display_name: row.display_name,
            }
        })
        .collect();
    groups.sort_by_key(|group| !group.direct);
    Ok(groups)
}

/// Whether a resource is in one of these groups, directly or by nesting.
///
/// # Errors
/// When the database fails.
pub fn is_within_any(
    connection: &mut DatabaseConnection,
    member: &ResourceId,
    groups: &[ResourceId],
) -> Result<bool, StoreError> {
    let wanted = groups
        .iter()
        .map(|group| Statement::sql("").text(group.as_str()))
        .collect();
    let found: Vec<IdRow> = Statement::sql(
        "WITH RECURSIVE ancestors (id) AS (SELECT group_id FROM memberships WHERE member_id = ",
    )
    .text(member.as_str())
    .push(
        " UNION SELECT m.group_id FROM memberships m JOIN ancestors a ON m.member_id = a.id) \
         SELECT id FROM ancestors WHERE id IN ",
    )
    .append(Statement::join(wanted, ", "))
    .push(" LIMIT 1")
    .load(connection)?;
    Ok(!found.is_empty())
}

/// The groups of several resources, by the resource's id; those without any are left out. A statement for
/// each level of nesting, however many resources there are.
///
/// # Errors
/// When the database fails.
pub fn groups_of_many(
    connection: &mut DatabaseConnection,
    members: &[&ResourceId],
) -> Result<BTreeMap<ResourceId, Vec<MemberOf>>, StoreError> {
    let members: Vec<String> = members.iter().map(ToString::to_string).collect();
    let direct = holders_of(connection, &members)?;
    let mut above = Holders::new();
    let mut unvisited: BTreeSet<String> = direct.values().flatten().cloned().collect();
    while !unvisited.is_empty() {
        let level: Vec<String> = unvisited.into_iter().collect();
        let mut holders = holders_of(connection, &level)?;
        for group in level {
            let holding = holders.remove(&group).unwrap_or_default();
            above.insert(group, holding);
        }
        unvisited = above
            .values()
            .flatten()
            .filter(|group| !above.contains_key(*group))
            .cloned()
            .collect();
    }
    let groups: Vec<String> = above.keys().cloned().collect();
    let names = display_names_of(connection, &groups)?;
    let member_of = |group: &String, groups: &[String]| MemberOf {
        group_id: ResourceId::new(group.as_str()),
        display_name: names.get(group).cloned().flatten(),
        direct: groups.contains(group),
    };
    Ok(direct
        .into_iter()
        .map(|(member, groups)| {
            let mut all: Vec<MemberOf> = with_all_above(&groups, &above)
                .into_iter()
                .map(|group| member_of(group, &groups))
                .collect();
            all.sort_by_key(|group| !group.direct);
            (ResourceId::new(member), all)
        })
        .collect())
}

/// The groups that hold something by itself, by what they hold.
type Holders = BTreeMap<String, Vec<String>>;

#[derive(QueryableByName)]
struct HolderRow {
    #[diesel(sql_type = Text)]
    member_id: String,
    #[diesel(sql_type = Text)]
    group_id: String,
}

fn holders_of(
    connection: &mut DatabaseConnection,
    members: &[String],
) -> Result<Holders, StoreError> {
    let rows: Vec<HolderRow> =
        Statement::sql("SELECT m.member_id, m.group_id FROM memberships m WHERE m.member_id IN ")
            .append(Statement::list(connection.dialect(), members))
            .cached()
            .load(connection)?;
    let mut found = Holders::new();
    for row in rows {
        found.entry(row.member_id).or_default().push(row.group_id);
    }
    Ok(found)
}

fn display_names_of(
    connection: &mut DatabaseConnection,
    ids: &[String],
) -> Result<BTreeMap<String, Option<String>>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<GroupRow> =
        Statement::sql("SELECT r.id AS group_id, r.display_name FROM resources r WHERE r.id IN ")
            .append(Statement::list(connection.dialect(), ids))
            .cached()
            .load(connection)?;
    let named = rows.into_iter().map(|row| (row.group_id, row.display_name));
    Ok(named.collect())
}

/// Groups and all that contain them, each once even where they contain each other.
fn with_all_above<'a>(groups: &'a [String], above: &'a Holders) -> BTreeSet<&'a String> {
    let mut all = BTreeSet::new();
    let mut waiting: Vec<&String> = groups.iter().collect();
    while let Some(group) = waiting.pop() {
        if all.insert(group) {
            waiting.extend(above.get(group).into_iter().flatten());
        }
    }
    all
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Text)]
    id: String,
}

const GROUP_AND_ANCESTORS: &str = "WITH RECURSIVE ancestors (id) AS (
    SELECT id FROM resources WHERE id = ?
    UNION SELECT m.group_id FROM memberships m JOIN ancestors a ON m.member_id = a.id)
SELECT id FROM ancestors";

/// A group and every group that contains it, directly or through others.
///
/// # Errors
/// When the database fails.
pub fn group_and_ancestors(
    connection: &mut DatabaseConnection,
    group: &ResourceId,
) -> Result<Vec<ResourceId>, StoreError> {
    let rows: Vec<IdRow> =
        Statement::fixed(GROUP_AND_ANCESTORS, &[group.as_str()]).load(connection)?;
    Ok(rows
        .into_iter()
        .map(|row| ResourceId::new(row.id))
        .collect())
}

/// Memberships, as `m`, beside each row of a table, by a condition that names the group. They are looked up one group at a
/// time, which costs what these groups have, however many memberships there are: `CROSS JOIN` keeps SQLite from beginning
/// with the memberships. PostgreSQL knows nothing of the groups that it finds but the average, and would read all
/// memberships for them, so it is given each look-up as a query that it cannot take apart.
pub(super) fn members_of_each(dialect: SqlDialect, table: &str, condition: &str) -> String {
    match dialect {
        SqlDialect::Sqlite => format!("{table} CROSS JOIN memberships m ON {condition}"),
        SqlDialect::Postgres => format!(
            "{table} CROSS JOIN LATERAL (SELECT m.member_id, m.member_type FROM memberships m \
             WHERE {condition} OFFSET 0) m"
        ),
    }
}

/// The same for the step of a recursion, in which `f` is what was found before, an `id` and a `kind`. People are never
/// looked up: they have no members, and where one group holds nearly everybody, PostgreSQL looks up by reading all.
pub(super) fn members_of_found(dialect: SqlDialect, found: &str) -> String {
    members_of_each(
        dialect,
        &format!("{found} f"),
        "m.group_id = f.id AND f.kind <> 'User'",
    )
}

/// The resources of a type within a group, directly or through others; of what is no group, itself.
///
/// # Errors
/// When the database fails.
pub fn members_within(
    connection: &mut DatabaseConnection,
    group_or_member: &ResourceId,
    resource_type: &str,
) -> Result<Vec<ResourceId>, StoreError> {
    let kind: Option<String> = on_either!(connection, connection => resources::table
        .find(group_or_member.as_str())
        .select(resources::resource_type)
        .first(connection)
        .optional())?;
    // Asked for each member of a group that carries a role: most are people, and have none.
    match kind {
        None => return Ok(Vec::new()),
        Some(kind) if kind == resource_type => return Ok(vec![group_or_member.clone()]),
        Some(_) => {}
    }
    let members = members_of_found(connection.dialect(), "within");
    let rows: Vec<IdRow> = Statement::sql(
        "WITH RECURSIVE within (id, kind) AS (SELECT id, resource_type FROM resources WHERE id = ",
    )
    .text(group_or_member.as_str())
    .push(format!(
        " UNION SELECT m.member_id, m.member_type FROM {members}) SELECT id FROM within WHERE kind = "
    ))
    .text(resource_type)
    .push(" ORDER BY id")
    .cached()
    .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|row| ResourceId::new(row.id))
        .collect())
}
