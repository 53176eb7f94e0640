//! Keys in the console: found, made, rotated, revoked; and orphans taken over, by those who may.

use serde_json::json;

use crate::people::{Leaver, PASSWORD};
use crate::server::TestServer;

use super::{Browser, member, shown_secret};

/// A leaver whose keys are orphans now.
fn orphans(server: &TestServer) -> Leaver<'_> {
    let leaver = Leaver::arrange(server, "leaver");
    let path = format!("/users/{}/deprovision", leaver.person.id);
    server.admin().post(&path, &json!({})).expect(200);
    leaver
}

on_both_databases!(
    keys_are_found_by_kind_state_and_product_and_no_secret_is_shown,
    |server| {
        let leaver = orphans(server);
        let spare = json!({"name": "Spare", "scopes": ["users:read"]});
        server.admin().post("/api-keys", &spare).expect(201);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let mut shows = |query: &str, names: &[&str], not: &[&str]| {
            let page = browser
                .get(&format!("/console/keys?{query}"))
                .expect(200)
                .text;
            for name in names {
                assert!(page.contains(&format!(">{name}</a>")), "{query}: no {name}");
            }
            for name in not {
                assert!(!page.contains(&format!(">{name}</a>")), "{query}: {name}");
            }
            for secret in [
                &leaver.scim_key.secret,
                &leaver.api_key.secret,
                &leaver.tokens[0],
            ] {
                assert!(!page.contains(secret.as_str()));
            }
        };
        shows(
            "",
            &["Synchronisation", "Automation", "Gate", "For everything"],
            &[],
        );
        shows(
            "kind=scim-keys",
            &["Synchronisation", "SCIM key"],
            &["Automation"],
        );
        shows(
            "kind=user-tokens&state=revoked",
            &["For everything", "For one"],
            &["Gate"],
        );
        shows(
            "state=orphaned",
            &["Automation", "Gate"],
            &["SCIM key", "For one"],
        );
        shows("state=active", &["SCIM key"], &["For everything"]);
        shows("age=30", &[], &["SCIM key"]);
        shows("unused=30&kind=api-keys", &["Spare"], &["SCIM key"]);
        shows("q=AUTOMAT", &["Automation"], &["Gate", "SCIM key"]);
        shows("q=autom_t", &[], &["Automation"]);
        let found = server
            .admin()
            .get(&format!("/api-keys/{}", leaver.api_key.id))
            .expect(200);
        let prefix = format!("q={}", found.text_at("/prefix"));
        shows(&prefix, &["Automation"], &["Gate", "First admin API key"]);
        let owner = format!("owner={}", leaver.person.id);
        shows(&owner, &["For one"], &["Gate"]);
        // A whole secret that is pasted does not stay in the address.
        let pasted = browser
            .get(&format!("/console/keys?q={}", leaver.api_key.secret))
            .expect(303);
        let place = pasted.header("location").expect("a place").to_owned();
        assert!(!place.contains(&leaver.api_key.secret), "{place}");
        let page = browser.get(&place).expect(200).text;
        assert!(page.contains(">Automation</a>") && !page.contains(">Gate</a>"));
    }
);

on_both_databases!(a_list_goes_on_where_its_page_ends, |server| {
    let person = member(server, "maker", Some("admin"));
    let session = person.sign_in();
    for number in 0..51 {
        person.create_token(&session, &json!({"name": format!("Token {number}")}));
    }
    let mut browser = Browser::of(&person);
    let first = browser
        .get("/console/keys?kind=user-tokens")
        .expect(200)
        .text;
    assert!(first.contains(">Token 50</a>") && !first.contains(">Token 0</a>"));
    let (_, rest) = first
        .split_once("rel=\"next\" href=\"")
        .expect("a next page");
    let next = rest
        .split('"')
        .next()
        .expect("it ends")
        .replace("&amp;", "&");
    let second = browser.get(&next).expect(200).text;
    assert!(second.contains(">Token 0</a>") && !second.contains(">Token 1</a>"));
    assert!(!second.contains("rel=\"next\""));
});

on_both_databases!(a_key_is_made_rotated_and_revoked, |server| {
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    let fields = [
        ("name", "Report"),
        ("expires_in_days", "30"),
        ("scopes", "users:read"),
        ("scopes", "audit:read"),
    ];
    let made = browser
        .submit("/console/keys/api-keys/new", &fields)
        .expect(200)
        .text;
    let secret = shown_secret(&made);
    let works = |secret: &str| server.with_token(secret).get("/admin/v1/users").status;
    assert_eq!(works(&secret), 200);
    let (_, rest) = made
        .split_once("/console/keys/api-keys/")
        .expect("its page");
    let place = format!(
        "/console/keys/api-keys/{}",
        rest.split('"').next().expect("it ends")
    );
    assert!(browser.get(&place).expect(200).text.contains("audit:read"));

    browser.get(&format!("{place}/rotate")).expect(200);
    let rotation = [("overlap_hours", "0"), ("expires_in_days", "")];
    let rotated = browser
        .submit(&format!("{place}/rotate"), &rotation)
        .expect(200)
        .text;
    let successor = shown_secret(&rotated);
    assert_eq!((works(&secret), works(&successor)), (401, 200));

    let (_, rest) = rotated
        .split_once("/console/keys/api-keys/")
        .expect("its page");
    let place = format!(
        "/console/keys/api-keys/{}",
        rest.split('"').next().expect("it ends")
    );
    assert!(
        browser
            .get(&format!("{place}/revoke"))
            .expect(200)
            .text
            .contains("1 Admin API key stops working")
    );
    browser.submit(&format!("{place}/revoke"), &[]).expect(303);
    assert_eq!(works(&successor), 401);
    assert!(
        browser
            .get(&place)
            .expect(200)
            .text
            .contains("revoked by admin")
    );
});

