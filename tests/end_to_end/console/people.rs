//! People, groups and directories in the console: found, shown, and deprovisioned with a preview of what that ends.

use serde_json::json;

use crate::people::{Leaver, group};
use crate::second_factor::Enrolled;
use crate::server::TestServer;

use super::{Browser, member, shown_secret};

fn admin(server: &TestServer) -> Browser<'_> {
    Browser::of(&member(server, "admin", Some("admin")))
}

on_both_databases!(
    people_and_groups_are_found_by_how_their_names_begin,
    |server| {
        let mut browser = admin(server);
        for name in ["ada", "adam", "berta"] {
            member(server, name, None);
        }
        group(&server.scim(), "Adepts", &[]);
        let mut shows = |place: &str, names: &[&str], not: &[&str]| {
            let page = browser.get(place).expect(200).text;
            for name in names {
                assert!(page.contains(&format!(">{name}</a>")), "{place}: no {name}");
            }
            for name in not {
                assert!(!page.contains(&format!(">{name}</a>")), "{place}: {name}");
            }
        };
        let everybody = ["The ada", "The adam", "The berta"];
        shows("/console/people", &everybody, &["Adepts"]);
        shows(
            "/console/people?q=ADA",
            &["The ada", "The adam"],
            &["The berta"],
        );
        shows("/console/people?q=the+b", &["The berta"], &["The ada"]);
        shows("/console/people?q=%25", &[], &everybody);
        let directory = server.admin().get("/directories").expect(200);
        let local = directory.body["items"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        shows(
            &format!("/console/people?q=ada&directory={local}"),
            &[],
            &everybody,
        );
        shows("/console/groups?q=ade", &["Adepts"], &[]);
        shows("/console/groups?q=ada", &[], &["Adepts"]);
    }
);

on_both_databases!(a_person_is_shown_with_all_that_hangs_on_them, |server| {
    let leaver = Leaver::arrange(server, "keeper");
    let scim = server.scim_with(&leaver.scim_key.secret);
    let team = group(&scim, "Keepers", &[&leaver.person.id]);
    let mut browser = admin(server);
    let page = browser
        .get(&format!("/console/people/{}", leaver.person.id))
        .expect(200)
        .text;
    for part in [
        "The keeper",
        "keeper@example.org",
        "Keepers",
        "For everything",
        "Synchronisation",
        "session.started",
        "familyName",
        ">admin</span>",
    ] {
        assert!(page.contains(part), "no {part}: {page}");
    }
    for secret in leaver.tokens.iter().chain(&leaver.sessions) {
        assert!(!page.contains(secret.as_str()));
    }
    let members = browser.get(&format!("/console/groups/{team}")).expect(200);
    assert!(members.text.contains(">The keeper</a>"));
    browser.get(&format!("/console/people/{team}")).expect(404);
    browser
        .get(&format!("/console/groups/{}", leaver.person.id))
        .expect(404);
});

on_both_databases!(the_members_of_a_group_are_shown_page_by_page, |server| {
    let mut browser = admin(server);
    let members: Vec<String> = (0..51)
        .map(|number| group(&server.scim(), &format!("Inner {number}"), &[]))
        .collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let outer = group(&server.scim(), "Outer", &members);
    let first = browser
        .get(&format!("/console/groups/{outer}"))
        .expect(200)
        .text;
    assert!(first.contains(">Inner 49</a>") && !first.contains(">Inner 50</a>"));
    let cursor = members[49].replace('-', "%2D");
    let next = format!("/console/groups/{outer}?cursor={cursor}");
    assert!(first.contains(&format!("rel=\"next\" href=\"{next}\"")));
    let second = browser.get(&next).expect(200).text;
    assert!(second.contains(">Inner 50</a>") && !second.contains(">Inner 49</a>"));
});

on_both_databases!(
    what_a_deprovisioning_ends_is_said_before_and_is_what_ends,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let mut browser = admin(server);
        let place = format!("/console/people/{}", leaver.person.id);
        let asked = browser
            .get(&format!("{place}/deprovision"))
            .expect(200)
            .text;
        for part in [
            "2 API tokens",
            "2 sessions",
            "1 password link",
            "1 SCIM key",
            "1 admin API key",
            "1 product credential",
            "The leaver loses the role admin.",
        ] {
            assert!(asked.contains(part), "no {part}: {asked}");
        }
        browser
            .submit(&format!("{place}/deprovision"), &[])
            .expect(303);
        leaver.assert_nothing_authenticates();
        let left = server.admin().get("/orphaned-keys").expect(200);
        assert_eq!(left.body["items"].as_array().map(Vec::len), Some(3));
        let page = browser.get(&place).expect(200).text;
        assert!(page.contains(">inactive</span>") && page.contains("Reactivate"));

        browser.get(&format!("{place}/reactivate")).expect(200);
        browser
            .submit(&format!("{place}/reactivate"), &[])
            .expect(303);
        let page = browser.get(&place).expect(200).text;
        assert!(page.contains(">active</span>"));
        leaver.assert_nothing_authenticates();
    }
);

