//! Audit events: listed, exported, followed, verified; and the receipts of deprovisionings.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::{IntoParams, ToSchema};

use crate::audit::chain::{self, Place, Report};
use crate::clock::Timestamp;
use crate::policies::{PolicyError, Scope};
use crate::store::audit_chain;
use crate::store::audit_events::Selection;
use crate::store::audit_search;
use crate::store::id::{DirectoryId, ResourceId};
use crate::store::walk::STEPS;
use crate::store::{DatabaseConnection, Freshness, StoreError, receipts};

use super::super::State;
use super::super::chaining;
use super::super::lines::{self, ClientGone, Lines};
use super::super::openapi::Operation;
use super::super::problem::{Problem, ProblemKind};
use super::page::PageQuery;
use super::view::{AuditEventView, ChainedEventView, PlacedEventView, ReceiptView};
use super::{Admin, AdminEndpoint, Needed, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let read = Scope::AuditRead;
    vec![
        AdminEndpoint::at("/audit-events").get(
            read,
            list_events,
            Operation::new("List audit events, newest first")
                .explained(
                    "A page that is narrowed by action or outcome may hold few or none, and name the next all the \
                     same: so many events were looked through.",
                )
                .lists::<AuditEventView>(),
        ),
        AdminEndpoint::at("/audit-events/export").get(
            read,
            export_events,
            Operation::new("Export audit events, oldest first")
                .explained("In the order of the chain. With `follow` the answer goes on with what happens.")
                .streams::<ChainedEventView>(),
        ),
        AdminEndpoint::at("/audit-events/verify").get(
            read,
            verify,
            Operation::new("Verify the chain of audit events").shows::<Report>(),
        ),
        AdminEndpoint::at("/audit-events/head").get(
            read,
            show_head,
            Operation::new("Show how far audit events are chained")
                .explained("The head, noted elsewhere, shows later that nothing before it was replaced.")
                .shows::<ChainHead>(),
        ),
        AdminEndpoint::at("/audit-events/{id}").get(
            read,
            show_event,
            Operation::new("Show an audit event and its place in the chain")
                .shows::<PlacedEventView>(),
        ),
        AdminEndpoint::at("/receipts").get(
            read,
            list_receipts,
            Operation::new("List receipts of deprovisionings, newest first").lists::<ReceiptView>(),
        ),
        AdminEndpoint::at("/receipts/export").get(
            read,
            export_receipts,
            Operation::new("Export receipts, newest first").streams::<ReceiptView>(),
        ),
        AdminEndpoint::at("/receipts/{id}").get(
            read,
            show_receipt,
            Operation::new("Show a receipt").shows::<ReceiptView>(),
        ),
    ]
}

/// Positions of the chain read at a time.
const WINDOW: i64 = 1_000;
/// Receipts read at a time.
const PAGE: i64 = 500;
/// How long a follower waits before looking again.
const PAUSE: Duration = Duration::from_millis(500);
/// After how many looks without news an empty line is sent.
const QUIET: u32 = 30;

#[derive(Deserialize, IntoParams)]
struct Events {
    /// What was acted on
    target_id: Option<String>,
    /// What was done, such as `user.deprovisioned`
    action: Option<String>,
    /// In which directory
    directory_id: Option<String>,
    /// Who acted
    actor_user_id: Option<String>,
    /// Who acted or was acted on
    user_id: Option<String>,
    /// With which credential, or on which
    credential_id: Option<String>,
    /// `success` or `refused`
    outcome: Option<String>,
    /// A time such as 2026-01-31T12:00:00Z
    since: Option<String>,
    /// A time such as 2026-01-31T12:00:00Z
    until: Option<String>,
}

impl Events {
    fn selection(self) -> Result<Selection, Problem> {
        if let Some(outcome) = &self.outcome
            && !["success", "refused"].contains(&outcome.as_str())
        {
            return Err(Problem::new(
                ProblemKind::InvalidRequest,
                "outcome must be success or refused",
            ));
        }
        Ok(Selection {
            target_id: self.target_id,
            action: self.action,
            directory_id: self.directory_id,
            actor_person_id: self.actor_user_id,
            person_id: self.user_id,
            credential_id: self.credential_id,
            outcome: self.outcome,
            since: instant("since", self.since.as_deref())?,
            until: instant("until", self.until.as_deref())?,
        })
    }
}

#[derive(Deserialize, IntoParams)]
struct Export {
    /// Whether the answer goes on
    #[serde(default)]
    follow: bool,
}

