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
    let subject =
        format!("{left} people of the directory {name} were deprovisioned within an hour");
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
        }
    }
}
