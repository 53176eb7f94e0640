//! How many requests a credential may make, and what it is told beyond that.

use portcullis::config::Settings;
use portcullis::secret::{PlainSecret, SecretKind};
use serde_json::json;

use crate::server::{Answer, TestServer};

/// More than any burst that these tests set, and fewer than would take a second of the clock's.
const MANY: usize = 60;

fn slow(settings: &mut Settings) {
    settings.limits.scim_key_rate = 1;
    settings.limits.api_key_rate = 2;
    settings.limits.product_credential_rate = 1;
    settings.limits.unknown_credential_rate = 5;
}

fn first_refused(send: impl Fn() -> Answer) -> Answer {
    (0..MANY)
        .map(|_| send())
        .find(|answer| answer.status == 429)
        .expect("the rate is exceeded")
}

fn assert_says_when_to_come_again(answer: &Answer, policy: &str, rate: &str) {
    assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some(format!("\"{policy}\";{rate}").as_str())
    );
    assert_eq!(
        answer.header("ratelimit"),
        Some(format!("\"{policy}\";r=0;t=1").as_str())
    );
}

on_both_databases!(
    beyond_its_rate_a_key_is_told_in_its_own_protocol_when_to_come_again,
    |server| {
        let scim = server.scim();
        let refused = first_refused(|| scim.get("/Users?count=0"));
        let refused = refused.expect_error(429, None);
        assert_says_when_to_come_again(&refused, "requests", "q=1;w=1");
        server.clock.advance_millis(1_000);
        scim.get("/Users?count=0").expect(200);

        let admin = server.admin();
        let product = admin
            .post("/products", &json!({"name": "Wiki"}))
            .expect(201);
        let credential = admin
            .post(
                &format!("/products/{}/credentials", product.id()),
                &json!({"name": "Wiki"}),
            )
            .expect(201)
            .text_at("/secret");
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let product = server.with_token(&credential);
        let refused =
            first_refused(|| product.request("POST", "/oauth2/introspect", &form, b"token=x"));
        assert_eq!(refused.body["error"], "temporarily_unavailable");
        assert_says_when_to_come_again(&refused, "requests", "q=1;w=1");

        let refused = first_refused(|| admin.get("/directories"));
        assert_eq!(
            refused.body["type"],
            "urn:portcullis:problem:too-many-requests"
        );
        assert_says_when_to_come_again(&refused, "requests", "q=2;w=1");
    },
    slow
);

on_both_databases!(
    a_rate_of_its_own_holds_for_a_key_from_the_next_request_on,
    |server| {
        let admin = server.admin();
        let keys = format!("/directories/{}/scim-keys", server.directory_id);
        let key = admin
            .post(&keys, &json!({"name": "Fast", "requests_per_second": 0}))
            .expect(201);
        assert_eq!(key.body["requests_per_second"], 0);
        let scim = server.scim_with(&key.text_at("/secret"));
        for _ in 0..MANY {
            scim.get("/Users?count=0").expect(200);
        }
        let one = format!("/scim-keys/{}", key.id());
        let changed = admin
            .patch(&one, &json!({"name": "Slow", "requests_per_second": 2}))
            .expect(200);
        assert_eq!(changed.body["name"], "Slow");
        assert_eq!(changed.body["requests_per_second"], 2);
        let refused = first_refused(|| scim.get("/Users?count=0"));
        assert_says_when_to_come_again(&refused, "requests", "q=2;w=1");
        // Null is the rate of its kind; what is not named stays.
        let changed = admin
            .patch(&one, &json!({"requests_per_second": null}))
            .expect(200);
        assert_eq!(changed.body["name"], "Slow");
        assert!(changed.body["requests_per_second"].is_null());
        let successor = admin
            .patch(&one, &json!({"requests_per_second": 7}))
            .expect(200);
        assert_eq!(successor.body["requests_per_second"], 7);
        let successor = admin.post(&format!("{one}/rotate"), &json!({})).expect(201);
        assert_eq!(successor.body["requests_per_second"], 7);
        for bad in [json!(1_000_001), json!(-1), json!("1")] {
            admin
                .patch(&one, &json!({"requests_per_second": bad}))
                .expect(422);
        }
    },
    |settings: &mut Settings| settings.limits.scim_key_rate = 1
);

on_both_databases!(
    an_address_that_guesses_is_stopped_and_those_who_share_it_are_not,
    |server| {
        let guess = || {
            let unknown = PlainSecret::generate(SecretKind::ScimKey).expect("random numbers");
            server.scim_with(unknown.expose()).get("/Users?count=0")
        };
        for _ in 0..5 {
            guess().expect_error(401, None);
        }
        let refused = first_refused(guess).expect_error(429, None);
        assert_eq!(
            refused.header("ratelimit-policy"),
            Some("\"requests\";q=5;w=60")
        );
        server.scim().get("/Users?count=0").expect(200);
        server.clock.advance_millis(60_000);
        guess().expect_error(401, None);
    },
    slow
);

#[test]
fn the_defaults_never_stand_in_an_identity_providers_way() {
    let limits = portcullis::config::Limits::default();
    assert_eq!(limits.scim_key_rate, 100);
    let server = TestServer::start_with(crate::server::DatabaseKind::Sqlite, |settings| {
        settings.limits.scim_key_rate = limits.scim_key_rate;
    });
    // Entra ID sends some 25 requests a second for a long time; and synchronisations begin with a burst.
    let scim = server.scim();
    for _ in 0..900 {
        scim.get("/ServiceProviderConfig").expect(200);
    }
    for _ in 0..8 {
        server.clock.advance_millis(1_000);
        for _ in 0..25 {
            scim.get("/ServiceProviderConfig").expect(200);
        }
    }
}
