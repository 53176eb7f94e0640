//! What a policy says: its settings, a change of them, and what is acceptable.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::policies::PolicyError;
use crate::policies::lifetime::MAX_DAYS;

/// Whether people may have API tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApiTokens {
    /// They may.
    Allowed,
    /// They may make none, and those that there are do not work as long as this holds.
    Blocked,
}

/// Whether signing in takes a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Of those who have set one up.
    Optional,
    /// Of everybody.
    Required,
}

/// Who may make service accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceAccountCreators {
    /// Nobody.
    Nobody,
    /// Owners and admins.
    Admins,
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = PolicySettings)]
pub struct Settings {
    /// Whether people may have API tokens.
    pub api_tokens: ApiTokens,
    /// How many days a token may live.
    pub max_token_days: i64,
    /// Whether signing in takes a second factor.
    pub second_factor: SecondFactor,
    /// How many hours a session lives at most.
    pub session_hours: i64,
    /// How many minutes it lives without being used.
    pub idle_minutes: i64,
    /// Who may make service accounts.
    pub service_account_creators: ServiceAccountCreators,
    /// After how many days an orphaned key that nobody has adopted is revoked; never where there are none.
    pub orphan_grace_days: Option<i64>,
    /// After how many days without use a token is revoked; never where there are none.
    pub inactivity_days: Option<i64>,
    /// How many days before that it is told.
    pub inactivity_notice_days: i64,
    /// How many days before a credential expires it is told.
    pub expiry_notice_days: Vec<i64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_tokens: ApiTokens::Allowed,
            max_token_days: MAX_DAYS,
            second_factor: SecondFactor::Optional,
            session_hours: 12,
            idle_minutes: 60,
            service_account_creators: ServiceAccountCreators::Admins,
            orphan_grace_days: None,
            inactivity_days: None,
            inactivity_notice_days: 7,
            expiry_notice_days: vec![30, 14, 7, 1],
        }
    }
}

impl Settings {
    /// These settings with a change, where that gives acceptable ones.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`] names the first that is not acceptable.
    pub fn changed(mut self, change: &SettingsChange) -> Result<Self, PolicyError> {
        self.apply(change);
        self.check()?;
        Ok(self)
    }

    /// What is not named stays.
    pub(super) fn apply(&mut self, change: &SettingsChange) {
        fn set<T: Clone>(value: &mut T, new: Option<&T>) {
            if let Some(new) = new {
                value.clone_from(new);
            }
        }
        set(&mut self.api_tokens, change.api_tokens.as_ref());
        set(&mut self.max_token_days, change.max_token_days.as_ref());
        set(&mut self.second_factor, change.second_factor.as_ref());
        set(&mut self.session_hours, change.session_hours.as_ref());
        set(&mut self.idle_minutes, change.idle_minutes.as_ref());
        set(
            &mut self.service_account_creators,
            change.service_account_creators.as_ref(),
        );
        if let Some(days) = change.orphan_grace_days {
            self.orphan_grace_days = days.into();
        }
        if let Some(days) = change.inactivity_days {
            self.inactivity_days = days.into();
        }
        set(
            &mut self.inactivity_notice_days,
            change.inactivity_notice_days.as_ref(),
        );
        set(
            &mut self.expiry_notice_days,
            change.expiry_notice_days.as_ref(),
        );
        self.expiry_notice_days
            .sort_unstable_by(|left, right| right.cmp(left));
        self.expiry_notice_days.dedup();
    }

    fn check(&self) -> Result<(), PolicyError> {
        within("max_token_days", self.max_token_days, 1, MAX_DAYS)?;
        within("session_hours", self.session_hours, 1, 720)?;
        within("idle_minutes", self.idle_minutes, 5, 43_200)?;
        if let Some(days) = self.orphan_grace_days {
            within("orphan_grace_days", days, 1, 365)?;
        }
        within(
            "inactivity_notice_days",
            self.inactivity_notice_days,
            1,
            364,
        )?;
        if let Some(days) = self.inactivity_days {
            within("inactivity_days", days, 2, 365)?;
            if self.inactivity_notice_days >= days {
                return Err(PolicyError::Invalid(format!(
                    "inactivity_notice_days is {}; it must be less than inactivity_days, which is {days}",
                    self.inactivity_notice_days
                )));
            }
        }
        if self.expiry_notice_days.len() > 10 {
            return Err(PolicyError::Invalid(
                "expiry_notice_days has more than 10 numbers".to_owned(),
            ));
        }
        for days in &self.expiry_notice_days {
            within("expiry_notice_days", *days, 1, MAX_DAYS)?;
        }
        Ok(())
    }
}

fn within(name: &str, value: i64, least: i64, most: i64) -> Result<(), PolicyError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(PolicyError::Invalid(format!(
        "{name} is {value}; it must be {least} to {most}"
    )))
}

