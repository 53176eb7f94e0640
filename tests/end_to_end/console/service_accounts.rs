//! Service accounts in the console: made, given tokens, disabled, adopted and deleted by those who may.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::machine::program::{Pair, Program};
use crate::server::TestServer;

use super::{Browser, id_within, member, shown_secret};

const ACCOUNTS: &str = "/console/service-accounts/";

fn account(server: &TestServer, id: &str) -> Value {
    let path = format!("/service-accounts/{id}");
    server.admin().get(&path).expect(200).body
}

on_both_databases!(
    a_service_account_is_made_given_a_token_and_disabled,
    |server| {
        let admin = member(server, "admin", Some("admin"));
        let mut browser = Browser::of(&admin);
        let fields = [
            ("name", "Nightly build"),
            ("purpose", "Builds at night"),
            ("owner", ""),
        ];
        browser.get("/console/service-accounts/new").expect(200);
        let made = browser
            .submit("/console/service-accounts/new", &fields)
            .expect(303);
        let place = made.header("location").expect("its page");
        let id = id_within(place, ACCOUNTS);
        let place = format!("{ACCOUNTS}{id}");
        assert_eq!(account(server, &id)["owner"]["id"], admin.id);
        let list = browser.get("/console/service-accounts").expect(200).text;
        assert!(list.contains(">Nightly build</a>"));
        let orphans = browser
            .get("/console/service-accounts?orphaned=true")
            .expect(200)
            .text;
        assert!(!orphans.contains(">Nightly build</a>"));

        browser.get(&format!("{place}/tokens/new")).expect(200);
        let token = [
            ("name", "Build server"),
            ("expires_in_days", "30"),
            ("scopes", "users:read"),
            ("product", ""),
        ];
        let issued = browser
            .submit(&format!("{place}/tokens/new"), &token)
            .expect(200)
            .text;
        let secret = shown_secret(&issued);
        let works = || server.with_token(&secret).get("/admin/v1/users").status;
        assert_eq!(works(), 200);
        let page = browser.get(&place).expect(200).text;
        assert!(page.contains(">Build server</a>") && !page.contains(&secret));

        let asked = browser.get(&format!("{place}/disable")).expect(200).text;
        assert!(asked.contains("1 service account token"), "{asked}");
        browser.submit(&format!("{place}/disable"), &[]).expect(303);
        assert_eq!(works(), 401);
        assert_eq!(account(server, &id)["active"], false);
        browser.submit(&format!("{place}/enable"), &[]).expect(303);
        assert_eq!(account(server, &id)["active"], true);
        assert_eq!(works(), 401);

        browser
            .submit(&format!("{place}/delete"), &[("typed", "Nightly")])
            .expect(422);
        browser.get(&format!("{place}/delete")).expect(200);
        browser
            .submit(&format!("{place}/delete"), &[("typed", "Nightly build")])
            .expect(303);
        browser.get(&place).expect(404);
    }
);

on_both_databases!(an_account_that_a_leaver_answered_for_is_adopted, |server| {
    let leaver = member(server, "leaver", Some("admin"));
    let made = server
        .with_token(&leaver.sign_in())
        .post(
            "/admin/v1/service-accounts",
            &json!({"name": "Backup", "purpose": "Backs up"}),
        )
        .expect(201);
    let path = format!("/users/{}/deprovision", leaver.id);
    server.admin().post(&path, &json!({})).expect(200);

    let heir = member(server, "heir", Some("admin"));
    let mut browser = Browser::of(&heir);
    let list = browser
        .get("/console/service-accounts?orphaned=true")
        .expect(200)
        .text;
    assert!(list.contains(">Backup</a>"), "{list}");
    let place = format!("{ACCOUNTS}{}", made.id());
    let page = browser.get(&place).expect(200).text;
    assert!(page.contains("Whoever answered for this account has left"));
    browser.submit(&format!("{place}/adopt"), &[]).expect(303);
    let adopted = account(server, &made.id());
    assert_eq!(adopted["owner"]["id"], heir.id);
    assert_eq!(adopted["orphaned_at"], Value::Null);
});

on_both_databases!(an_account_is_handed_to_whoever_is_named, |server| {
    let (admin, heir) = (
        member(server, "admin", Some("admin")),
        member(server, "heir", Some("admin")),
    );
    let made = server
        .with_token(&admin.sign_in())
        .post(
            "/admin/v1/service-accounts",
            &json!({"name": "Backup", "purpose": "Backs up"}),
        )
        .expect(201);
    let place = format!("{ACCOUNTS}{}/change", made.id());
    let mut browser = Browser::of(&admin);
    let page = browser.get(&place).expect(200).text;
    assert!(page.contains("The admin as now"), "{page}");
    let fields = |owner: &'static str| {
        [
            ("name", "Backups"),
            ("purpose", "Backs up more"),
            ("owner", owner),
        ]
    };
    browser
        .submit(&place, &fields("nobody@example.org"))
        .expect(422);
    assert_eq!(account(server, &made.id())["name"], "Backup");
    browser
        .submit(&place, &fields("Heir@example.org"))
        .expect(303);
    let changed = account(server, &made.id());
    assert_eq!(changed["name"], "Backups");
    assert_eq!(changed["owner"]["id"], heir.id);
});

