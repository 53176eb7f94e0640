//! Credentials that come to their end: told some days before, once for each of those days, and when they have
//! expired. What was told is in the database, so a restart or a second node tells nothing again.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::secret::SecretKind;
use crate::store::credentials::{self, Credential};
use crate::store::expiring::{self, Stretch};
use crate::store::id::CredentialId;
use crate::store::{DatabaseConnection, StoreError, directories, sent_notices};

use super::{Notice, NoticeKind, put};

/// Days before the end on which it is told, when nobody says otherwise.
pub const DEFAULT_DAYS: [i64; 4] = [30, 14, 7, 1];
/// How long after its end a credential is still told of, should nobody have been there to tell it.
const LATE_DAYS: i64 = 7;
/// How many credentials one transaction tells of.
const BATCH: i64 = 200;
const DAY_MILLIS: i64 = 86_400_000;
/// Under which names it is noted what was told.
const EXPIRING: &str = "credential_expiring";
const EXPIRED: &str = "credential_expired";

/// Says on which days before its end a credential is told of.
pub type DaysOf<'a> =
    dyn Fn(&mut DatabaseConnection, &Credential) -> Result<Vec<i64>, StoreError> + 'a;

/// On which days before their end credentials are told of; the room above knows whose policy says what.
pub struct Days<'a> {
    /// Every day that any policy names.
    pub any: &'a [i64],
    /// The days of one credential.
    pub of: &'a DaysOf<'a>,
}

/// Looks at credentials that have come near to their end or to it, up to a number, and tells of those whose day
/// it is. Says how many were looked at: none, once all have been.
///
/// # Errors
/// When the database fails.
pub fn tell(
    connection: &mut DatabaseConnection,
    days: &Days<'_>,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut seen = 0;
    for stretch in stretches(days.any, now) {
        for id in expiring::untold(connection, stretch, BATCH)? {
            seen += 1;
            // Whether it is told or not, it is not looked at again for this day; and another node may have been
            // faster between the look and this.
            if claim(connection, &id, stretch.kind, stretch.threshold, now)?
                && let Some(credential) = credentials::find(connection, &id)?
                && (stretch.threshold == 0
                    || is_its_day(connection, &credential, stretch.threshold, days, now)?)
            {
                let notice = notice(connection, &credential, now)?;
                put(connection, now, notice)?;
            }
        }
    }
    Ok(seen)
}

/// Whether one of a credential's own days has come that it was not told of. `looked_at` is the day of any
/// policy on which it is looked at, which may be another's.
fn is_its_day(
    connection: &mut DatabaseConnection,
    credential: &Credential,
    looked_at: i64,
    days: &Days<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let left = days_left(credential, now);
    let of = (days.of)(connection, credential)?;
    let Some(day) = of.into_iter().filter(|day| *day >= left).min() else {
        return Ok(false);
    };
    let lived_longer = credential.created_at < credential.expires_at.plus_days(-day);
    Ok(
        lived_longer
            && (day == looked_at || claim(connection, &credential.id, EXPIRING, day, now)?),
    )
}

fn claim(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
    kind: &str,
    threshold: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let threshold = threshold.to_string();
    sent_notices::claim(connection, id.as_str(), kind, &threshold, None, now)
}

/// From each day before the end to the next, so that each credential is in one of them: a server that was down
/// for a while tells what holds now, and not also what it has missed.
fn stretches(days: &[i64], now: Timestamp) -> Vec<Stretch> {
    let mut days: Vec<i64> = days.iter().copied().filter(|days| *days > 0).collect();
    days.sort_unstable_by(|left, right| right.cmp(left));
    days.dedup();
    let ends = days.iter().skip(1).copied().chain([0]);
    let mut stretches: Vec<Stretch> = days
        .iter()
        .zip(ends)
        .map(|(from, to)| Stretch {
            after: now.plus_days(to),
            until: now.plus_days(*from),
            lifetime_millis: from.saturating_mul(DAY_MILLIS),
            kind: EXPIRING,
            threshold: *from,
        })
        .collect();
    stretches.push(Stretch {
        after: now.plus_days(-LATE_DAYS),
        until: now,
        lifetime_millis: 0,
        kind: EXPIRED,
        threshold: 0,
    });
    stretches
}

fn notice(
    connection: &mut DatabaseConnection,
    credential: &Credential,
    now: Timestamp,
) -> Result<Notice, StoreError> {
    let directory = match &credential.directory_id {
        Some(id) => directories::find(connection, id)?,
        None => None,
    };
    let is_expired = credential.expires_at <= now;
    let is_token = credential.kind == SecretKind::UserToken;
    let kind = match (is_token, is_expired) {
        (true, false) => NoticeKind::TokenExpiring,
        (true, true) => NoticeKind::TokenExpired,
        (false, false) => NoticeKind::CredentialExpiring,
        (false, true) => NoticeKind::CredentialExpired,
    };
    let name = directory.as_ref().map(|directory| directory.name.as_str());
    let subject = subject(credential, name, now);
    let directory = directory.map(|directory| json!({"id": directory.id, "name": directory.name}));
    Ok(Notice::new(kind, subject)
        .within(credential.directory_id.as_ref())
        .of(credential.owner_id.as_ref())
        .with("credential", shown(credential))
        .with("directory", directory)
        .with("days_left", days_left(credential, now))
        .with("what_to_do", steps(credential)))
}

