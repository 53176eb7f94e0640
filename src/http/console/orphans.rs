//! Orphaned keys: what leavers have left behind, adopted, rotated or revoked, one or many at once; and the service
//! accounts that nobody answers for, each of which is adopted on its own page.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::keys;
use crate::credentials::{Credential, CredentialError, Issued};
use crate::policies::{Rights, Scope};
use crate::store::credentials::{self as table, Search, Standing, newest};
use crate::store::id::{CredentialId, ResourceId};
use crate::store::service_accounts::{self as accounts, ServiceAccount};
use crate::store::{DatabaseConnection, StoreError};

use super::super::State;
use super::super::admin::Admin;
use super::super::admin::keys::{check_reach, orphans};
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::keys::{Names, ROWS, UNUSED, days_before, first_of};
use super::kinds::{KINDS, Kind};
use super::page::{Access, Page};
use super::parts::{
    Question, confirm, empty, field, filters, heading, pager, results, secret_of, select,
    table as rows_of,
};
use super::service_accounts::{address, called};
use super::typed_name::{check_number, typed_number};
use super::visitor::{Confirmed, Visitor, query};
use super::words::{ago, counted, sentence};

/// The same as the admin interface's list of them.
const READ: Access = Access::With(Scope::ScimKeysRead);
/// Whoever may change some kind of them; each is looked at by itself.
const WRITE: Access = Access::WithAny(&WRITING);
const WRITING: [Scope; 4] = [
    Scope::ScimKeysWrite,
    Scope::ApiKeysWrite,
    Scope::ServiceAccountsWrite,
    Scope::ProductsWrite,
];

const LIST: &str = "/console/orphans";
const NONE_CHOSEN: &str = "choose at least one key";
/// Who has left what the command line has made.
const NOBODY: &str = "nobody known";

pub(super) fn pages() -> Vec<Page> {
    vec![
        Page::at("/orphans").get(READ, list),
        Page::at("/orphans/adopt")
            .get(WRITE, ask_adopt)
            .post(WRITE, adopt),
        Page::at("/orphans/rotate")
            .get(WRITE, ask_rotate)
            .post(WRITE, rotate),
        Page::at("/orphans/revoke")
            .get(WRITE, ask_revoke)
            .post(WRITE, revoke),
    ]
}

#[derive(Default, Deserialize)]
struct Filter {
    #[serde(default)]
    kind: String,
    unused: Option<String>,
    /// The identifier of whoever has left them.
    #[serde(default)]
    leaver: String,
    cursor: Option<String>,
}

/// Which keys something is done with.
#[derive(Deserialize)]
struct Chosen {
    #[serde(default)]
    id: Vec<CredentialId>,
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let filter = filter.into_inner();
    shown_list(&visitor, &state, filter, &html! {}).await
}