#[derive(Deserialize, IntoParams)]
struct Verify {
    /// The hash of a head that was noted earlier, elsewhere
    head: Option<String>,
}

#[derive(Deserialize, IntoParams)]
struct Receipts {
    /// Who has left
    user_id: Option<String>,
    /// Which directory they left
    directory_id: Option<String>,
    /// A time such as 2026-01-31T12:00:00Z
    since: Option<String>,
    /// A time such as 2026-01-31T12:00:00Z
    until: Option<String>,
}

impl Receipts {
    fn selection(self) -> Result<receipts::Selection, Problem> {
        Ok(receipts::Selection {
            person: self.user_id.map(ResourceId::new),
            directory: self.directory_id.map(DirectoryId::new),
            since: instant("since", self.since.as_deref())?,
            until: instant("until", self.until.as_deref())?,
        })
    }
}

fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    text.map(|text| {
        Timestamp::parse_rfc3339(text).ok_or_else(|| {
            Problem::new(
                ProblemKind::InvalidRequest,
                format!("{name} must be a time such as 2026-01-31T12:00:00Z"),
            )
        })
    })
    .transpose()
}

async fn list_events(
    _: Admin,
    state: web::Data<State>,
    query: web::Query<Events>,
    place: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let selection = query.into_inner().selection()?;
    let window = place.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read_with(Freshness::MayLag, move |connection| {
            audit_search::list_within(connection, &selection, place.cursor(), place.fetch(), STEPS)
        })
        .await?;
    Ok(HttpResponse::Ok().json(window.page_of_walk(
        found.found,
        found.stopped_at,
        |event| event.id.clone(),
        view::audit_event,
    )))
}

/// How far audit events are chained.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct ChainHead {
    /// The last that is chained; null where nothing is yet.
    #[schema(required)]
    pub(in super::super) head: Option<Place>,
    /// How many events wait to be chained.
    pub(in super::super) pending: i64,
}

/// How far audit events are chained now.
///
/// # Errors
/// When the database fails.
pub(in super::super) fn chain_head(
    connection: &mut DatabaseConnection,
) -> Result<ChainHead, StoreError> {
    let last = audit_chain::last(connection)?;
    Ok(ChainHead {
        head: last.map(|last| Place {
            position: last.position,
            hash: last.hash,
        }),
        pending: audit_chain::count_pending(connection)?,
    })
}

async fn show_head(_: Admin, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let head = state.database.read(chain_head).await?;
    Ok(HttpResponse::Ok().json(head))
}

async fn show_event(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id.into_inner();
    let found = state
        .database
        .read_now(|connection| audit_chain::find_event(connection, &id))?
        .ok_or(PolicyError::NotFound("audit event"))?;
    Ok(HttpResponse::Ok().json(view::placed_event(&found)))
}

/// Oldest first, in the order of the chain, so that none is left out that was committed late.
async fn export_events(
    _: Admin,
    request: HttpRequest,
    state: web::Data<State>,
    query: web::Query<Events>,
    export: web::Query<Export>,
) -> Result<HttpResponse, Problem> {
    let selection = query.into_inner().selection()?;
    let permit = if export.follow {
        let permit = state.followers.clone().try_acquire_owned();
        Some(permit.map_err(|_| {
            Problem::new(
                ProblemKind::Unavailable,
                "too many follow the audit events already; try again when one has stopped",
            )
        })?)
    } else {
        None
    };
    let still_may = still_reads(request, &state);
    send(&state, selection, still_may, permit).await
}

fn still_reads(request: HttpRequest, state: &web::Data<State>) -> StillMay {
    let server = state.clone();
    Box::new(move || Admin::still_with(Needed::to_look(Scope::AuditRead), &request, &server))
}

/// Whether whoever is sent a stream still may see it.
pub(in super::super) type StillMay = Box<dyn Fn() -> Result<(), Problem>>;

/// Sends what is in the chain; with a permit to follow, what comes after too.
pub(in super::super) async fn send(
    state: &State,
    selection: Selection,
    still_may: StillMay,
    permit: Option<OwnedSemaphorePermit>,
) -> Result<HttpResponse, Problem> {
    chaining::chain_all(state).await;
    let removed = state.database.read_now(audit_chain::newest_anchor)?;
    let mut source = EventSource {
        still_may,
        state: state.clone(),
        selection,
        after: removed.map_or(0, |anchor| anchor.position),
    };
    Ok(lines::answer(move |lines| async move {
        let sent = match permit {
            Some(_) => source.follow(&lines).await,
            None => source.send_present(&lines).await.map(|_| ()),
        };
        match sent {
            Ok(()) | Err(End::ClientGone) => {}
            Err(End::Refused(problem)) => lines.break_off(&problem).await,
        }
    }))
}

