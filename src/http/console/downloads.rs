//! Files that are taken away: long lists, sent while they are read.

use actix_web::http::header::{CONTENT_DISPOSITION, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::policies::Scope;

use super::super::State;
use super::super::admin::audit::StillMay;
use super::super::admin::{Needed, rights_with};
use super::super::caller::{AuthenticationFailure, verify_secret_again};
use super::cookies::session_cookie;

/// Looks at the session again, and at whether its person still has this scope: a download outlives nobody's rights.
pub(super) fn still_may(scope: Scope, request: HttpRequest, state: &web::Data<State>) -> StillMay {
    let server = state.clone();
    Box::new(move || {
        let session = session_cookie(&request, &server).ok_or(AuthenticationFailure::Missing)?;
        let verified = verify_secret_again(session.expose(), &request, &server)?;
        server
            .database
            .read_now(|connection| rights_with(Needed::to_look(scope), connection, &verified))?;
        Ok(())
    })
}

/// The same answer, for a browser to keep under a name.
pub(super) fn as_file(mut answer: HttpResponse, name: &str) -> HttpResponse {
    let disposition = format!("attachment; filename=\"{name}\"");
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        answer
            .headers_mut()
            .insert(CONTENT_DISPOSITION, disposition);
    }
    answer
}
