//! The second factor (P10): a sign-in that lacks it opens nothing, a code is taken once, and it goes with the person.

mod enrolment;
mod required;
mod reset;
mod sign_in;

use aws_lc_rs::hmac;
use portcullis::clock::Timestamp;
use serde_json::{Value, json};

use crate::people::{PASSWORD, Person};
use crate::server::{Answer, Client, TestServer};

pub const STEP: i64 = 30_000;

/// What a person's app knows.
pub struct Authenticator {
    secret: Vec<u8>,
}

impl Authenticator {
    /// From the text that one types into an app (RFC 4648 section 6).
    pub fn typed(text: &str) -> Self {
        let (mut secret, mut bits, mut waiting) = (Vec::new(), 0_u32, 0);
        for character in text.chars() {
            let digit = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
                .find(character)
                .expect("a digit of base 32");
            bits = (bits << 5) | u32::try_from(digit).expect("small");
            waiting += 5;
            if waiting >= 8 {
                waiting -= 8;
                secret.push(u8::try_from((bits >> waiting) & 0xff).expect("a byte"));
            }
        }
        Self { secret }
    }

    /// The code that is shown at an instant (RFC 6238).
    pub fn code(&self, at: Timestamp) -> String {
        let step = u64::try_from(at.as_millis() / STEP).expect("after 1970");
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let bytes = tag.as_ref();
        let offset = usize::from(bytes[19] & 0x0f);
        let four: [u8; 4] = bytes[offset..offset + 4].try_into().expect("four");
        format!(
            "{:06}",
            (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
        )
    }

    /// A code that is not shown now.
    pub fn wrong_code(&self, at: Timestamp) -> String {
        let shown: Vec<String> = (-2..=2)
            .map(|steps| self.code(at.plus_millis(steps * STEP)))
            .collect();
        (0..10)
            .map(|number| format!("{number:06}"))
            .find(|code| !shown.contains(code))
            .expect("five codes are not ten")
    }
}

/// Somebody with a password.
fn member<'a>(server: &'a TestServer, name: &str) -> Person<'a> {
    let person = Person::create(server, &server.directory_id, &server.scim_key, name);
    let link = person.password_link();
    person.set_password(&link, PASSWORD).expect(204);
    person
}

/// Somebody who is enrolled, their app and their recovery codes.
pub struct Enrolled<'a> {
    pub person: Person<'a>,
    pub app: Authenticator,
    pub session: String,
    pub recovery_codes: Vec<String>,
}

impl<'a> Enrolled<'a> {
    pub fn arrange(server: &'a TestServer, name: &str) -> Self {
        Self::of(member(server, name))
    }

    pub fn of(person: Person<'a>) -> Self {
        let session = person.sign_in();
        let (app, confirmed) = enrol(person.server, &session);
        // The code that was shown is used up.
        person.server.clock.advance_millis(STEP);
        Self {
            app,
            session: confirmed.text_at("/token"),
            recovery_codes: recovery_codes(&confirmed),
            person,
        }
    }

    pub fn code(&self) -> String {
        self.app.code(self.person.server.clock.now())
    }

    /// Shows the password, and gives the session that this opens.
    pub fn begin_sign_in(&self) -> String {
        let answer = self.person.sign_in_with(PASSWORD).expect(201);
        assert_eq!(answer.body["second_factor"], "code_required");
        answer.text_at("/token")
    }
}

/// Enrols whoever has this session.
fn enrol(server: &TestServer, session: &str) -> (Authenticator, Answer) {
    let client = server.with_token(session);
    let begun = client
        .post("/account/v1/second-factor", &Value::Null)
        .expect(201);
    let app = Authenticator::typed(&begun.text_at("/secret"));
    let code = app.code(server.clock.now());
    let confirmed = client
        .post("/account/v1/second-factor/confirm", &json!({"code": code}))
        .expect(200);
    (app, confirmed)
}

fn recovery_codes(answer: &Answer) -> Vec<String> {
    let codes = answer.body["recovery_codes"]
        .as_array()
        .into_iter()
        .flatten();
    codes.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn pass(server: &TestServer, session: &str, code: &str) -> Answer {
    server
        .with_token(session)
        .post("/account/v1/session/second-factor", &json!({"code": code}))
}

/// The session opens nothing: every interface says that the second factor is lacking.
#[track_caller]
fn assert_is_barred(server: &TestServer, session: &str) {
    let client = server.with_token(session);
    for (method, path) in [
        ("GET", "/account/v1/session"),
        ("GET", "/account/v1/tokens"),
        ("DELETE", "/account/v1/tokens/any"),
        ("GET", "/admin/v1/directories"),
        ("GET", "/admin/v1/audit-events/export"),
    ] {
        assert_requires_it(&client, method, path);
    }
    let answer = client
        .post("/account/v1/tokens", &json!({"name": "One"}))
        .expect(403);
    assert_eq!(answer.body["type"], REQUIRED);
    client.get("/scim/v2/Me").expect_error(403, None);
    client.get("/scim/v2/Schemas").expect_error(403, None);
}

const REQUIRED: &str = "urn:portcullis:problem:second-factor-required";

#[track_caller]
fn assert_requires_it(client: &Client, method: &str, path: &str) {
    let answer = client.request(method, path, &[], b"").expect(403);
    assert_eq!(answer.body["type"], REQUIRED, "{path}: {}", answer.text);
}

#[track_caller]
fn assert_is_open(server: &TestServer, session: &str) {
    server
        .with_token(session)
        .get("/account/v1/session")
        .expect(200);
    server.with_token(session).get("/scim/v2/Me").expect(200);
}

/// The actions on record about a person that have to do with the second factor, oldest first.
fn recorded(server: &TestServer, person: &str) -> Vec<String> {
    let events = server
        .admin()
        .get(&format!("/audit-events?target_id={person}&limit=1000"))
        .expect(200);
    let mut actions: Vec<String> = events.body["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| event["action"].as_str())
        .filter(|action| {
            action.starts_with("second_factor.") || action.starts_with("recovery_codes.")
        })
        .map(str::to_owned)
        .collect();
    actions.reverse();
    actions
}
