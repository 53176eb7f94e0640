//! What there is, in numbers: what the console's first page shows. Each number needs the scope of the list that it
//! counts, and is null for whoever lacks it.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::credentials::orphans::seen_by;
use crate::lifecycle::{GROUP, USER};
use crate::policies::{Rights, Scope};
use crate::secret::SecretKind;
use crate::store::deprovisioning_counts::{self, Alarm};
use crate::store::directories::{self, Directory};
use crate::store::figures::{Figures, WEEK_DAYS, WEEKS};
use crate::store::id::DirectoryId;
use crate::store::scim_requests;
use crate::store::{
    DatabaseConnection, StoreError, deliveries, orphans, receipts, resource_counts,
};

use super::super::State;
use super::super::background;
use super::super::metrics::Known;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::{Admin, AdminEndpoint, credentials};

/// For how long what leavers have lost is counted.
const LEAVERS_DAYS: i64 = 30;
/// At most so many requests are looked at.
const REQUESTS: i64 = 100;
/// For how long something is told of that did not arrive, and how many are looked at.
const UNDELIVERED_DAYS: i64 = 7;
const DELIVERIES: i64 = 1_000;

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/overview").get(
            Scope::DirectoriesRead,
            show,
            Operation::new("Show what there is, in numbers")
                .explained(
                    "What the console's first page shows. A number needs the scope of the list that it counts, and is \
                     null for whoever lacks it: `scim-keys:read` for keys, of which those of the kinds are counted that \
                     the caller may see, `service-accounts:read`, `audit:read` for leavers and requests, \
                     `notifications:read` for alarms and deliveries.",
                )
                .shows::<Overview>(),
        ),
    ]
}

/// What there is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct Overview {
    pub(in super::super) directories: Vec<DirectoryFigures>,
    /// Orphaned keys that work at this moment.
    #[schema(required)]
    pub(in super::super) orphaned_keys: Option<i64>,
    /// Service accounts that nobody answers for.
    #[schema(required)]
    pub(in super::super) orphaned_service_accounts: Option<i64>,
    #[schema(required)]
    pub(in super::super) undelivered: Option<UndeliveredFigures>,
    #[schema(required)]
    pub(in super::super) leavers: Option<LeaverFigures>,
    /// Null too where they could not be counted yet.
    #[schema(required)]
    pub(in super::super) keys: Option<KeyFigures>,
    /// That of the node that answers; null where it serves without TLS.
    #[schema(required)]
    pub(in super::super) certificate: Option<Certificate>,
}

/// One directory, and how its identity provider is doing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct DirectoryFigures {
    #[schema(value_type = String)]
    pub(in super::super) id: DirectoryId,
    pub(in super::super) name: String,
    /// `local` or `scim`.
    pub(in super::super) kind: &'static str,
    pub(in super::super) people: i64,
    pub(in super::super) groups: i64,
    /// The last that its identity provider has sent; null where there is none.
    #[schema(required)]
    pub(in super::super) last_request: Option<LastRequest>,
    /// How many of its last 100 requests were refused.
    #[schema(required)]
    pub(in super::super) refused_requests: Option<usize>,
    /// When the alarm for too many leavers was raised that stands; null where none does.
    #[schema(required)]
    pub(in super::super) alarmed_at: Option<Timestamp>,
}

/// A request of an identity provider.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in super::super) struct LastRequest {
    pub(in super::super) at: Timestamp,
    /// The status of the answer.
    pub(in super::super) status: i32,
}

/// Mail and webhooks that did not arrive.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in super::super) struct UndeliveredFigures {
    /// Given up within the last seven days.
    pub(in super::super) failed: i64,
    /// Tried several times, and tried again.
    pub(in super::super) retried: i64,
}

/// Who has left within the last thirty days.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in super::super) struct LeaverFigures {
    pub(in super::super) people: i64,
    /// API tokens that were revoked with that.
    pub(in super::super) user_tokens: i64,
}

/// Keys and credentials of products and service accounts, counted once a minute.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct KeyFigures {
    pub(in super::super) counted_at: Timestamp,
    pub(in super::super) active: i64,
    pub(in super::super) orphaned: i64,
    pub(in super::super) rotated: i64,
    pub(in super::super) expired: i64,
    pub(in super::super) revoked: i64,
    /// Those that work and expire within the next thirteen weeks, week by week.
    pub(in super::super) expiring: Vec<ExpiringKeys>,
}

/// Keys that expire in a week.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in super::super) struct ExpiringKeys {
    pub(in super::super) since: Timestamp,
    pub(in super::super) before: Timestamp,
    pub(in super::super) number: i64,
}

/// A TLS certificate.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = ServedCertificate)]
pub(in super::super) struct Certificate {
    pub(in super::super) expires_at: Timestamp,
    /// Whether its files hold what cannot be served with, so that the one before is still in use.
    pub(in super::super) refused: bool,
}

