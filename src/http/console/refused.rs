//! A form that was refused, shown once more: the page that it is on, with what was filled in and why it was refused.
//! Passwords and codes are never filled in again.
//!
//! [`answered`] is around each handler that takes a form; [`Refused`] is what the page's own handler finds at its
//! [`super::visitor::Visitor`], and the form of the same address fills itself with. A form that did not come from
//! here, or is of another session, is not shown again: nobody else writes into the forms of somebody who is signed in.

use std::borrow::Cow;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, Responder, web};
use actix_web::{ResponseError, http::Uri};
use html5gum::{StartTag, Token, Tokenizer};
use maud::{Markup, PreEscaped, html};

use super::super::problem::Problem;
use super::answer::Failure;
use super::page::Access;
use super::visitor::{is_script, place};
use super::words::sentence;

/// Which refusals are worth another try with the same form.
const WORTH_ANOTHER: [StatusCode; 5] = [
    StatusCode::BAD_REQUEST,
    StatusCode::FORBIDDEN,
    StatusCode::CONFLICT,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
];

/// The name of the paragraph that says why, for the fields that it is about.
const REASON: &str = "refused";

/// A handler whose arguments are taken from the request within.
pub(super) type Answering =
    Rc<dyn Fn(HttpRequest, Payload) -> Pin<Box<dyn Future<Output = HttpResponse>>>>;

/// A handler with its arguments.
pub(super) fn answering<F, Args>(handler: F) -> Answering
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Rc::new(move |request, mut payload| {
        let handler = handler.clone();
        Box::pin(async move {
            match Args::from_request(&request, &mut payload).await {
                Ok(args) => {
                    let answer = handler.call(args).await;
                    answer.respond_to(&request).map_into_boxed_body()
                }
                Err(error) => HttpResponse::from_error(error.into()),
            }
        })
    })
}

/// The page that a form is on, and what a visitor must have to see it.
#[derive(Clone)]
pub(super) struct FormPage {
    /// What they must have.
    pub(super) access: Access,
    /// What shows it.
    pub(super) shown: Answering,
}

/// A form that has proved to be from here, and of the sender's session.
pub(super) struct Sent(pub(super) web::Bytes);

/// A form that was refused.
pub(super) struct Refused {
    /// Where it was sent to, without a query.
    path: String,
    /// What was filled in, as it was sent.
    pub(super) body: web::Bytes,
    /// What a visitor must have to see its page.
    pub(super) access: Access,
    reason: Problem,
    is_told: Cell<bool>,
}

/// What is answered to a form. Where it is refused, that is the page with the form.
pub(super) async fn answered(
    request: HttpRequest,
    payload: Payload,
    sent: Answering,
    page: Option<FormPage>,
) -> HttpResponse {
    let answer = sent(request.clone(), payload).await;
    let failure = answer.error().and_then(|error| error.as_error::<Failure>());
    let Some(Failure::Problem(reason)) = failure else {
        return answer;
    };
    let reason = reason.clone();
    let status = reason.status_code();
    if status == StatusCode::UNAUTHORIZED {
        // The session has ended while the form was on its way.
        let turned_away = Failure::SignIn {
            next: place(&request),
            had_session: true,
            is_script: is_script(&request),
        };
        return turned_away.error_response();
    }
    let sent = request.extensions_mut().remove::<Sent>();
    let (Some(Sent(body)), Some(page)) = (sent, page) else {
        return answer;
    };
    if !WORTH_ANOTHER.contains(&status) {
        return answer;
    }
    let told = reason.error_response();
    let refused = Rc::new(Refused {
        path: request.path().to_owned(),
        body,
        access: page.access,
        reason,
        is_told: Cell::default(),
    });
    request.extensions_mut().insert(refused);
    let mut again = (page.shown)(request, Payload::None).await;
    if again.status() != StatusCode::OK {
        return answer;
    }
    *again.status_mut() = status;
    copy_headers(told.headers(), again.headers_mut());
    again
}

/// What an answer says beside its text.
pub(super) fn copy_headers(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from {
        if name != CONTENT_TYPE {
            to.insert(name.clone(), value.clone());
        }
    }
}

impl Refused {
    /// The form that was refused, of what is in the form of this address; `None` for another's.
    pub(super) fn again(&self, action: &str, content: &Markup) -> Option<Markup> {
        let action = action.parse::<Uri>().ok()?;
        if action.path() != self.path {
            return None;
        }
        let told = self.told();
        let filled = self.filled(&content.0);
        Some(html! { @if let Some(told) = told { (told) } (PreEscaped(filled)) })
    }

