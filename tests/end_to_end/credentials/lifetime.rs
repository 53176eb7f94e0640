//! P7: everything expires, at its instant, and no job is needed for it.

use portcullis::credentials::{Refusal, verify};
use portcullis::secret::PlainSecret;
use portcullis::store::credentials;
use portcullis::store::id::CredentialId;
use serde_json::{Value, json};

use super::{DAY, EXPIRED, asked_with, assert_challenge, member, scim_key, shown};
use crate::people::Key;
use crate::server::TestServer;

/// Days from when a credential was made until it expires.
fn days(answer: &Value) -> i64 {
    let at = |name: &str| {
        let text = answer[name].as_str().unwrap_or_default();
        chrono::DateTime::parse_from_rfc3339(text)
            .expect("a time")
            .timestamp_millis()
    };
    let millis = at("expires_at") - at("created_at");
    assert_eq!(millis % DAY, 0);
    millis / DAY
}

on_both_databases!(
    everything_expires_within_a_year_and_after_a_year_by_default,
    |server| {
        let admin = server.admin();
        let product = admin
            .post("/products", &json!({"name": "Gate"}))
            .expect(201)
            .id();
        let session = member(server, "member").sign_in();
        let own = server.with_token(&session);
        let admin_base = format!("{}/admin/v1", server.base_url);
        let scim_keys = format!("{admin_base}/directories/{}/scim-keys", server.directory_id);
        for (client, path) in [
            (&admin, scim_keys),
            (&admin, format!("{admin_base}/api-keys")),
            (
                &admin,
                format!("{admin_base}/products/{product}/credentials"),
            ),
            (&own, "/account/v1/tokens".to_owned()),
        ] {
            let make = |expires: Value| {
                client.post(&path, &json!({"name": "One", "expires_in_days": expires}))
            };
            assert_eq!(days(&make(Value::Null).expect(201).body), 365, "{path}");
            assert_eq!(days(&make(json!(1)).expect(201).body), 1, "{path}");
            assert_eq!(days(&make(json!(365)).expect(201).body), 365, "{path}");
            for beyond in [i64::MIN, -1, 0, 366, i64::MAX] {
                let problem = make(json!(beyond)).expect(422);
                assert!(problem.text.contains("1 to 365"), "{}", problem.text);
            }
        }
    }
);

fn verify_at(server: &TestServer, key: &Key, millis_before_expiry: i64) -> Result<(), Refusal> {
    let secret = PlainSecret::recognise(&key.secret).expect("it is one");
    let id = CredentialId::new(key.id.clone());
    server.database.read_now(|connection| {
        let expires_at = credentials::find(connection, &id)?
            .expect("it is there")
            .expires_at;
        let at = expires_at.plus_millis(-millis_before_expiry);
        verify(connection, &secret, None, at).map(|_| ())
    })
}

on_both_databases!(
    a_credential_stops_at_its_instant_without_any_job,
    |server| {
        let key = Key::of(&scim_key(server, &json!({"expires_in_days": 7})).expect(201));
        assert!(verify_at(server, &key, 1).is_ok());
        assert!(matches!(verify_at(server, &key, 0), Err(Refusal::Expired)));

        server.clock.advance_millis(7 * DAY - 60_000);
        asked_with(server, &key).expect(200);
        assert_eq!(shown(server, &key)["status"], "active");
        server.clock.advance_millis(60_000);
        assert_challenge(&asked_with(server, &key).expect(401), EXPIRED);
        let row = shown(server, &key);
        assert_eq!(row["status"], "expired");
        assert_eq!(row["revoked_at"], Value::Null, "nothing had to be written");
    }
);
