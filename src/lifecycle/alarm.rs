//! The alarm for mass deprovisioning: when an unusual share of a directory leaves within an hour, a wrong
//! synchronisation may be the reason. It tells, and holds nothing up.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::notices::{self, Notice, NoticeKind};
use crate::policies::PolicyError;
use crate::store::deprovisioning_counts as counts;
use crate::store::id::DirectoryId;
use crate::store::resources::Resource;
use crate::store::{DatabaseConnection, StoreError, directories, resource_counts, settings};

use super::USER;

/// The setting of the database that holds the [`Threshold`].
const SETTING: &str = "mass_deprovisioning";
/// Within how long.
const WINDOW_SECONDS: i64 = 3_600;

/// What is unusual: more than this share of a directory's people, and at least so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MassDeprovisioningThreshold)]
pub struct Threshold {
    /// The share, in per cent.
    pub percent: i64,
    /// How many people at least.
    pub people: i64,
}

impl Default for Threshold {
    fn default() -> Self {
        Self {
            percent: 10,
            people: 10,
        }
    }
}

impl Threshold {
    fn is_crossed(self, left: i64, all: i64) -> bool {
        left >= self.people && left.saturating_mul(100) > all.saturating_mul(self.percent)
    }

    /// How many have to leave a directory of so many people within an hour.
    fn alarms_at(self, all: i64) -> i64 {
        let share = all.saturating_mul(self.percent) / 100;
        self.people.max(share.saturating_add(1))
    }
}

/// The threshold of the deployment.
///
/// # Errors
/// When the database fails.
pub fn threshold(connection: &mut DatabaseConnection) -> Result<Threshold, StoreError> {
    match settings::find(connection, SETTING)? {
        None => Ok(Threshold::default()),
        Some(text) => {
            serde_json::from_str(&text).map_err(|_| StoreError::Corrupt { what: SETTING })
        }
    }
}

/// Changes the threshold.
///
/// # Errors
/// [`PolicyError::Invalid`] for numbers out of range; when the database fails.
pub fn set_threshold(
    connection: &mut DatabaseConnection,
    threshold: Threshold,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), PolicyError> {
    if !(0..=100).contains(&threshold.percent) || !(1..=1_000_000).contains(&threshold.people) {
        return Err(PolicyError::Invalid(
            "percent must be from 0 to 100, and people from 1 to 1000000".to_owned(),
        ));
    }
    let text = json!(threshold).to_string();
    settings::set(connection, SETTING, &text)?;
    let event = Event::new(Action::AlarmThresholdSet)
        .to("alarm", SETTING, None)
        .with("percent", threshold.percent)
        .with("people", threshold.people);
    Ok(audit::record(connection, actor, now, event)?)
}

/// How a directory stands to the threshold, and what became of its last alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MassDeprovisioningAlarm)]
pub struct Standing {
    /// How many people have left within the hour, to five minutes; since the last alarm was lifted, where that is
    /// less long ago.
    pub deprovisioned: i64,
    /// How many people there are.
    pub people: i64,
    /// How many have to leave within an hour for admins to be alarmed, with so many people.
    pub alarms_at: i64,
    /// Whether there is an alarm that nobody has lifted.
    pub raised: bool,
    /// When admins were alarmed last.
    #[schema(required)]
    pub alarmed_at: Option<Timestamp>,
    /// When that was lifted.
    #[schema(required)]
    pub lifted_at: Option<Timestamp>,
}

/// How a directory stands now.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub fn standing(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    now: Timestamp,
) -> Result<Standing, PolicyError> {
    directories::find(connection, directory)?.ok_or(PolicyError::NotFound("directory"))?;
    let people = resource_counts::count(connection, directory, USER)?;
    let last = counts::last_alarm(connection, directory)?;
    let lifted_at = last.as_ref().and_then(|alarm| alarm.lifted_at);
    let since = now.plus_seconds(-WINDOW_SECONDS);
    Ok(Standing {
        deprovisioned: counts::count_since(connection, directory, since)?,
        people,
        alarms_at: threshold(connection)?.alarms_at(people),
        raised: last.is_some() && lifted_at.is_none(),
        alarmed_at: last.map(|alarm| Timestamp::from_millis(alarm.alarmed_at)),
        lifted_at: lifted_at.map(Timestamp::from_millis),
    })
}