on_both_databases!(
    a_link_is_made_and_tokens_are_revoked_on_the_page_of_a_person,
    |server| {
        let person = member(server, "owner", None);
        let token = person.create_token(&person.sign_in(), &json!({"name": "One"}));
        let mut browser = admin(server);
        let place = format!("/console/people/{}", person.id);
        let asked = browser
            .get(&format!("{place}/revoke-tokens"))
            .expect(200)
            .text;
        assert!(
            asked.contains("1 API token of The owner ends at once"),
            "{asked}"
        );
        browser
            .submit(&format!("{place}/revoke-tokens"), &[])
            .expect(303);
        let list = server
            .admin()
            .get(&format!("/users/{}/tokens", person.id))
            .expect(200);
        assert_eq!(list.body["items"][0]["status"], "revoked");
        assert!(!list.text.contains(&token));

        browser.get(&format!("{place}/password-link")).expect(200);
        let made = browser
            .submit(&format!("{place}/password-link"), &[])
            .expect(200)
            .text;
        let link = shown_secret(&made);
        let (_, secret) = link.split_once("/console/setup?link=").expect("a link");
        person
            .set_password(secret, "another that does not rust")
            .expect(204);
    }
);

on_both_databases!(
    an_identity_provider_is_connected_and_what_it_sends_is_seen,
    |server| {
        let mut browser = admin(server);
        let fields = [("name", "Okta of the house"), ("dialect", "okta")];
        let made = browser
            .submit("/console/directories/new", &fields)
            .expect(303);
        let place = made.header("location").expect("its page").to_owned();
        let page = browser.get(&place).expect(200).text;
        assert!(page.contains("Nothing has arrived yet") && page.contains(&server.scim_base));
        let id = place.trim_start_matches("/console/directories/");
        let id = id.split('?').next().expect("an id");
        let key = [
            ("name", "Sync"),
            ("directory", id),
            ("expires_in_days", "90"),
        ];
        let made = browser
            .submit("/console/keys/scim-keys/new", &key)
            .expect(200);
        let scim = server.scim_with(&shown_secret(&made.text));
        scim.get("/Users?filter=userName eq \"nobody\"").expect(200);
        let page = browser.get(&place).expect(200).text;
        assert!(page.contains("Connected: the last request came"), "{page}");

        scim.get("/Users?filter=userName is x").expect(400);
        let log = browser
            .get(&format!("/console/directories/{id}/requests"))
            .expect(200)
            .text;
        assert!(
            log.contains("invalidFilter") && !log.contains("nobody"),
            "{log}"
        );
        let overview = browser.get("/console/").expect(200).text;
        assert!(overview.contains("The last request to Okta of the house was answered 400."));
        assert!(overview.contains("aria-label=\"Keys by state."));
    }
);

on_both_databases!(a_directory_goes_only_by_its_name, |server| {
    let leaver = Leaver::arrange(server, "leaver");
    let mut browser = admin(server);
    let id = &leaver.person.directory_id;
    let place = format!("/console/directories/{id}/remove");
    let asked = browser.get(&place).expect(200).text;
    assert!(asked.contains("2 API tokens"), "{asked}");
    browser
        .submit(&place, &[("typed", "something else")])
        .expect(422);
    leaver.assert_everything_works();
    let name = leaver.person.directory_name.as_str();
    browser.submit(&place, &[("typed", name)]).expect(303);
    server
        .admin()
        .get(&format!("/directories/{id}"))
        .expect(404);
});

