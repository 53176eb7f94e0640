//! Lines into a directory: many creations in one transaction, and then the memberships that they name.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use crate::lifecycle::{GROUP, USER};
use crate::provisioning::context::Context;
use crate::provisioning::error::ProvisioningError;
use crate::provisioning::write::add_members;
use crate::scim::leniency::Leniencies;
use crate::scim::schema::ResourceType;
use crate::scim::{ErrorKind, ScimError};
use crate::store::deleted_people;
use crate::store::id::ResourceId;
use crate::store::memberships::{self, GroupMember};
use crate::store::resources::{self, Resource};
use crate::store::{Database, DatabaseConnection, TransactionError, savepoint};

use super::line::{Line, Named, Origin};
use super::matching::{self, Taken};

/// Members that are added in one transaction at most, but for those of one line.
const MEMBERS_A_TRANSACTION: usize = 1_000;

/// A line that was not taken.
#[derive(Debug)]
pub struct Refusal {
    /// Its number, from 1.
    pub line: u64,
    /// Why.
    pub error: ScimError,
}

/// What an import did.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Report {
    /// Resources that were created, by the name of their type.
    pub created: BTreeMap<String, u64>,
    /// Resources that were there already and were left as they are, by the name of their type.
    pub existing: BTreeMap<String, u64>,
    /// Memberships that were made, or were there already.
    pub memberships: u64,
    /// Lines that were refused.
    pub refused: u64,
}

impl Report {
    fn count(&mut self, resource_type: &str, is_new: bool) {
        let counts = if is_new {
            &mut self.created
        } else {
            &mut self.existing
        };
        *counts.entry(resource_type.to_owned()).or_default() += 1;
    }
}

/// A line, and the resource that an earlier line of the same origin is.
type Matched = (Line, Option<Uuid>);

/// Members of a group who are to be added.
struct Pending {
    line: u64,
    group: ResourceId,
    members: Arc<Vec<Named>>,
}

/// What became of a line.
enum Outcome {
    Created(ResourceId),
    Existing(ResourceId),
    Refused(ScimError),
}

/// An import in the making. What is there already is recognised, so that one that broke off is simply begun again:
/// people by their `userName`, everything else by its `externalId`, groups without one by their `displayName` and
/// their order, and whatever keeps its `id` by that.
pub struct Import {
    context: Arc<Context>,
    keeps_ids: bool,
    known: HashMap<Origin, Uuid>,
    /// Resources that a line has been matched with, of the types whose names are not unique.
    taken: Arc<HashSet<ResourceId>>,
    /// Members who are not known yet, since a later line may bring them.
    later: Vec<Pending>,
    report: Report,
}

impl Import {
    /// Begins one into the context's directory.
    #[must_use]
    pub fn new(context: Arc<Context>, keeps_ids: bool) -> Self {
        Self {
            context,
            keeps_ids,
            known: HashMap::new(),
            taken: Arc::default(),
            later: Vec::new(),
            report: Report::default(),
        }
    }

    /// Takes lines in their order, and gives those that were refused.
    ///
    /// # Errors
    /// When the database fails; what earlier calls did stays.
    pub fn take(
        &mut self,
        database: &Database,
        lines: Vec<Line>,
    ) -> Result<Vec<Refusal>, ProvisioningError> {
        let (lines, outcomes) = self.create(database, lines)?;
        let mut refusals = Vec::new();
        let mut pending = Vec::new();
        for ((line, _), outcome) in lines.iter().zip(outcomes) {
            let (id, is_new) = match outcome {
                Outcome::Created(id) => (id, true),
                Outcome::Existing(id) => (id, false),
                Outcome::Refused(error) => {
                    self.report.refused += 1;
                    refusals.push(Refusal {
                        line: line.number,
                        error,
                    });
                    continue;
                }
            };
            if self.remember(line.origin, &line.resource_type, &id) {
                self.report.count(&line.resource_type.name, is_new);
            }
            if !line.members.is_empty() {
                pending.push(Pending {
                    line: line.number,
                    group: id,
                    members: Arc::clone(&line.members),
                });
            }
        }
        let unknown = self.add(database, pending)?;
        self.later.extend(unknown);
        Ok(refusals)
    }

