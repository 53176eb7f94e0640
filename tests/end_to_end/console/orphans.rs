//! What leavers have left behind in the console: a service account and all it has is found where orphans are looked
//! for, and nothing is offered that would be refused.

use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::machine::program::Pair;
use crate::people::Leaver;
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

on_both_databases!(each_successor_is_copied_by_itself, |server| {
    let leaver = Leaver::arrange(server, "leaver");
    deprovision(server, &leaver.person.id);
    let mut browser = Browser::of(&member(server, "stays", Some("admin")));
    let (one, other) = (leaver.scim_key.id.as_str(), leaver.api_key.id.as_str());
    let fields = [("id", one), ("id", other)];
    let place = format!("/console/orphans/rotate?id={one}&id={other}");
    let page = browser.submit(&place, &fields).expect(200).text;
    let ids: Vec<&str> = page
        .split("<input id=\"")
        .skip(1)
        .filter_map(|rest| rest.split_once("\" value=\"pc"))
        .map(|(id, _)| id)
        .collect();
    let buttons: Vec<&str> = page
        .split("data-copy=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(ids, buttons, "{page}");
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
});

on_both_databases!(
    where_nothing_is_chosen_the_list_is_shown_with_the_reason,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        deprovision(server, &leaver.person.id);
        let mut browser = Browser::of(&member(server, "stays", Some("admin")));
        for action in ["adopt", "rotate", "revoke"] {
            let place = format!("/console/orphans/{action}");
            let box_of = format!("name=\"id\" value=\"{}\"", leaver.scim_key.id);
            for answer in [browser.get(&place), browser.submit(&place, &[])] {
                let page = answer.expect(422).text;
                assert!(
                    page.contains("<p role=\"alert\">Choose at least one key.</p>"),
                    "{page}"
                );
                assert!(page.contains(&box_of), "{page}");
            }
        }
    }
);

on_both_databases!(
    several_keys_are_revoked_by_whoever_types_how_many_they_are,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        deprovision(server, &leaver.person.id);
        let mut browser = Browser::of(&member(server, "stays", Some("admin")));
        let (one, other) = (leaver.scim_key.id.as_str(), leaver.api_key.id.as_str());
        let place = format!("/console/orphans/revoke?id={one}&id={other}");
        let asked = browser.get(&place).expect(200).text;
        assert!(asked.contains("Type the number of keys: 2"), "{asked}");
        let is_orphaned = |id: &str| {
            let list = server
                .admin()
                .get("/credentials?state=orphaned")
                .expect(200);
            list.text.contains(id)
        };
        for typed in ["", "1", "two"] {
            let fields = [("id", one), ("id", other), ("typed", typed)];
            let page = browser.submit(&place, &fields).expect(422).text;
            assert!(
                page.contains("Type 2 to confirm; nothing was changed."),
                "{page}"
            );
        }
        assert!(is_orphaned(one) && is_orphaned(other));
        let fields = [("id", one), ("id", other), ("typed", "2")];
        browser.submit(&place, &fields).expect(303);
        assert!(!is_orphaned(one) && !is_orphaned(other));

        // Of one key it is asked for nothing more, and what was revoked before is left out.
        let last = leaver.product_key.id.as_str();
        let with_it = format!("/console/orphans/revoke?id={one}&id={last}");
        let asked = browser.get(&with_it).expect(200).text;
        assert!(asked.contains("Left out, since they were revoked before:"));
        assert!(!asked.contains("Type the number"), "{asked}");
        let place = format!("/console/orphans/revoke?id={last}");
        let asked = browser.get(&place).expect(200).text;
        assert!(!asked.contains("Type the number"), "{asked}");
        browser.submit(&place, &[("id", last)]).expect(303);
        assert!(!is_orphaned(last));
        browser.get(&with_it).expect(409);
        let ended = json!({"ids": [one, last]});
        let answer = server.admin().post("/orphaned-keys/revoke", &ended);
        assert_eq!(answer.expect(200).body, json!({"revoked": 0}));
    }
);