async fn show(admin: Admin, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let shown = overview(&state, &admin.rights, admin.now).await?;
    Ok(HttpResponse::Ok().json(shown))
}

/// What there is, as somebody with these rights sees it.
///
/// # Errors
/// When the database fails.
pub(in super::super) async fn overview(
    state: &State,
    rights: &Rights,
    now: Timestamp,
) -> Result<Overview, StoreError> {
    background::flush_request_log(state).await;
    let known = state.metrics.figures(state).await;
    let certificate = state.metrics.certificate();
    let rights = rights.clone();
    state
        .database
        .read(move |connection| {
            let mut shown = stored(connection, &rights, now)?;
            shown.keys = known
                .as_ref()
                .filter(|_| rights.include(Scope::ScimKeysRead))
                .map(|known| KeyFigures::of(known, &credentials::seen_by(&rights)));
            shown.certificate = certificate.map(|(expires_at, refused)| Certificate {
                expires_at,
                refused,
            });
            Ok(shown)
        })
        .await
}

fn stored(
    connection: &mut DatabaseConnection,
    rights: &Rights,
    now: Timestamp,
) -> Result<Overview, StoreError> {
    let may = |scope| rights.include(scope);
    let alarms = if may(Scope::NotificationsRead) {
        deprovisioning_counts::raised(connection)?
    } else {
        Vec::new()
    };
    let mut figures = Vec::new();
    for directory in directories::list(connection)? {
        let sees_requests = may(Scope::AuditRead);
        figures.push(of_directory(connection, directory, &alarms, sees_requests)?);
    }
    let mut shown = Overview {
        directories: figures,
        orphaned_keys: None,
        orphaned_service_accounts: None,
        undelivered: None,
        leavers: None,
        keys: None,
        certificate: None,
    };
    if may(Scope::ScimKeysRead) {
        shown.orphaned_keys = Some(orphans::count(connection, &seen_by(rights).kinds, now)?);
    }
    if may(Scope::ServiceAccountsRead) {
        shown.orphaned_service_accounts = Some(orphans::count_accounts(connection)?);
    }
    if may(Scope::NotificationsRead) {
        let since = now.plus_days(-UNDELIVERED_DAYS);
        let found = deliveries::undelivered(connection, since, DELIVERIES)?;
        shown.undelivered = Some(UndeliveredFigures {
            failed: found.failed,
            retried: found.retried,
        });
    }
    if may(Scope::AuditRead) {
        let left = receipts::leavers_since(connection, now.plus_days(-LEAVERS_DAYS))?;
        shown.leavers = Some(LeaverFigures {
            people: left.people,
            user_tokens: left.user_tokens,
        });
    }
    Ok(shown)
}

fn of_directory(
    connection: &mut DatabaseConnection,
    directory: Directory,
    alarms: &[Alarm],
    sees_requests: bool,
) -> Result<DirectoryFigures, StoreError> {
    let requests = if sees_requests {
        scim_requests::list(connection, &directory.id, false, None, REQUESTS)?
    } else {
        Vec::new()
    };
    let refused = requests.iter().filter(|request| request.status >= 400);
    let alarm = alarms
        .iter()
        .find(|alarm| alarm.directory_id == directory.id.as_str());
    Ok(DirectoryFigures {
        people: resource_counts::count(connection, &directory.id, USER)?,
        groups: resource_counts::count(connection, &directory.id, GROUP)?,
        refused_requests: sees_requests.then(|| refused.count()),
        last_request: requests.first().map(|request| LastRequest {
            at: Timestamp::from_millis(request.at),
            status: request.status,
        }),
        alarmed_at: alarm.map(|alarm| Timestamp::from_millis(alarm.alarmed_at)),
        kind: directory.kind.name(),
        name: directory.name,
        id: directory.id,
    })
}

impl KeyFigures {
    fn of(known: &Known, kinds: &[SecretKind]) -> Self {
        let Figures { keys, expiring, .. } = &known.figures;
        let is_seen = |name: &str| kinds.iter().any(|kind| kind.name() == name);
        let standing = |name: &str| {
            let found = keys.iter().filter(|keys| keys.state == name);
            let seen = found.filter(|keys| is_seen(&keys.kind));
            seen.map(|keys| keys.number).sum()
        };
        let week = |week: i64| ExpiringKeys {
            since: known.at.plus_days(week * WEEK_DAYS),
            before: known.at.plus_days((week + 1) * WEEK_DAYS),
            number: expiring
                .iter()
                .filter(|expiring| expiring.week == week && is_seen(&expiring.kind))
                .map(|expiring| expiring.number)
                .sum(),
        };
        Self {
            counted_at: known.at,
            active: standing("active"),
            orphaned: standing("orphaned"),
            rotated: standing("rotated"),
            expired: standing("expired"),
            revoked: standing("revoked"),
            expiring: (0..WEEKS).map(week).collect(),
        }
    }
}