    /// Counts lines that were not understood.
    pub fn count_refused(&mut self, lines: usize) {
        self.report.refused += u64::try_from(lines).unwrap_or(u64::MAX);
    }

    /// Adds the members that no line before theirs had brought, and gives the lines some of whose members are
    /// neither in the lines nor in the directory.
    ///
    /// # Errors
    /// When the database fails; what earlier calls did stays.
    pub fn finish(
        mut self,
        database: &Database,
    ) -> Result<(Report, Vec<Refusal>), ProvisioningError> {
        let later = std::mem::take(&mut self.later);
        let unknown = self.add(database, later)?;
        let refusals: Vec<Refusal> = unknown
            .iter()
            .map(|pending| Refusal {
                line: pending.line,
                error: ScimError::invalid_value(format!(
                    "members: {} of them are neither users nor groups of the lines or the directory",
                    pending.members.len()
                )),
            })
            .collect();
        self.count_refused(refusals.len());
        Ok((self.report, refusals))
    }

    /// Whether it is the first line of its resource.
    fn remember(
        &mut self,
        origin: Option<Origin>,
        resource_type: &ResourceType,
        id: &ResourceId,
    ) -> bool {
        if resource_type.name != USER {
            Arc::make_mut(&mut self.taken).insert(id.clone());
        }
        match (origin, Uuid::try_parse(id.as_str())) {
            (Some(origin), Ok(id)) => self.known.insert(origin, id).is_none(),
            _ => true,
        }
    }

    fn create(
        &self,
        database: &Database,
        lines: Vec<Line>,
    ) -> Result<(Arc<Vec<Matched>>, Vec<Outcome>), ProvisioningError> {
        let lines: Vec<Matched> = lines
            .into_iter()
            .map(|line| {
                let known = line.origin.and_then(|origin| self.known.get(&origin));
                let known = known.copied();
                (line, known)
            })
            .collect();
        let lines = Arc::new(lines);
        let shared = Arc::clone(&lines);
        let context = Arc::clone(&self.context);
        let before = Arc::clone(&self.taken);
        let keeps_ids = self.keeps_ids;
        let outcomes = database.write_blocking(move |connection| {
            let mut taken = Taken::after(&before);
            // What lines of this transaction are, for those after them that are of the same origin.
            let mut here: HashMap<Origin, ResourceId> = HashMap::new();
            let mut outcomes = Vec::with_capacity(shared.len());
            for (line, known) in shared.iter() {
                let known = known.map(|known| ResourceId::new(known.to_string()));
                let same = line.origin.and_then(|origin| here.get(&origin).cloned());
                let outcome = match known.or(same) {
                    Some(id) => repeated(connection, line, id)?,
                    None => create_one(connection, &context, line, keeps_ids, &mut taken)?,
                };
                if let (Some(origin), Outcome::Created(id) | Outcome::Existing(id)) =
                    (line.origin, &outcome)
                {
                    here.insert(origin, id.clone());
                }
                outcomes.push(outcome);
            }
            Ok::<_, ProvisioningError>(outcomes)
        })?;
        Ok((lines, outcomes))
    }

    /// Adds members to their groups, and gives those that are not known.
    fn add(
        &mut self,
        database: &Database,
        pending: Vec<Pending>,
    ) -> Result<Vec<Pending>, ProvisioningError> {
        let mut unknown = Vec::new();
        for pending in pending {
            let mut missing = Vec::new();
            for some in pending.members.chunks(MEMBERS_A_TRANSACTION) {
                missing.extend(self.add_some(database, &pending.group, some)?);
            }
            if !missing.is_empty() {
                unknown.push(Pending {
                    members: Arc::new(missing),
                    ..pending
                });
            }
        }
        Ok(unknown)
    }

    fn add_some(
        &mut self,
        database: &Database,
        group: &ResourceId,
        members: &[Named],
    ) -> Result<Vec<Named>, ProvisioningError> {
        let resolved: Vec<(ResourceId, Named)> = members
            .iter()
            .map(|member| {
                let known = self.known.get(&member.origin);
                let id = known.map_or_else(
                    || member.origin.id(),
                    |known| ResourceId::new(known.to_string()),
                );
                (id, member.clone())
            })
            .collect();
        let context = Arc::clone(&self.context);
        let group = group.clone();
        let (added, missing) = database
            .write_blocking(move |connection| add_known(connection, &context, &group, &resolved))?;
        self.report.memberships += added;
        Ok(missing)
    }
}