/// Why a stream ends early.
enum End {
    ClientGone,
    Refused(Problem),
}

impl From<ClientGone> for End {
    fn from(_: ClientGone) -> Self {
        Self::ClientGone
    }
}

impl From<Problem> for End {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

struct EventSource {
    still_may: StillMay,
    state: State,
    selection: Selection,
    after: i64,
}

impl EventSource {
    /// What is in the chain now. Before each piece the caller's credential is checked again: a stream outlives
    /// nobody's rights.
    async fn send_present(&mut self, lines: &Lines) -> Result<bool, End> {
        let database = self.state.database.clone();
        let head = database
            .read(audit_chain::last)
            .await?
            .map_or(0, |last| last.position);
        let mut has_sent = false;
        while self.after < head {
            (self.still_may)()?;
            let (after, through) = (self.after, head.min(self.after + WINDOW));
            let selection = self.selection.clone();
            let events = database
                .read(move |connection| {
                    audit_chain::events_between(connection, &selection, after, through)
                })
                .await?;
            has_sent |= !events.is_empty();
            lines.send(events.iter().map(view::chained_event)).await?;
            self.after = through;
        }
        Ok(has_sent)
    }

    /// And what comes after, until the client goes, its credential ends or the server stops.
    async fn follow(&mut self, lines: &Lines) -> Result<(), End> {
        let mut quiet = 0;
        while !self.state.is_stopping() {
            (self.still_may)()?;
            quiet = if self.send_present(lines).await? {
                0
            } else {
                quiet + 1
            };
            if quiet > QUIET {
                lines.keep_alive().await?;
                quiet = 0;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

async fn verify(
    _: Admin,
    state: web::Data<State>,
    query: web::Query<Verify>,
) -> Result<HttpResponse, Problem> {
    let report = verify_chain(&state, query.into_inner().head).await?;
    Ok(HttpResponse::Ok().json(report))
}

/// Goes through the chain.
pub(in super::super) async fn verify_chain(
    state: &State,
    head: Option<String>,
) -> Result<Report, Problem> {
    // It reads the whole chain: one at a time.
    let _permit = state.verifying.acquire().await.ok();
    let sealer = state.sealer.clone();
    let report = state
        .database
        .read(move |connection| chain::verify(connection, &sealer, head.as_deref()))
        .await?;
    Ok(report)
}

async fn list_receipts(
    _: Admin,
    state: web::Data<State>,
    query: web::Query<Receipts>,
    place: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let selection = query.into_inner().selection()?;
    let window = place.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read_with(Freshness::MayLag, move |connection| {
            receipts::list(connection, &selection, place.cursor(), place.fetch())
        })
        .await?;
    Ok(HttpResponse::Ok().json(window.page(found, |receipt| receipt.id.clone(), view::receipt)))
}

async fn show_receipt(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id.into_inner();
    let found = state
        .database
        .read_now(|connection| receipts::find(connection, &id))?
        .ok_or(PolicyError::NotFound("receipt"))?;
    Ok(HttpResponse::Ok().json(view::receipt(&found)))
}

/// Newest first, as they are listed.
async fn export_receipts(
    _: Admin,
    request: HttpRequest,
    state: web::Data<State>,
    query: web::Query<Receipts>,
) -> Result<HttpResponse, Problem> {
    let selection = query.into_inner().selection()?;
    let still_may = still_reads(request, &state);
    Ok(send_receipts(&state, selection, still_may))
}

/// Sends all receipts of a selection.
pub(in super::super) fn send_receipts(
    state: &State,
    selection: receipts::Selection,
    still_may: StillMay,
) -> HttpResponse {
    let state = state.clone();
    lines::answer(move |lines| async move {
        match receipts_to(&lines, &state, selection, still_may).await {
            Ok(()) | Err(End::ClientGone) => {}
            Err(End::Refused(problem)) => lines.break_off(&problem).await,
        }
    })
}

async fn receipts_to(
    lines: &Lines,
    state: &State,
    selection: receipts::Selection,
    still_may: StillMay,
) -> Result<(), End> {
    let mut before: Option<String> = None;
    loop {
        still_may()?;
        let (selection, place) = (selection.clone(), before.clone());
        let page = state
            .database
            .read(move |connection| receipts::list(connection, &selection, place.as_deref(), PAGE))
            .await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        lines.send(page.iter().map(view::receipt)).await?;
        before = Some(last.id.clone());
    }
}