/// `told` is what is said above it.
async fn shown_list(
    visitor: &Visitor,
    state: &State,
    filter: Filter,
    told: &Markup,
) -> Result<HttpResponse, Failure> {
    let now = visitor.now();
    let seen = orphans(&visitor.rights).kinds;
    let known: Vec<Kind> = KINDS
        .into_iter()
        .filter(|kind| seen.contains(&kind.secret))
        .collect();
    let wanted = filter.kind.as_str();
    let leaver = Some(filter.leaver.trim().to_owned()).filter(|id| !id.is_empty());
    let leaver = leaver.map(ResourceId::new);
    let search = Search {
        kinds: known
            .iter()
            .filter(|kind| wanted.is_empty() || kind.slug == wanted)
            .map(|kind| kind.secret)
            .collect(),
        standing: Some((Standing::Orphaned, now)),
        unused_since: days_before(filter.unused.as_deref(), now),
        left_by: leaver.clone(),
        ..Search::default()
    };
    let mut kinds = vec![("", "Every kind")];
    kinds.extend(known.iter().map(|kind| (kind.slug, kind.many)));
    let unused = filter.unused.unwrap_or_default();
    let is_narrow = !wanted.is_empty() || !unused.is_empty() || leaver.is_some();
    let cursor = filter.cursor;
    let shows_accounts = visitor.may(Scope::ServiceAccountsRead) && !is_narrow && cursor.is_none();
    let (found, names, left) = state
        .database
        .read(move |connection| {
            let found = newest(connection, &search, cursor.as_deref(), ROWS + 1)?;
            let names = Names::of(connection, &found)?;
            let left = if shows_accounts {
                let orphaned = accounts::Selection {
                    orphaned: true,
                    ..accounts::Selection::default()
                };
                accounts::list(connection, &orphaned, None, ROWS + 1)?
            } else {
                Vec::new()
            };
            Ok::<_, StoreError>((found, names, left))
        })
        .await?;
    let (shown, next) = first_of(found);
    let may_change = WRITE.admits(&visitor.rights);
    let content = html! {
        (heading("Orphaned keys", None, &html! {}))
        (told)
        p.muted {
            "Whoever made these has left or lost their role. They go on working, so that nothing stops by itself, "
            "until somebody adopts, rotates or revokes them."
        }
        (filters(LIST, &html! {
            (field("Kind", &select("kind", wanted, &kinds)))
            (field("Last use", &select("unused", &unused, &UNUSED)))
            (field("Identifier of who left them", &html! {
                input type="search" name="leaver" value=(filter.leaver) autocomplete="off" spellcheck="false";
            }))
        }))
        (results(&html! {
            @if !left.is_empty() {
                h2 { "Service accounts" }
                (account_table(&left, visitor))
                h2 { "Keys and tokens" }
            }
            @if shown.is_empty() && is_narrow {
                (empty("Nothing stands like that.", &html! { a href=(LIST) { "Show everything" } }))
            } @else if shown.is_empty() && !left.is_empty() {
                (empty("No keys are left behind.", &html! {}))
            } @else if shown.is_empty() {
                (empty("Nothing is left behind.", &html! {}))
            } @else {
                form method="get" action="/console/orphans/adopt" {
                    @if may_change {
                        label.check data-script hidden { input type="checkbox" data-all; span { "All on this page" } }
                    }
                    (orphan_table(&shown, &names, visitor))
                    @if may_change {
                        div.buttons {
                            button.primary { "Adopt those chosen" }
                            button formaction="/console/orphans/rotate" { "Rotate" }
                            button.danger formaction="/console/orphans/revoke" { "Revoke" }
                        }
                    }
                }
            }
            (pager(visitor, next.as_deref()))
        }))
    };
    Ok(page(visitor, Section::Orphans, "Orphaned keys", &content))
}

/// The accounts that nobody answers for, as many as a page has.
fn account_table(left: &[ServiceAccount], visitor: &Visitor) -> Markup {
    let shown = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let rows: Vec<Vec<Markup>> = left
        .iter()
        .take(shown)
        .map(|account| {
            vec![
                html! { a href=(address(&account.id)) { (account.name) } },
                html! { (account.purpose) },
                html! { (account.owner.as_ref().map_or_else(|| NOBODY.to_owned(), called)) },
                html! {
                    @if let Some(at) = account.orphaned_at { (ago(at, visitor.now())) }
                    @if let Some(reason) = &account.orphaned_reason { small { (reason.replace('_', " ")) } }
                },
            ]
        })
        .collect();
    html! {
        (rows_of(
            "Whoever adopts one on its page adopts its tokens and keys with it",
            &["Name", "What it is for", "Left by", "Since"],
            &rows,
        ))
        @if left.len() > shown {
            p { a href="/console/service-accounts?orphaned=true" { "All of them" } }
        }
    }
}

