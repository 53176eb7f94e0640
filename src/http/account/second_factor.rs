//! One's second factor: enrolled, passed, removed, and the recovery codes for when it is lost.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::qr::QRBuilder;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::credentials::confirmation::{self, Asked};
use crate::credentials::second_factor::{self, Confirmed, Enrolment, Outstanding, Standing};
use crate::credentials::{CredentialError, Issued, Verified};
use crate::store::id::{CredentialId, ResourceId};
use crate::store::{DatabaseConnection, TransactionError as _};

use super::super::State;
use super::super::caller::Undone;
use super::super::openapi::{ApiEndpoint, Caller, Operation};
use super::super::problem::{Problem, ProblemKind};
use super::super::throttle::Attempt;
use super::Person;

pub(super) fn endpoints() -> Vec<ApiEndpoint> {
    let own = |summary| Operation::new(summary).of(Caller::Person);
    vec![
        ApiEndpoint::at("/session/second-factor").post(
            pass,
            own("Show a code, and go on with another session in place of this one")
                .shows::<Renewed>()
                .refuses(&[404, 409]),
        ),
        ApiEndpoint::at("/second-factor")
            .get(
                show,
                own("Show whether one has a second factor").shows::<StandingView>(),
            )
            .post(
                begin,
                own("Begin to enrol an authenticator")
                    .answers_with::<EnrolmentView>(201, "What the authenticator needs")
                    .refuses(&[404, 409]),
            ),
        ApiEndpoint::at("/second-factor/confirm").post(
            confirm,
            own("Finish enrolling with a first code")
                .explained("Another session goes on in place of this one.")
                .shows::<Renewed>()
                .refuses(&[404, 409]),
        ),
        ApiEndpoint::at("/second-factor/remove").post(
            remove,
            own("Remove one's second factor")
                .ends()
                .refuses(&[404, 409]),
        ),
        ApiEndpoint::at("/second-factor/recovery-codes").post(
            renew_recovery_codes,
            own("Make new recovery codes in place of the others")
                .shows::<RecoveryCodesView>()
                .refuses(&[404, 409]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecondFactorCode)]
struct Code {
    code: String,
}

/// Where a person stands, as it is shown to them and to admins.
#[derive(Serialize, ToSchema)]
#[schema(as = SecondFactorStanding)]
pub(in super::super) struct StandingView {
    enrolled: bool,
    #[schema(required)]
    enrolled_at: Option<Timestamp>,
    /// Whether their policy requires one.
    required: bool,
    recovery_codes_left: i64,
}

/// Where a person stands, as it is shown to them and to admins.
pub(in super::super) fn shown(standing: &Standing) -> StandingView {
    StandingView {
        enrolled: standing.enrolled_at.is_some(),
        enrolled_at: standing.enrolled_at,
        required: standing.is_required,
        recovery_codes_left: standing.recovery_codes,
    }
}

/// What an authenticator needs.
#[derive(Serialize, ToSchema)]
#[schema(as = SecondFactorEnrolment)]
struct EnrolmentView {
    secret: String,
    otpauth_uri: String,
    /// The URI as a picture.
    qr_svg: String,
}

/// Codes for when the authenticator is lost.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryCodes)]
struct RecoveryCodesView {
    /// Shown this once.
    recovery_codes: Vec<String>,
}

async fn show(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let person = Person::half_way(&request, &state).await?;
    let now = person.caller.requested_at;
    let standing = state
        .database
        .read_now(|connection| second_factor::standing(connection, &person.id, now))?;
    Ok(HttpResponse::Ok().json(shown(&standing)))
}

async fn begin(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let person = Person::half_way(&request, &state).await?;
    let enrolment = begin_enrolment(&state, &person).await?;
    Ok(secret(
        HttpResponse::Created(),
        EnrolmentView {
            qr_svg: picture(&enrolment)?,
            secret: enrolment.secret,
            otpauth_uri: enrolment.uri,
        },
    ))
}

/// Makes what an authenticator app has to be told. Whoever is asked for a code has an authenticator already.
pub(in super::super) async fn begin_enrolment(
    state: &State,
    person: &Person,
) -> Result<Enrolment, Problem> {
    if person.caller.verified.outstanding == Some(Outstanding::Code) {
        return Err(Problem::second_factor_required());
    }
    let sealer = state.sealer.clone();
    let enrolment = person
        .write(state, move |connection, person| {
            let (caller, now) = (&person.caller, person.caller.requested_at);
            refuse_stale(connection, &person.id, &caller.verified, now)?;
            second_factor::begin(connection, &sealer, &person.id, &caller.actor, now)
        })
        .await?;
    Ok(enrolment)
}

/// Whoever finds an unlocked machine enrols no authenticator of their own: the password was shown a moment ago, at
/// the sign-in or since.
fn refuse_stale(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    verified: &Verified,
    now: Timestamp,
) -> Result<(), CredentialError> {
    // A sign-in that is half-way has just shown it.
    if verified.outstanding.is_some()
        || confirmation::asked(connection, &verified.credential, person, now)? == Asked::Nothing
    {
        return Ok(());
    }
    Err(CredentialError::Forbidden(format!(
        "an authenticator is set up within {} minutes of a sign-in: sign in again",
        confirmation::HOLDS_MINUTES
    )))
}

/// The QR code of an enrolment, as SVG.
pub(in super::super) fn picture(enrolment: &Enrolment) -> Result<String, Problem> {
    QRBuilder::new(enrolment.uri.as_str())
        .build()
        .map(|code| SvgBuilder::default().to_str(&code))
        .map_err(|error| Problem::internal(&error))
}

async fn confirm(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<Code>,
) -> Result<HttpResponse, Problem> {
    let person = Person::half_way(&request, &state).await?;
    let confirmed = confirm_enrolment(&state, &person, &body.code).await?;
    let shown = session(&confirmed.session, Some(confirmed.recovery_codes));
    Ok(secret(HttpResponse::Ok(), shown))
}

/// Takes the first code of a new authenticator.
pub(in super::super) async fn confirm_enrolment(
    state: &State,
    person: &Person,
    code: &str,
) -> Result<Confirmed, Problem> {
    if person.caller.verified.outstanding == Some(Outstanding::Code) {
        return Err(Problem::second_factor_required());
    }
    let (sealer, code) = (state.sealer.clone(), code.to_owned());
    with_code(state, person, move |connection, person| {
        let caller = &person.caller;
        refuse_stale(
            connection,
            &person.id,
            &caller.verified,
            caller.requested_at,
        )?;
        second_factor::confirm(
            connection,
            &sealer,
            &caller.verified.credential,
            &code,
            &caller.actor,
            caller.requested_at,
        )
    })
    .await
}

async fn pass(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<Code>,
) -> Result<HttpResponse, Problem> {
    let person = Person::half_way(&request, &state).await?;
    let issued = pass_with(&state, &person, &body.code).await?;
    Ok(secret(HttpResponse::Ok(), session(&issued, None)))
}

/// Completes a sign-in with a code.
pub(in super::super) async fn pass_with(
    state: &State,
    person: &Person,
    code: &str,
) -> Result<Issued, Problem> {
    match person.caller.verified.outstanding {
        Some(Outstanding::Code) => {}
        Some(Outstanding::Enrolment) => {
            return Err(Problem::new(
                ProblemKind::Conflict,
                "there is no second factor yet: enrol at /account/v1/second-factor",
            ));
        }
        None => {
            return Err(Problem::new(
                ProblemKind::Conflict,
                "the sign-in is complete",
            ));
        }
    }
    let (sealer, code) = (state.sealer.clone(), code.to_owned());
    with_code(state, person, move |connection, person| {
        let caller = &person.caller;
        second_factor::pass(
            connection,
            &sealer,
            &caller.verified.credential,
            &code,
            &caller.actor,
            caller.requested_at,
        )
    })
    .await
}

async fn remove(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<Code>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    remove_with(&state, &person, &body.code).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes the authenticator of whoever shows a code of it.
pub(in super::super) async fn remove_with(
    state: &State,
    person: &Person,
    code: &str,
) -> Result<(), Problem> {
    let (sealer, code) = (state.sealer.clone(), code.to_owned());
    with_code(state, person, move |connection, person| {
        let (actor, now) = (&person.caller.actor, person.caller.requested_at);
        second_factor::remove(connection, &sealer, &person.id, &code, actor, now)
    })
    .await
}

async fn renew_recovery_codes(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<Code>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let codes = recovery_codes_with(&state, &person, &body.code).await?;
    Ok(secret(
        HttpResponse::Ok(),
        RecoveryCodesView {
            recovery_codes: codes,
        },
    ))
}

/// Gives whoever shows a code new recovery codes.
pub(in super::super) async fn recovery_codes_with(
    state: &State,
    person: &Person,
    code: &str,
) -> Result<Vec<String>, Problem> {
    let (sealer, code) = (state.sealer.clone(), code.to_owned());
    with_code(state, person, move |connection, person| {
        let (actor, now) = (&person.caller.actor, person.caller.requested_at);
        second_factor::renew_recovery_codes(connection, &sealer, &person.id, &code, actor, now)
    })
    .await
}

/// Does what a code is shown for. Wrong ones are counted, by person wherever they come from, and recorded.
async fn with_code<T: Send + 'static>(
    state: &State,
    person: &Person,
    attempt: impl Fn(&mut DatabaseConnection, &Person) -> Result<T, CredentialError> + Send + 'static,
) -> Result<T, Problem> {
    let caller = &person.caller;
    let now = caller.requested_at;
    let counted = Attempt::of_second_factor(person.id.as_str(), caller.actor.source_ip);
    let (name, address) = (&person.caller.actor.name, caller.actor.source_ip);
    state.throttle.admit(&counted, now).inspect_err(|_| {
        let name = name.as_deref().unwrap_or_default();
        state.observed.note_throttled(name, now, address);
    })?;
    let error = match person.write(state, attempt).await {
        Ok(done) => {
            state.throttle.forget(&counted);
            return Ok(done);
        }
        Err(error) => error,
    };
    if error.store_error().is_some() {
        // Whoever could not be served has shown nothing, and may try as often as before.
        state.throttle.take_back(&counted);
    }
    if matches!(error, Undone::Body(CredentialError::Forbidden(_))) {
        state.metrics.count_sign_in_failure("wrong_code");
        let (id, actor) = (person.id.clone(), caller.actor.clone());
        state
            .database
            .write(move |connection| second_factor::record_refusal(connection, &id, &actor, now))
            .await?;
    }
    Err(error.into())
}

/// The session that goes on in place of the one that was used.
#[derive(Serialize, ToSchema)]
#[schema(as = RenewedSession)]
struct Renewed {
    id: CredentialId,
    token: String,
    expires_at: Timestamp,
    #[schema(required)]
    idle_expires_at: Option<Timestamp>,
    /// `passed`.
    second_factor: &'static str,
    /// Shown this once, after enrolling.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
}

fn session(issued: &Issued, recovery_codes: Option<Vec<String>>) -> Renewed {
    let session = &issued.credential;
    Renewed {
        id: session.id.clone(),
        token: issued.secret.expose().to_owned(),
        expires_at: session.expires_at,
        idle_expires_at: session.idle_expires_at,
        second_factor: "passed",
        recovery_codes,
    }
}

/// An answer that nobody else keeps.
fn secret(mut builder: actix_web::HttpResponseBuilder, body: impl Serialize) -> HttpResponse {
    builder
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(body)
}