/// Creates what a line says, unless it is there.
fn create_one(
    connection: &mut DatabaseConnection,
    context: &Context,
    line: &Line,
    keeps_ids: bool,
    taken: &mut Taken<'_>,
) -> Result<Outcome, ProvisioningError> {
    let wanted = line.creation.resource();
    let found = matching::before(connection, wanted, keeps_ids, taken)?;
    let outcome = match found {
        Some(found) => existing_or_refused(wanted, &found),
        None if keeps_ids && deleted_people::is_kept(connection, &wanted.id)? => {
            Outcome::Refused(ScimError::new(
                ErrorKind::Uniqueness,
                "somebody with this id was deleted and is kept for recovery: recover or forget them first",
            ))
        }
        None => create_new(connection, context, line)?,
    };
    if let Outcome::Created(id) | Outcome::Existing(id) = &outcome
        && wanted.resource_type != USER
    {
        taken.here.insert(id.clone());
    }
    Ok(outcome)
}

/// A line with the `id` of one before it: more of the same group, or the same line again. Whatever else has it is
/// another resource (RFC 7643 section 3.1: an `id` is one resource's alone), and must not be lost unseen.
fn repeated(
    connection: &mut DatabaseConnection,
    line: &Line,
    id: ResourceId,
) -> Result<Outcome, ProvisioningError> {
    let wanted = line.creation.resource();
    let folded = |resource: &Resource| resource.user_name.as_deref().map(str::to_lowercase);
    let is_it = resources::find_any(connection, &id)?.is_some_and(|found| {
        found.resource_type == wanted.resource_type && folded(&found) == folded(wanted)
    });
    Ok(if is_it {
        Outcome::Existing(id)
    } else {
        Outcome::Refused(ScimError::new(
            ErrorKind::Uniqueness,
            "a line before this one has the same id, and is another resource",
        ))
    })
}

fn existing_or_refused(wanted: &Resource, found: &Resource) -> Outcome {
    let is_it =
        found.directory_id == wanted.directory_id && found.resource_type == wanted.resource_type;
    if is_it {
        Outcome::Existing(found.id.clone())
    } else {
        Outcome::Refused(ScimError::new(
            ErrorKind::Uniqueness,
            "another resource has the same id",
        ))
    }
}

fn create_new(
    connection: &mut DatabaseConnection,
    context: &Context,
    line: &Line,
) -> Result<Outcome, ProvisioningError> {
    let mut leniencies = Leniencies::new(context.directory.dialect);
    let created = savepoint(connection, |connection| {
        line.creation.store(connection, context, &mut leniencies)
    });
    let error = match created {
        Ok(written) => return Ok(Outcome::Created(written.resource.id)),
        Err(error) if error.store_error().is_some() => return Err(error),
        Err(error) => error.into_refusal()?,
    };
    let found = matching::after(connection, line.creation.resource())?;
    Ok(found.map_or(Outcome::Refused(error), Outcome::Existing))
}

/// Adds those of the members that the directory holds, and gives their number and the others.
fn add_known(
    connection: &mut DatabaseConnection,
    context: &Context,
    group: &ResourceId,
    members: &[(ResourceId, Named)],
) -> Result<(u64, Vec<Named>), ProvisioningError> {
    let ids: Vec<&str> = members.iter().map(|(id, _)| id.as_str()).collect();
    let known = memberships::existing(connection, &context.directory.id, &ids)?;
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for (id, named) in members {
        match known.get(id.as_str()) {
            Some(member) if matches!(member.member_type.as_str(), USER | GROUP) => {
                let display = named.display.clone();
                found.push(GroupMember {
                    display: display.filter(|given| member.display.as_ref() != Some(given)),
                    ..member.clone()
                });
            }
            _ => missing.push(named.clone()),
        }
    }
    let number = u64::try_from(found.len()).unwrap_or(u64::MAX);
    if !found.is_empty() {
        add_members(connection, context, group, found)?;
    }
    Ok((number, missing))
}