fn orphan_table(shown: &[Credential], names: &Names, visitor: &Visitor) -> Markup {
    let now = visitor.now();
    let rows: Vec<Vec<Markup>> = shown
        .iter()
        .map(|key| {
            let kind = Kind::of_credential(key);
            vec![
                html! {
                    label.check {
                        input type="checkbox" name="id" value=(key.id) aria-label={ "Choose " (key.name) };
                    }
                },
                html! {
                    @match kind {
                        Some(kind) => { a href=(kind.address(&key.id)) { (key.name) } },
                        None => { (key.name) },
                    }
                    small { code { (key.prefix) "…" } }
                },
                html! { (kind.map_or("", |kind| kind.one)) },
                names.holder(key),
                html! {
                    @match (names.leaver_id(key), names.leaver(key)) {
                        (Some(id), Some(leaver)) => { a href={ (LIST) "?leaver=" (id) } { (leaver) } },
                        _ => { (NOBODY) },
                    }
                },
                html! {
                    @if let Some(at) = key.orphaned_at { (ago(at, now)) }
                    @if let Some(reason) = &key.orphaned_reason { small { (reason.replace('_', " ")) } }
                },
                super::words::ago_or(key.last_used_at, now, "never"),
                ago(key.expires_at, now),
            ]
        })
        .collect();
    rows_of(
        "The newest first",
        &[
            "Choose",
            "Name",
            "Kind",
            "Of",
            "Left by",
            "Since",
            "Last used",
            "Expires",
        ],
        &rows,
    )
}

/// The chosen keys, each of which the caller may change and is an orphan.
fn chosen_keys(
    connection: &mut DatabaseConnection,
    ids: &[CredentialId],
    rights: &Rights,
) -> Result<Vec<(Kind, Credential)>, CredentialError> {
    if ids.is_empty() {
        return Err(CredentialError::Invalid(NONE_CHOSEN.to_owned()));
    }
    let mut keys = Vec::with_capacity(ids.len());
    for id in ids {
        let key = table::find(connection, id)?.ok_or(CredentialError::NotFound("credential"))?;
        let kind = Kind::of_credential(&key).filter(|kind| kind.is_changed_by(rights));
        let kind = kind.ok_or_else(|| {
            CredentialError::Forbidden(format!("your role does not reach {}", key.name))
        })?;
        if key.orphaned_at.is_none() {
            return Err(CredentialError::Conflict(format!(
                "{} is not orphaned",
                key.name
            )));
        }
        keys.push((kind, key));
    }
    Ok(keys)
}

/// The keys to be revoked, and how many they are, typed, where they are more than one.
#[derive(Deserialize)]
struct Ended {
    #[serde(default)]
    id: Vec<CredentialId>,
    #[serde(default)]
    typed: String,
}

/// What is asked before something is done with several keys.
struct Several {
    verb: &'static str,
    /// Whether it is final; of more than one key their number is typed then.
    is_dangerous: bool,
    /// Whether it can be done with a kind at all.
    takes: fn(Kind) -> bool,
    consequences: fn(i64) -> Markup,
}

const ADOPT: Several = Several {
    verb: "Adopt",
    is_dangerous: false,
    takes: |_| true,
    consequences: |count| {
        html! {
            p { (counted(count, "key becomes", "keys become")) " yours: should you leave, they are flagged again." }
        }
    },
};
const ROTATE: Several = Several {
    verb: "Rotate",
    is_dangerous: false,
    takes: |kind| kind.is_key,
    consequences: |count| {
        html! {
            p { (counted(count, "successor is", "successors are")) " issued in your name, and shown once." }
            p { "What there is goes on working for 24 hours after the first use of its successor." }
        }
    },
};
const REVOKE: Several = Several {
    verb: "Revoke",
    is_dangerous: true,
    takes: |_| true,
    consequences: |count| {
        html! {
            p { (counted(count, "key stops", "keys stop")) " working at once, everywhere, and for good." }
        }
    },
};

async fn ask_adopt(
    visitor: Visitor,
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    ask(&visitor, &state, &request, &ADOPT).await
}

async fn ask_rotate(
    visitor: Visitor,
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    ask(&visitor, &state, &request, &ROTATE).await
}

async fn ask_revoke(
    visitor: Visitor,
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    ask(&visitor, &state, &request, &REVOKE).await
}