on_both_databases!(a_scim_key_is_made_for_a_directory, |server| {
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    let form = browser.get("/console/keys/scim-keys/new").expect(200).text;
    assert!(form.contains(&server.directory_id));
    let fields = [
        ("name", "Second"),
        ("directory", server.directory_id.as_str()),
        ("expires_in_days", "30"),
    ];
    let made = browser
        .submit("/console/keys/scim-keys/new", &fields)
        .expect(200)
        .text;
    server
        .scim_with(&shown_secret(&made))
        .get("/Users")
        .expect(200);
    let nowhere = [
        ("name", "Third"),
        ("directory", ""),
        ("expires_in_days", "30"),
    ];
    browser
        .submit("/console/keys/scim-keys/new", &nowhere)
        .expect(404);
});

on_both_databases!(
    orphans_are_adopted_rotated_or_revoked_one_or_many_at_once,
    |server| {
        let leaver = orphans(server);
        let mut browser = Browser::of(&member(server, "heir", Some("admin")));
        let list = browser.get("/console/orphans").expect(200).text;
        for name in ["Synchronisation", "Automation", "Gate", "The leaver"] {
            assert!(list.contains(name), "{name}");
        }
        let [scim, api, product] =
            [&leaver.scim_key, &leaver.api_key, &leaver.product_key].map(|key| key.id.as_str());

        let asked = browser
            .get(&format!("/console/orphans/adopt?id={scim}&id={api}"))
            .expect(200)
            .text;
        assert!(asked.contains("Adopt 2 orphaned keys"), "{asked}");
        browser
            .submit("/console/orphans/adopt", &[("id", scim), ("id", api)])
            .expect(303);
        let left = server.admin().get("/orphaned-keys").expect(200);
        assert_eq!(
            left.body["items"].as_array().map(Vec::len),
            Some(1),
            "{}",
            left.text
        );

        // One that is none makes the whole choice nothing.
        browser
            .submit(
                "/console/orphans/revoke",
                &[("id", product), ("id", scim), ("typed", "2")],
            )
            .expect(409);
        let rotated = browser
            .submit("/console/orphans/rotate", &[("id", product)])
            .expect(200)
            .text;
        assert!(shown_secret(&rotated).starts_with("pcprd_"));
        assert!(
            browser
                .get("/console/orphans")
                .expect(200)
                .text
                .contains("Nothing is left behind.")
        );
        server
            .scim_with(&leaver.scim_key.secret)
            .get("/Users")
            .expect(200);

        let second = Leaver::arrange(server, "second");
        let path = format!("/users/{}/deprovision", second.person.id);
        server.admin().post(&path, &json!({})).expect(200);
        let ids = [
            ("id", second.scim_key.id.as_str()),
            ("id", second.api_key.id.as_str()),
            ("typed", "2"),
        ];
        let query = format!("id={}&id={}", ids[0].1, ids[1].1);
        let asked = browser
            .get(&format!("/console/orphans/revoke?{query}"))
            .expect(200)
            .text;
        assert!(asked.contains("2 keys stop working at once"), "{asked}");
        browser.submit("/console/orphans/revoke", &ids).expect(303);
        server
            .scim_with(&second.scim_key.secret)
            .get("/Users")
            .expect(401);
        browser.get("/console/orphans/adopt").expect(422);
    }
);

on_both_databases!(
    a_key_with_more_rights_than_ones_own_is_not_taken_over,
    |server| {
        // Revoked from its maker by a wider key than the console's visitor has: an auditor changes nothing.
        let leaver = orphans(server);
        let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
        let id = leaver.scim_key.id.as_str();
        let list = auditor.get("/console/orphans").expect(200).text;
        assert!(list.contains("Synchronisation") && !list.contains("Adopt those chosen"));
        auditor
            .submit(
                "/console/orphans/adopt",
                &[("id", id), ("own_password", PASSWORD)],
            )
            .expect(403);
        let left = server.admin().get("/orphaned-keys").expect(200);
        assert_eq!(left.body["items"].as_array().map(Vec::len), Some(3));
    }
);
