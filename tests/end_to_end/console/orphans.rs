//! What leavers have left behind in the console: a service account and all it has is found where orphans are looked
//! for, and nothing is offered that would be refused.

use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::machine::program::Pair;
use crate::server::{Client, TestServer};

use super::{Browser, member};

const ACCOUNTS: &str = "/console/service-accounts/";

/// A service account of whoever asks: its identifier.
fn account(caller: &Client, name: &str) -> String {
    let new = json!({"name": name, "purpose": "Runs at night"});
    caller
        .post("/admin/v1/service-accounts", &new)
        .expect(201)
        .id()
}

/// A public key for an account: its identifier.
fn public_key(caller: &Client, account: &str, name: &str) -> String {
    let jwk = Pair::generate(Algorithm::ES256).jwk;
    let key = json!({"name": name, "jwk": jwk, "scopes": ["users:read"]});
    let path = format!("/admin/v1/service-accounts/{account}/keys");
    caller.post(&path, &key).expect(201).id()
}

/// A token for an account: its identifier.
fn token(caller: &Client, account: &str, name: &str) -> String {
    let path = format!("/admin/v1/service-accounts/{account}/tokens");
    caller.post(&path, &json!({"name": name})).expect(201).id()
}

fn deprovision(server: &TestServer, person: &str) {
    let path = format!("/users/{person}/deprovision");
    server.admin().post(&path, &json!({})).expect(200);
}

on_both_databases!(
    a_leavers_account_is_found_where_orphans_are_looked_for,
    |server| {
        let leaver = member(server, "leaver", Some("admin"));
        let stays = member(server, "stays", Some("admin"));
        let id = account(&server.with_token(&leaver.sign_in()), "Backup");
        // Made by somebody who stays, for an account whose owner does not.
        let maker = server.with_token(&stays.sign_in());
        token(&maker, &id, "Nightly");
        public_key(&maker, &id, "Export");
        let mut browser = Browser::of(&stays);
        let told = "service account was left behind by leavers";
        assert!(!browser.get("/console/").expect(200).text.contains(told));
        deprovision(server, &leaver.id);

        let overview = browser.get("/console/").expect(200).text;
        assert!(overview.contains(&format!("1 {told}.")), "{overview}");
        assert!(
            overview.contains("<strong>1</strong><span>orphaned service accounts</span>"),
            "{overview}"
        );
        let place = format!("{ACCOUNTS}{id}");
        let list = browser.get("/console/orphans").expect(200).text;
        assert!(
            list.contains(&format!("href=\"{place}\">Backup</a>")),
            "{list}"
        );
        let left = list
            .matches("data-label=\"Left by\"><a href=\"/console/orphans?leaver=")
            .count();
        assert_eq!(left, 2, "its token and its key: {list}");
        assert_eq!(
            list.matches(">The leaver<").count(),
            3,
            "and the account: {list}"
        );
        let narrowed = browser
            .get("/console/orphans?kind=service-account-tokens")
            .expect(200)
            .text;
        assert!(
            narrowed.contains(">Nightly</a>") && !narrowed.contains(&place),
            "{narrowed}"
        );

        browser.submit(&format!("{place}/adopt"), &[]).expect(303);
        let list = browser.get("/console/orphans").expect(200).text;
        assert!(list.contains("Nothing is left behind."), "{list}");
        assert!(!browser.get("/console/").expect(200).text.contains(told));
    }
);

on_both_databases!(
    a_public_key_is_left_out_of_those_that_are_rotated,
    |server| {
        let leaver = member(server, "leaver", Some("admin"));
        let stays = member(server, "stays", Some("admin"));
        let caller = server.with_token(&leaver.sign_in());
        let left = account(&caller, "Backup");
        let (token, key) = (
            token(&caller, &left, "Nightly"),
            public_key(&caller, &left, "Export"),
        );
        let kept = account(&server.with_token(&stays.sign_in()), "Kept");
        let other = public_key(&caller, &kept, "Import");
        deprovision(server, &leaver.id);

        let mut browser = Browser::of(&stays);
        let asked = browser
            .get(&format!("/console/orphans/rotate?id={token}&id={key}"))
            .expect(200)
            .text;
        assert!(asked.contains("<h1>Rotate 1 orphaned key</h1>"), "{asked}");
        assert!(asked.contains("Left out, since a public key has no secret"));
        assert!(asked.contains("<li>Export, Service account public key"));
        let chosen = |id: &str| format!("name=\"id\" value=\"{id}\"");
        assert!(asked.contains(&chosen(&token)) && !asked.contains(&chosen(&key)));
        browser
            .get(&format!("/console/orphans/rotate?id={key}"))
            .expect(409);

        // The page of each offers what it says, and no more.
        let place = format!("/console/keys/service-account-keys/{key}");
        let page = browser.get(&place).expect(200).text;
        let account = format!("Adopt <a href=\"{ACCOUNTS}{left}\">Backup</a>");
        assert!(
            page.contains(&account) && !page.contains("rotate it"),
            "{page}"
        );
        let place = format!("/console/keys/service-account-keys/{other}");
        let page = browser.get(&place).expect(200).text;
        assert!(
            page.contains("Adopt it, replace it, or revoke it."),
            "{page}"
        );
        for action in [format!("{place}/adopt"), format!("{other}/replace")] {
            assert!(page.contains(&format!("{action}\"")), "{action}: {page}");
        }
        browser.get(&format!("{place}/adopt")).expect(200);
        browser.submit(&format!("{place}/adopt"), &[]).expect(303);
        let page = browser.get(&place).expect(200).text;
        assert!(!page.contains("has left"), "{page}");
    }
);