async fn ask(
    visitor: &Visitor,
    state: &State,
    request: &HttpRequest,
    several: &Several,
) -> Result<HttpResponse, Failure> {
    let chosen: Chosen = query(request)?;
    if chosen.id.is_empty() {
        let told = html! { p role="alert" { (sentence(NONE_CHOSEN)) } };
        let mut response = shown_list(visitor, state, Filter::default(), &told).await?;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(response);
    }
    let (found, left_out): (Vec<_>, Vec<_>) = state
        .database
        .read_now(|connection| chosen_keys(connection, &chosen.id, &visitor.rights))?
        .into_iter()
        .partition(|(kind, _)| (several.takes)(*kind));
    if found.is_empty() {
        return Err(CredentialError::Conflict(
            "a public key has no secret that could be rotated: choose something else, or replace it on its own page"
                .to_owned(),
        )
        .into());
    }
    let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let title = format!(
        "{} {}",
        several.verb,
        counted(count, "orphaned key", "orphaned keys")
    );
    let content = confirm(
        visitor,
        visitor.asked(state)?,
        &Question {
            title: &title,
            back: ("/console/orphans", "Orphaned keys"),
            consequences: html! {
                ((several.consequences)(count))
                (listed(&found))
                @if !left_out.is_empty() {
                    p { "Left out, since a public key has no secret that could be rotated; replace it on its own page:" }
                    (listed(&left_out))
                }
            },
            fields: html! {
                @for (_, key) in &found { input type="hidden" name="id" value=(key.id); }
                @if several.is_dangerous && found.len() > 1 { (typed_number("keys", found.len())) }
            },
            button: several.verb,
            is_dangerous: several.is_dangerous,
        },
    );
    Ok(page(visitor, Section::Orphans, &title, &content))
}

fn listed(keys: &[(Kind, Credential)]) -> Markup {
    html! {
        ul { @for (kind, key) in keys { li { (key.name) ", " (kind.one) ", " code { (key.prefix) "…" } } } }
    }
}

/// Does something with each of the chosen keys, or with none.
async fn with_each<T: Send + 'static>(
    state: &State,
    visitor: &Visitor,
    ids: Vec<CredentialId>,
    act: impl Fn(&mut DatabaseConnection, Kind, &Credential, &Admin) -> Result<T, CredentialError>
    + Send
    + 'static,
) -> Result<Vec<T>, Failure> {
    // One of these they have; what each key needs is looked at beside it.
    let scope = WRITING.into_iter().find(|scope| visitor.may(*scope));
    let admin = visitor.admin(scope.unwrap_or(Scope::ScimKeysWrite));
    let done = admin
        .write(state, move |connection, admin| {
            let mut done = Vec::with_capacity(ids.len());
            for (kind, key) in chosen_keys(connection, &ids, &admin.rights)? {
                done.push(act(connection, kind, &key, admin)?);
            }
            Ok::<_, CredentialError>(done)
        })
        .await?;
    Ok(done)
}

async fn adopt(sent: Confirmed<Chosen>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    with_each(
        &state,
        &sent.visitor,
        sent.form.id,
        |connection, kind, key, admin| {
            check_reach(connection, kind.secret, &key.id, &admin.rights)?;
            keys::adopt(connection, kind.secret, &key.id, &admin.actor, admin.now)
        },
    )
    .await?;
    Ok(see_other("/console/orphans?done=keys-adopted"))
}

async fn revoke(sent: Confirmed<Ended>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    if sent.form.id.len() > 1 {
        check_number(&sent.form.typed, sent.form.id.len())?;
    }
    with_each(
        &state,
        &sent.visitor,
        sent.form.id,
        |connection, kind, key, admin| {
            let (actor, now) = (&admin.actor, admin.now);
            keys::revoke(
                connection,
                kind.secret,
                &key.id,
                "revoked_by_admin",
                actor,
                now,
            )
        },
    )
    .await?;
    Ok(see_other("/console/orphans?done=keys-revoked"))
}

async fn rotate(sent: Confirmed<Chosen>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let visitor = sent.visitor;
    let issued: Vec<Issued> = with_each(
        &state,
        &visitor,
        sent.form.id,
        |connection, kind, key, admin| {
            check_reach(connection, kind.secret, &key.id, &admin.rights)?;
            let (actor, now) = (&admin.actor, admin.now);
            keys::rotate(connection, kind.secret, &key.id, None, None, actor, now)
        },
    )
    .await?;
    let content = html! {
        (heading("The successors", Some(("/console/orphans", "Orphaned keys")), &html! {}))
        @for one in &issued {
            h2 { (one.credential.name) }
            (secret_of(one))
        }
        p { a.button href="/console/orphans" { "I have copied them" } }
    };
    Ok(page(&visitor, Section::Orphans, "Rotated", &content))
}