on_both_databases!(
    a_local_person_is_made_and_one_who_lost_their_phone_is_helped,
    |server| {
        let mut browser = admin(server);
        let list = browser.get("/console/people").expect(200).text;
        assert!(list.contains("href=\"/console/people/new\""));
        browser.get("/console/people/new").expect(200);
        let fields = [
            ("user_name", "nora@example.org"),
            ("display_name", "Nora"),
            ("email", ""),
        ];
        let made = browser.submit("/console/people/new", &fields).expect(303);
        let place = made.header("location").expect("their page").to_owned();
        browser.submit("/console/people/new", &fields).expect(409);
        let page = browser.get(&place).expect(200).text;
        assert!(
            page.contains("Make them a password link now.") && page.contains("nora@example.org")
        );
        assert!(!page.contains("/reset-second-factor"));

        let enrolled = Enrolled::arrange(server, "careful");
        let place = format!("/console/people/{}", enrolled.person.id);
        let reset = format!("{place}/reset-second-factor");
        assert!(browser.get(&place).expect(200).text.contains(&reset));
        let asked = browser.get(&reset).expect(200).text;
        assert!(asked.contains("1 authenticator and 10 recovery codes count no more"));
        browser.submit(&reset, &[]).expect(303);
        let ended = server.with_token(&enrolled.session);
        ended.get("/account/v1/session").expect(401);
        let session = server.with_token(&enrolled.person.sign_in());
        let standing = session.get("/account/v1/second-factor").expect(200);
        assert_eq!(standing.body["enrolled"], json!(false));
    }
);

on_both_databases!(whom_an_identity_provider_deleted_is_recovered, |server| {
    let leaver = Leaver::arrange(server, "leaver");
    let scim = server.scim_with(&leaver.scim_key.secret);
    scim.delete(&leaver.person.path()).expect(204);
    let mut browser = admin(server);
    let list = browser.get("/console/people/deleted").expect(200).text;
    let place = format!("/console/people/deleted/{}/recover", leaver.person.id);
    assert!(
        list.contains("The leaver") && list.contains(&place),
        "{list}"
    );
    let elsewhere = format!("/console/people/deleted?directory={}", uuid::Uuid::now_v7());
    let other = browser.get(&elsewhere).expect(200).text;
    assert!(other.contains("There is none like that."));
    let asked = browser.get(&place).expect(200).text;
    assert!(asked.contains("1 person comes back with the same identifier, inactive"));
    browser.submit(&place, &[]).expect(303);
    let path = format!("/users/{}", leaver.person.id);
    let person = server.admin().get(&path).expect(200).body;
    assert_eq!(person["active"], json!(false));
    browser.submit(&place, &[]).expect(404);
    let list = browser.get("/console/people/deleted").expect(200).text;
    assert!(!list.contains("The leaver"));
});