on_both_databases!(
    an_auditor_sees_a_service_account_and_changes_nothing_of_it,
    |server| {
        let admin = member(server, "admin", Some("admin"));
        let made = server
            .with_token(&admin.sign_in())
            .post(
                "/admin/v1/service-accounts",
                &json!({"name": "Backup", "purpose": "Backs up"}),
            )
            .expect(201);
        let place = format!("{ACCOUNTS}{}", made.id());
        let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
        let page = auditor.get(&place).expect(200).text;
        assert!(page.contains("Backs up"));
        for action in [
            "change",
            "disable",
            "enable",
            "adopt",
            "delete",
            "tokens/new",
            "keys/new",
        ] {
            assert!(!page.contains(&format!("{place}/{action}")), "{action}");
            auditor
                .submit(&format!("{place}/{action}"), &[("typed", "Backup")])
                .expect(403);
        }
        assert_eq!(account(server, &made.id())["active"], true);
        Browser::of(&member(server, "plain", None))
            .get(&place)
            .expect(403);
    }
);

on_both_databases!(
    a_public_key_is_registered_and_replaced_by_one_with_the_same_rights,
    |server| {
        // What it has is taken for its account alone.
        let program = Program::for_admin(server, &["users:read"]);
        let place = format!("{ACCOUNTS}{}", program.account);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let page = browser.get(&format!("{place}/keys/new")).expect(200).text;
        assert!(page.contains("name=\"public_key\""));
        let keys = |server: &TestServer| -> Vec<Value> {
            let path = format!("/service-accounts/{}/keys", program.account);
            let found = server.admin().get(&path).expect(200).body;
            found["items"].as_array().expect("a list").clone()
        };
        let (pair, other) = (
            Pair::generate(Algorithm::ES256),
            Pair::generate(Algorithm::EdDSA),
        );
        let jwk = pair.jwk.to_string();
        let fields = |key: &str| {
            [
                ("name", "Nightly export".to_owned()),
                ("expires_in_days", "30".to_owned()),
                ("allowed_networks", "127.0.0.0/8".to_owned()),
                ("public_key", key.to_owned()),
                ("purpose", format!("directory:{}", server.directory_id)),
            ]
        };
        let mut register = |key: &str, status: u16| {
            let fields = fields(key);
            let fields: Vec<(&str, &str)> = fields
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            browser
                .submit(&format!("{place}/keys/new"), &fields)
                .expect(status)
        };
        register("no key at all", 422);
        register("{\"kty\": ", 422);
        assert_eq!(keys(server).len(), 1);
        register(&jwk, 303);
        register(&jwk, 409);
        let registered = keys(server)[1].clone();
        assert_eq!(registered["name"], "Nightly export");
        assert_eq!(registered["scopes"], json!(["scim"]));
        assert_eq!(registered["directory_id"], server.directory_id);
        assert_eq!(registered["allowed_networks"], json!(["127.0.0.0/8"]));
        assert_eq!(registered["algorithm"], "ES256");

        let id = registered["id"].as_str().expect("an id");
        let shown = browser
            .get(&format!("/console/keys/service-account-keys/{id}"))
            .expect(200)
            .text;
        let thumbprint = registered["thumbprint"].as_str().expect("a thumbprint");
        let replacement = format!("{place}/keys/{id}/replace");
        assert!(
            shown.contains(thumbprint) && shown.contains(&replacement),
            "{shown}"
        );
        browser.get(&replacement).expect(200);
        let jwk = other.jwk.to_string();
        let fields = [
            ("public_key", jwk.as_str()),
            ("expires_in_days", "60"),
            ("revoke", "true"),
        ];
        let elsewhere = format!("{ACCOUNTS}{}/keys/{id}/replace", uuid::Uuid::now_v7());
        browser.submit(&elsewhere, &fields).expect(404);
        browser.submit(&replacement, &fields).expect(303);
        let found = keys(server);
        assert_eq!(found[1]["revoked_reason"], "revoked_by_admin");
        assert_eq!(found[2]["algorithm"], "EdDSA");
        for member in ["name", "scopes", "directory_id", "allowed_networks"] {
            assert_eq!(found[2][member], registered[member], "{member}");
        }
        assert_eq!(found[0]["revoked_at"], Value::Null);
    }
);