/// A credential as notices show it: its prefix, and never its secret.
#[must_use]
pub fn shown(credential: &Credential) -> Value {
    json!({
        "id": credential.id,
        "kind": credential.kind.name(),
        "name": credential.name,
        "prefix": credential.prefix,
        "expires_at": credential.expires_at,
        "last_used_at": credential.last_used_at,
        "last_used_ip": credential.last_used_ip,
        "service_account_id": credential.service_account_id,
        "product_id": credential.product_id,
        "created_by": credential.created_by.as_ref().and_then(|creator| creator.user_name.as_deref()),
    })
}

/// How kinds of credentials are called in a sentence.
pub(super) fn called(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::ScimKey => "SCIM key",
        SecretKind::AdminKey => "admin API key",
        SecretKind::UserToken => "API token",
        SecretKind::ServiceAccountToken => "service account token",
        SecretKind::ServiceAccountKey => "public key of a service account",
        SecretKind::ProductCredential => "product credential",
        _ => "credential",
    }
}

fn subject(credential: &Credential, directory: Option<&str>, now: Timestamp) -> String {
    let whose = directory.map_or_else(String::new, |name| format!(" of the directory {name}"));
    let end = match days_left(credential, now) {
        _ if credential.expires_at <= now => "has expired".to_owned(),
        1 => "expires within a day".to_owned(),
        days => format!("expires in {days} days"),
    };
    let used = match credential.last_used_at {
        Some(at) => format!("last used {}", at.to_rfc3339()),
        None => "never used".to_owned(),
    };
    let (kind, name) = (called(credential.kind), &credential.name);
    format!("The {kind} \"{name}\"{whose} {end} ({used})")
}

/// Begun days count.
fn days_left(credential: &Credential, now: Timestamp) -> i64 {
    let millis = credential.expires_at.as_millis() - now.as_millis();
    millis.max(0).saturating_add(DAY_MILLIS - 1) / DAY_MILLIS
}

fn steps(credential: &Credential) -> Vec<String> {
    let id = &credential.id;
    let rotate = |path: &str, command: Option<&str>| {
        let or = command.map_or_else(String::new, |command| {
            format!(", or portcullis {command} {id}")
        });
        format!(
            "Rotate it: POST /admin/v1/{path}/{id}/rotate{or}. The answer shows the new secret, this once."
        )
    };
    let pass_on = || "Give the new secret to whatever uses the old one.".to_owned();
    let overlap =
        "The old one goes on working until 24 hours after the new one's first use, and never \
        beyond its own end, so nothing stops in between."
            .to_owned();
    match credential.kind {
        SecretKind::ScimKey => vec![
            rotate("scim-keys", Some("scim-key rotate")),
            "Put the new secret into the identity provider's provisioning settings, in place of the old one, \
             and let it test the connection."
                .to_owned(),
            overlap,
        ],
        SecretKind::AdminKey => vec![
            rotate("api-keys", Some("api-key rotate")),
            pass_on(),
            overlap,
        ],
        SecretKind::ServiceAccountToken => {
            let account = id_or_gone(credential.service_account_id.as_ref());
            let path = format!("service-accounts/{account}/tokens");
            let command = Some("service-account rotate-token");
            vec![rotate(&path, command), pass_on(), overlap]
        }
        SecretKind::ProductCredential => {
            let product = id_or_gone(credential.product_id.as_ref());
            let path = format!("products/{product}/credentials");
            vec![rotate(&path, None), pass_on(), overlap]
        }
        SecretKind::UserToken => vec![
            format!(
                "Rotate it: POST /account/v1/tokens/{id}/rotate. The answer shows the new secret, this once."
            ),
            pass_on(),
            overlap,
        ],
        SecretKind::ServiceAccountKey => vec![
            "Let the service make a new pair of keys, register the new public key, let the service sign with \
             the new one, and then remove the old one."
                .to_owned(),
        ],
        _ => vec![
            "Make a new one, put it where the old one is, and revoke the old one.".to_owned(),
        ],
    }
}

fn id_or_gone(id: Option<&impl ToString>) -> String {
    id.map_or_else(|| "-".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instant_before_the_end_is_in_one_stretch() {
        let now = Timestamp::from_millis(1_000 * DAY_MILLIS);
        let stretches = stretches(&[1, 30, 7, 14, 7, 0], now);
        for (hours, expected) in [
            (31 * 24, None),
            (30 * 24, Some(30)),
            (14 * 24 + 1, Some(30)),
            (14 * 24, Some(14)),
            (7 * 24 + 1, Some(14)),
            (25, Some(7)),
            (24, Some(1)),
            (1, Some(1)),
            (0, Some(0)),
            (-7 * 24 + 1, Some(0)),
            (-7 * 24, None),
        ] {
            let at = now.plus_seconds(hours * 3_600);
            let within: Vec<i64> = stretches
                .iter()
                .filter(|stretch| stretch.after < at && at <= stretch.until)
                .map(|stretch| stretch.threshold)
                .collect();
            assert_eq!(
                within,
                Vec::from_iter(expected),
                "{hours} hours before the end"
            );
        }
    }
}