/// Notes that an admin has seen to the alarm about a directory that was raised then; where it is lifted already,
/// nothing changes. Leavers are counted anew from here on, and so many of them raise another.
///
/// # Errors
/// [`PolicyError::NotFound`]; [`PolicyError::Conflict`] where there is no such alarm, or another was raised since;
/// when the database fails.
pub fn lift(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    alarmed_at: Timestamp,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), PolicyError> {
    let found = directories::find(connection, directory)?;
    let found = found.ok_or(PolicyError::NotFound("directory"))?;
    let last = counts::last_alarm(connection, directory)?;
    let seen = last.filter(|alarm| alarm.alarmed_at == alarmed_at.as_millis());
    if seen.as_ref().is_some_and(|alarm| alarm.lifted_at.is_some()) {
        return Ok(());
    }
    if seen.is_none() || !counts::lift(connection, directory, alarmed_at, now)? {
        return Err(PolicyError::Conflict(format!(
            "the alarm of {} is not the one that stands now: look at the directory again",
            alarmed_at.to_rfc3339()
        )));
    }
    let event = Event::new(Action::AlarmLifted)
        .within(directory)
        .to("directory", directory.as_str(), Some(&found.name))
        .with("alarmed_at", alarmed_at.to_rfc3339());
    Ok(audit::record(connection, actor, now, event)?)
}

/// Counts a person who leaves, and alarms where too many have.
pub(super) fn count(
    connection: &mut DatabaseConnection,
    person: &Resource,
    now: Timestamp,
) -> Result<(), StoreError> {
    counts::add(connection, &person.directory_id, &person.id, now)?;
    alarm_if_crossed(connection, &person.directory_id, now)
}

/// Alarms for every directory where too many have left. Two who left at the same moment do not see each other;
/// this sees both.
///
/// # Errors
/// When the database fails.
pub fn look_again(connection: &mut DatabaseConnection, now: Timestamp) -> Result<(), StoreError> {
    let since = now.plus_seconds(-WINDOW_SECONDS);
    for directory in counts::directories_since(connection, since)? {
        alarm_if_crossed(connection, &directory, now)?;
    }
    counts::prune(connection, since)
}

fn alarm_if_crossed(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let since = now.plus_seconds(-WINDOW_SECONDS);
    let left = counts::count_since(connection, directory, since)?;
    let threshold = threshold(connection)?;
    if left < threshold.people {
        return Ok(());
    }
    let all = resource_counts::count(connection, directory, USER)?;
    if !threshold.is_crossed(left, all) || !counts::alarm(connection, directory, since, now)? {
        return Ok(());
    }
    let found = directories::find(connection, directory)?;
    let name = found.map(|directory| directory.name).unwrap_or_default();
    let people = if left == 1 { "person" } else { "people" };
    let were = if left == 1 { "was" } else { "were" };
    let subject =
        format!("{left} {people} of the directory {name} {were} deprovisioned within an hour");
    let notice = Notice::new(NoticeKind::MassDeprovisioning, subject)
        .within(Some(directory))
        .with("directory", json!({"id": directory, "name": name}))
        .with("deprovisioned", left)
        .with("people", all)
        .with("percent", threshold.percent)
        .with(
            "what_to_do",
            vec![
                "Look whether the identity provider means it; if not, stop its synchronisation.",
                "Recover those who were deleted: portcullis user list-deleted, portcullis user recover.",
                "Let the identity provider activate those who were deactivated; what authenticated them is \
                 gone for good, and they make new tokens.",
            ],
        );
    notices::put(connection, now, notice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_an_unusual_share_and_not_only_a_few() {
        let threshold = Threshold::default();
        for (left, all, crossed) in [
            (9, 9, false),
            (10, 10, true),
            (10, 99, true),
            (10, 100, false),
            (11, 100, true),
            (100, 1_000, false),
            (101, 1_000, true),
            (i64::MAX, 1, true),
        ] {
            assert_eq!(threshold.is_crossed(left, all), crossed, "{left} of {all}");
            assert_eq!(left >= threshold.alarms_at(all), crossed, "{left} of {all}");
        }
    }
}