/// A change of settings; what is not named stays. Null turns off what can be off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsChange {
    /// Whether people may have API tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_tokens: Option<ApiTokens>,
    /// How many days a token may live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 365)]
    pub max_token_days: Option<i64>,
    /// Whether signing in takes a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<SecondFactor>,
    /// How many hours a session lives at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 720)]
    pub session_hours: Option<i64>,
    /// How many minutes it lives without being used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 5, maximum = 43200)]
    pub idle_minutes: Option<i64>,
    /// Who may make service accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_creators: Option<ServiceAccountCreators>,
    /// After how many days an orphaned key that nobody has adopted is revoked.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "null_is_off"
    )]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 365)]
    pub orphan_grace_days: Option<Days>,
    /// After how many days without use a token is revoked.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "null_is_off"
    )]
    #[schema(value_type = Option<i64>, minimum = 2, maximum = 365)]
    pub inactivity_days: Option<Days>,
    /// How many days before that it is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 364)]
    pub inactivity_notice_days: Option<i64>,
    /// How many days before a credential expires it is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry_notice_days: Option<Vec<i64>>,
}

fn null_is_off<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Days>, D::Error> {
    Days::deserialize(deserializer).map(Some)
}

/// A number of days, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<i64>", into = "Option<i64>")]
pub enum Days {
    /// Never.
    Off,
    /// After so many.
    After(i64),
}

impl From<Option<i64>> for Days {
    fn from(days: Option<i64>) -> Self {
        days.map_or(Self::Off, Self::After)
    }
}

impl From<Days> for Option<i64> {
    fn from(days: Days) -> Self {
        match days {
            Days::Off => None,
            Days::After(days) => Some(days),
        }
    }
}

/// A change of settings that holds from an instant on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingChange {
    /// What changes.
    pub change: SettingsChange,
    /// Whether tokens that live longer than the new maximum are shortened.
    pub shorten_existing: bool,
    /// From when on it holds.
    pub effective_at: Timestamp,
}

/// How a pending change is stored beside its instant.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredChange {
    pub(super) change: SettingsChange,
    pub(super) shorten_existing: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(json: &str) -> SettingsChange {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_stored_as_nothing_is_what_held_before_there_were_policies() {
        let settings: Settings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.clone().changed(&change("{}")).unwrap(), settings);
        assert_eq!(settings.max_token_days, 365);
        assert_eq!((settings.session_hours, settings.idle_minutes), (12, 60));
        assert_eq!(
            (settings.orphan_grace_days, settings.inactivity_days),
            (None, None)
        );
    }

    #[test]
    fn null_turns_off_and_absence_leaves_as_it_is() {
        let on = Settings::default()
            .changed(&change(
                r#"{"orphan_grace_days": 30, "inactivity_days": 90}"#,
            ))
            .unwrap();
        assert_eq!(on.orphan_grace_days, Some(30));
        let half = change(r#"{"orphan_grace_days": null}"#);
        // A pending change is stored as text.
        let half: SettingsChange =
            serde_json::from_str(&serde_json::to_string(&half).unwrap()).unwrap();
        let half = on.changed(&half).unwrap();
        assert_eq!(
            (half.orphan_grace_days, half.inactivity_days),
            (None, Some(90))
        );
    }

    #[test]
    fn days_of_notice_are_told_from_the_farthest_and_each_once() {
        let settings = Settings::default()
            .changed(&change(r#"{"expiry_notice_days": [1, 60, 7, 60]}"#))
            .unwrap();
        assert_eq!(settings.expiry_notice_days, [60, 7, 1]);
    }

    #[test]
    fn what_is_beyond_its_bounds_is_refused_by_name() {
        for (json, name) in [
            (r#"{"max_token_days": 0}"#, "max_token_days is 0"),
            (r#"{"max_token_days": 366}"#, "max_token_days is 366"),
            (r#"{"session_hours": 0}"#, "session_hours"),
            (r#"{"session_hours": 721}"#, "session_hours"),
            (r#"{"idle_minutes": 4}"#, "idle_minutes"),
            (r#"{"orphan_grace_days": 0}"#, "orphan_grace_days"),
            (r#"{"inactivity_days": 1}"#, "inactivity_days"),
            (r#"{"inactivity_days": 7}"#, "inactivity_notice_days"),
            (r#"{"inactivity_notice_days": 0}"#, "inactivity_notice_days"),
            (r#"{"expiry_notice_days": [0]}"#, "expiry_notice_days"),
            (
                r#"{"expiry_notice_days": [1,2,3,4,5,6,7,8,9,10,11]}"#,
                "expiry_notice_days",
            ),
        ] {
            let refused = Settings::default().changed(&change(json)).unwrap_err();
            assert!(refused.to_string().contains(name), "{json}: {refused}");
        }
        for json in [
            r#"{"api_tokens": "sometimes"}"#,
            r#"{"max_token_days": "many"}"#,
            r#"{"unknown": 1}"#,
        ] {
            assert!(
                serde_json::from_str::<SettingsChange>(json).is_err(),
                "{json}"
            );
        }
    }
}