on_both_databases!(
    people_are_found_by_address_and_external_id_page_by_page_here_and_in_the_admin_interface,
    |server| {
        let scim = server.scim();
        let make = |name: &str, display: &str, address: &str, external: &str| {
            let body = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": name,
                "displayName": display,
                "externalId": external,
                "emails": [{"value": address, "type": "work"}],
            });
            scim.post("/Users", &body).expect(201).id()
        };
        make("u1", "Zoë Ångström", "Zoe@Example.org", "HR-0042");
        make("u2", "Émile", "emile@example.org", "HR-0043");
        // One person by all four, and shown once.
        make("marie@example.org", "Marie", "marie@example.org", "marie");
        let mut browser = admin(server);
        let found = |query: &str| -> Vec<String> {
            let answer = server.admin().get(&format!("/users?{query}")).expect(200);
            let items = answer.body["items"].as_array().expect("a list").clone();
            let names = items
                .iter()
                .map(|item| item["user_name"].as_str().expect("a name"));
            names.map(str::to_owned).collect()
        };
        for (typed, names) in [
            ("ZOE%40EX", vec!["u1"]),
            ("zo%C3%AB%20%C3%A5", vec!["u1"]),
            ("%C3%89MILE", vec!["u2"]),
            ("HR-004", vec!["u1", "u2"]),
            ("hr-004", vec![]),
            ("marie", vec!["marie@example.org"]),
            ("%25", vec![]),
        ] {
            assert_eq!(found(&format!("search={typed}")), names, "{typed}");
            let page = browser
                .get(&format!("/console/people?q={typed}"))
                .expect(200)
                .text;
            let (_, list) = page.split_once("id=\"results\"").expect("a list");
            for name in ["u1", "u2", "marie@example.org"] {
                let cell = format!(">{name}</td>");
                assert_eq!(
                    list.contains(&cell),
                    names.contains(&name),
                    "{typed}: {name}"
                );
            }
        }

        // In the order of what begins so, each once, however short the pages are.
        for number in 0..7 {
            let name = format!("pager{number}");
            make(
                &name,
                &format!("Pager {}", 9 - number),
                &format!("{name}@example.org"),
                &name,
            );
        }
        let whole = found("search=pager&limit=100");
        assert_eq!(whole.len(), 7, "{whole:?}");
        let (mut shown, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/users?search=PAGER&limit=2{cursor}");
            let page = server.admin().get(&path).expect(200).body;
            let items = page["items"].as_array().expect("a list");
            assert!(items.len() <= 2);
            shown.extend(
                items
                    .iter()
                    .map(|one| one["user_name"].as_str().expect("a name").to_owned()),
            );
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(shown, whole);
        for query in ["search=pager&cursor=%25%25", "search=pager&cursor=AAAA"] {
            server.admin().get(&format!("/users?{query}")).expect(400);
        }
        server
            .admin()
            .get("/users?search=a&user_name=a")
            .expect(422);
        browser
            .get("/console/people?q=pager&cursor=nonsense")
            .expect(400);

        for number in 0..50 {
            let name = format!("row{number:02}");
            make(&name, &name, &format!("{name}@example.org"), &name);
        }
        make("row50", "row50", "row50@example.org", "row50");
        let first = browser.get("/console/people?q=row").expect(200).text;
        assert!(first.contains(">row49</td>") && !first.contains(">row50</td>"));
        let (_, next) = first
            .split_once("rel=\"next\" href=\"")
            .expect("there is more");
        let next = next
            .split('"')
            .next()
            .expect("it ends")
            .replace("&amp;", "&");
        let second = browser.get(&next).expect(200).text;
        assert!(second.contains(">row50</td>") && !second.contains(">row49</td>"));
    }
);

on_both_databases!(
    the_page_of_a_person_leads_to_all_that_they_did_made_and_left,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let other = Leaver::arrange(server, "other");
        let account = json!({"name": "Nightly", "purpose": "Builds", "owner_id": leaver.person.id});
        let account = server
            .admin()
            .post("/service-accounts", &account)
            .expect(201)
            .id();
        let token = format!("/service-accounts/{account}/tokens");
        let token = server
            .admin()
            .post(&token, &json!({"name": "of the account"}))
            .expect(201)
            .id();
        for person in [&leaver, &other] {
            let path = format!("/users/{}/deprovision", person.person.id);
            server.admin().post(&path, &json!({})).expect(200);
        }
        let id = &leaver.person.id;
        let mut browser = admin(server);
        let page = browser
            .get(&format!("/console/people/{id}"))
            .expect(200)
            .text;
        for place in [
            format!("/console/audit?person={id}"),
            format!("/console/keys?creator={id}"),
            format!("/console/orphans?leaver={id}"),
        ] {
            assert!(
                page.contains(&format!("href=\"{place}\"")),
                "no {place}: {page}"
            );
            browser.get(&place).expect(200);
        }
        let made = browser
            .get(&format!("/console/keys?creator={id}"))
            .expect(200)
            .text;
        assert!(made.contains(&leaver.scim_key.id) && !made.contains(&other.scim_key.id));
        let left = browser
            .get(&format!("/console/orphans?leaver={id}"))
            .expect(200)
            .text;
        for theirs in [&leaver.scim_key.id, &leaver.api_key.id, &token] {
            assert!(left.contains(theirs.as_str()), "no {theirs}: {left}");
        }
        assert!(!left.contains(&other.scim_key.id));

        let found = server
            .admin()
            .get(&format!("/orphaned-keys?left_by={id}"))
            .expect(200);
        let items = found.body["items"].as_array().expect("a list").clone();
        let ids: Vec<&str> = items
            .iter()
            .map(|one| one["id"].as_str().expect("an id"))
            .collect();
        assert!(ids.contains(&leaver.scim_key.id.as_str()) && ids.contains(&token.as_str()));
        assert!(!ids.contains(&other.scim_key.id.as_str()));
        let nobody = format!("/orphaned-keys?left_by={}", uuid::Uuid::now_v7());
        assert_eq!(
            server.admin().get(&nobody).expect(200).body["items"],
            json!([])
        );
    }
);