    /// Why it was refused, unless that has been said.
    pub(super) fn told(&self) -> Option<Markup> {
        let is_told = self.is_told.replace(true);
        (!is_told).then(|| {
            html! { p id=(REASON) role="alert" { (sentence(&self.reason.to_string())) } }
        })
    }

    fn filled(&self, content: &str) -> String {
        let sent: Vec<(Cow<str>, Cow<str>)> = url::form_urlencoded::parse(&self.body).collect();
        let reason = self.reason.to_string();
        let mut filling = Filling {
            left: sent
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .collect(),
            sent: sent
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .collect(),
            reason: &reason,
            select: None,
            is_skipping: false,
            text: String::with_capacity(content.len()),
        };
        // Reading what is in memory fails never.
        for Ok(token) in Tokenizer::new(content) {
            filling.take(token);
        }
        filling.text
    }
}

/// Fields that are being filled in, in the order of the page.
struct Filling<'a> {
    /// Of what was sent, what has no field yet: several may have one name.
    left: Vec<(&'a str, &'a str)>,
    sent: Vec<(&'a str, &'a str)>,
    reason: &'a str,
    /// The name of the choice whose options come.
    select: Option<String>,
    /// Whether what comes has been written in another form.
    is_skipping: bool,
    text: String,
}

impl Filling<'_> {
    fn take(&mut self, token: Token) {
        match token {
            Token::StartTag(tag) => self.start(&tag),
            Token::EndTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                match name.as_str() {
                    "select" => self.select = None,
                    "textarea" => self.is_skipping = false,
                    _ => (),
                }
                self.push(["</", &name, ">"]);
            }
            Token::String(text) if !self.is_skipping => {
                self.text
                    .push_str(&escaped(&String::from_utf8_lossy(&text)));
            }
            // A form has no others.
            _ => (),
        }
    }

    fn start(&mut self, tag: &StartTag<()>) {
        let element = String::from_utf8_lossy(&tag.name).into_owned();
        let mut attributes: Vec<(String, String)> = tag
            .attributes
            .iter()
            .map(|(name, value)| (lossy(name), lossy(value)))
            .collect();
        let attribute = |attributes: &[(String, String)], wanted: &str| {
            let found = attributes.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone())
        };
        let name = attribute(&attributes, "name");
        let kind = attribute(&attributes, "type").unwrap_or_default();
        let is_secret = kind == "password"
            || attribute(&attributes, "autocomplete").is_some_and(|what| what == "one-time-code");
        let mut content = None;
        match (element.as_str(), &name) {
            ("input", Some(name)) if kind == "checkbox" || kind == "radio" => {
                let value = attribute(&attributes, "value").unwrap_or_else(|| "on".to_owned());
                mark(&mut attributes, "checked", self.was_sent(name, &value));
            }
            // What the sender saw is as they saw it: it is how somebody else's change meanwhile is noticed.
            ("input", Some(name))
                if (kind != "hidden" || says_what_was_seen(name)) && !is_secret =>
            {
                if let Some(value) = self.next_of(name) {
                    set(&mut attributes, "value", &value);
                }
            }
            ("textarea", Some(name)) => content = self.next_of(name),
            ("select", Some(name)) => self.select = Some(name.clone()),
            ("option", _) => {
                let select = self.select.clone().unwrap_or_default();
                let value = attribute(&attributes, "value").unwrap_or_default();
                if self.sent.iter().any(|(name, _)| *name == select) {
                    mark(&mut attributes, "selected", self.was_sent(&select, &value));
                }
            }
            _ => (),
        }
        if kind != "hidden" && name.is_some_and(|name| is_about(self.reason, &name)) {
            set(&mut attributes, "aria-invalid", "true");
            set(&mut attributes, "aria-describedby", REASON);
        }
        self.text.push('<');
        self.text.push_str(&element);
        for (name, value) in attributes {
            self.push([" ", &name, "=\"", &escaped(&value), "\""]);
        }
        self.text.push('>');
        if tag.self_closing {
            self.push(["</", &element, ">"]);
        }
        if let Some(content) = content {
            self.text.push_str(&escaped(&content));
            self.is_skipping = true;
        }
    }

    fn push<const N: usize>(&mut self, texts: [&str; N]) {
        self.text.extend(texts);
    }

    fn was_sent(&self, name: &str, value: &str) -> bool {
        self.sent.contains(&(name, value))
    }

    fn next_of(&mut self, name: &str) -> Option<String> {
        let place = self.left.iter().position(|(other, _)| *other == name)?;
        Some(self.left.remove(place).1.to_owned())
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn escaped(text: &str) -> String {
    html! { (text) }.into_string()
}

fn set(attributes: &mut Vec<(String, String)>, name: &str, value: &str) {
    attributes.retain(|(other, _)| other != name);
    attributes.push((name.to_owned(), value.to_owned()));
}

fn mark(attributes: &mut Vec<(String, String)>, name: &str, is: bool) {
    attributes.retain(|(other, _)| other != name);
    if is {
        attributes.push((name.to_owned(), String::new()));
    }
}

/// Whether a hidden field says what its form showed.
fn says_what_was_seen(name: &str) -> bool {
    name == "seen" || name.starts_with("seen_")
}

/// Whether a reason begins with the name of a field.
fn is_about(reason: &str, field: &str) -> bool {
    let rest = reason.strip_prefix(field);
    rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(body: &'static str, reason: &str, content: &Markup) -> Option<String> {
        let refused = Refused {
            path: "/console/things/new".to_owned(),
            body: web::Bytes::from_static(body.as_bytes()),
            access: Access::SignedIn,
            reason: Problem::invalid_value(reason),
            is_told: Cell::default(),
        };
        let form = refused.again("/console/things/new?of=one", content)?;
        Some(form.into_string())
    }

    #[test]
    fn what_was_filled_in_is_there_again_as_text() {
        let content = html! {
            label { span { "Name & more" } input name="name" value="before" required; }
            input type="number" name="days" value="30";
            textarea name="purpose" { "before" }
            select name="kind" { option value="a" selected { "A" } option value="b" { "B" } }
            label { input type="checkbox" name="scope" value="read" checked; }
            label { input type="checkbox" name="scope" value="write"; }
        };
        let form = again(
            "name=%22%3E%3Cb%3E&days=9999&purpose=a+%3C+b&kind=b&scope=write",
            "days is 9999; it must be 1 to 365",
            &content,
        );
        assert_eq!(
            form.as_deref(),
            Some(
                "<p id=\"refused\" role=\"alert\">Days is 9999; it must be 1 to 365.</p>\
                 <label><span>Name &amp; more</span>\
                 <input name=\"name\" required=\"\" value=\"&quot;&gt;&lt;b&gt;\"></label>\
                 <input name=\"days\" type=\"number\" value=\"9999\" aria-invalid=\"true\" aria-describedby=\"refused\">\
                 <textarea name=\"purpose\">a &lt; b</textarea>\
                 <select name=\"kind\"><option value=\"a\">A</option><option value=\"b\" selected=\"\">B</option></select>\
                 <label><input name=\"scope\" type=\"checkbox\" value=\"read\"></label>\
                 <label><input name=\"scope\" type=\"checkbox\" value=\"write\" checked=\"\"></label>"
            )
        );
    }

    #[test]
    fn nothing_secret_and_nothing_hidden_is_filled_in_again_but_what_was_seen() {
        let content = html! {
            input type="hidden" name="product" value="1";
            input type="hidden" name="seen" value="1";
            input type="hidden" name="seen_name" value="one";
            input type="password" name="own_password";
            input name="own_code" autocomplete="one-time-code";
        };
        let form = again(
            "product=2&seen=2&seen_name=two&own_password=hunter2hunter2&own_code=123456",
            "the password is not right",
            &content,
        );
        assert_eq!(
            form.as_deref(),
            Some(
                "<p id=\"refused\" role=\"alert\">The password is not right.</p>\
                 <input name=\"product\" type=\"hidden\" value=\"1\">\
                 <input name=\"seen\" type=\"hidden\" value=\"2\">\
                 <input name=\"seen_name\" type=\"hidden\" value=\"two\">\
                 <input name=\"own_password\" type=\"password\">\
                 <input autocomplete=\"one-time-code\" name=\"own_code\">"
            )
        );
    }

    #[test]
    fn the_form_of_another_address_stays_as_it_is() {
        let refused = Refused {
            path: "/console/things/new".to_owned(),
            body: web::Bytes::from_static(b"name=One"),
            access: Access::SignedIn,
            reason: Problem::invalid_value("name is taken"),
            is_told: Cell::default(),
        };
        let content = html! { input name="name"; };
        assert!(refused.again("/console/sign-out", &content).is_none());
        assert!(refused.told().is_some(), "it is said above the page then");
        assert!(refused.told().is_none(), "once");
    }
}
