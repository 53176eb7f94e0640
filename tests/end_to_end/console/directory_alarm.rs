//! The alarm for too many leavers and the revocation of all tokens of a directory, in the console.

use serde_json::{Value, json};

use crate::people::{Leaver, PASSWORD, Person};
use crate::server::TestServer;

use super::{Browser, hidden, member};

const THRESHOLD: &str = "/alarms/mass-deprovisioning";
const PLACE: &str = "/console/directories/alarm";

fn threshold(server: &TestServer) -> Value {
    server.admin().get(THRESHOLD).expect(200).body
}

on_both_databases!(
    the_alarm_is_set_raised_by_leavers_and_lifted_by_who_has_seen_to_it,
    |server| {
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let directory = format!("/console/directories/{}", server.directory_id);
        let page = browser.get(&directory).expect(200).text;
        assert!(
            page.contains("admins are told at 10</a>") && !page.contains("Lift the alarm"),
            "{page}"
        );
        server.clock.advance_millis(5 * 60_000);
        let form = browser.get(PLACE).expect(200).text;
        assert!(
            form.contains("name=\"percent\" min=\"0\" max=\"100\" value=\"10\""),
            "{form}"
        );
        let fields = [("percent", "50"), ("people", "2")];
        browser.submit(PLACE, &fields).expect(403);
        assert_eq!(threshold(server), json!({"percent": 10, "people": 10}));
        let shown = [&fields[..], &[("own_password", PASSWORD)]].concat();
        let done = browser.submit(PLACE, &shown).expect(303);
        let place = format!("{PLACE}?done=alarm-changed");
        assert_eq!(done.header("location"), Some(place.as_str()));
        assert_eq!(threshold(server), json!({"percent": 50, "people": 2}));
        for bad in [
            [("percent", "101"), ("people", "2")],
            [("percent", "50"), ("people", "0")],
            [("percent", "half"), ("people", "2")],
        ] {
            browser.submit(PLACE, &bad).expect(422);
        }
        assert_eq!(threshold(server), json!({"percent": 50, "people": 2}));

        // Of three people with the admin, two leave.
        let leavers: Vec<Person> = ["one", "two"]
            .into_iter()
            .map(|name| Person::create(server, &server.directory_id, &server.scim_key, name))
            .collect();
        for leaver in &leavers {
            server.scim().delete(&leaver.path()).expect(204);
        }
        let page = browser.get(&directory).expect(200).text;
        let deleted = format!("/console/people/deleted?directory={}", server.directory_id);
        for part in [
            "Alarm: unusually many have left at once",
            "2 people; ",
            &format!("href=\"{deleted}\""),
            &format!(
                "href=\"/console/receipts?directory={}\"",
                server.directory_id
            ),
        ] {
            assert!(page.contains(part), "no {part}: {page}");
        }
        let list = browser.get(PLACE).expect(200).text;
        assert_eq!(list.matches(">raised</span>").count(), 1, "{list}");
        let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
        let seen = auditor.get(&directory).expect(200).text;
        assert!(
            seen.contains("Alarm: unusually many") && !seen.contains("Lift the alarm"),
            "{seen}"
        );
        let lifting = format!("{directory}/alarm/lift");
        let shown = hidden(&page, "alarmed_at");
        auditor
            .submit(&lifting, &[("alarmed_at", &shown)])
            .expect(403);
        auditor.submit(PLACE, &fields).expect(403);

        // Of another alarm than the page has shown, it is the new one that is shown.
        let refused = browser
            .submit(&lifting, &[("alarmed_at", "2020-01-31T12:00:00.000Z")])
            .expect(409)
            .text;
        assert!(
            refused.contains("is not the one that stands now: look at the directory again."),
            "{refused}"
        );
        assert!(refused.contains("Alarm: unusually many"), "{refused}");
        assert_eq!(hidden(&refused, "alarmed_at"), shown);

        browser
            .submit(&lifting, &[("alarmed_at", &shown)])
            .expect(303);
        let page = browser.get(&directory).expect(200).text;
        assert!(!page.contains("Alarm: unusually many"), "{page}");
        let path = format!("/directories/{}/alarm", server.directory_id);
        assert_eq!(server.admin().get(&path).expect(200).body["raised"], false);
    }
);

on_both_databases!(
    all_tokens_of_a_directory_end_once_its_name_is_typed_and_no_others,
    |server| {
        let (leaver, other) = (
            Leaver::arrange(server, "one"),
            Leaver::arrange(server, "other"),
        );
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let directory = &leaver.person.directory_id;
        let place = format!("/console/directories/{directory}");
        let revoke = format!("{place}/revoke-tokens");
        let working = |leaver: &Leaver| {
            let path = format!("/users/{}/tokens", leaver.person.id);
            let tokens = server.admin().get(&path).expect(200).body;
            let tokens = tokens["items"].as_array().expect("a list").clone();
            let working = tokens.iter().filter(|token| token["status"] == "active");
            working.count()
        };
        assert_eq!((working(&leaver), working(&other)), (2, 2));
        let page = browser.get(&place).expect(200).text;
        assert!(page.contains(&format!("href=\"{revoke}\"")), "{page}");
        let asked = browser.get(&revoke).expect(200).text;
        assert!(
            asked.contains("<strong>2 API tokens</strong> of the people of this directory end"),
            "{asked}"
        );
        let name = leaver.person.directory_name.as_str();
        browser
            .submit(&revoke, &[("typed", "something else")])
            .expect(422);
        assert_eq!(working(&leaver), 2);
        server.clock.advance_millis(5 * 60_000);
        browser.submit(&revoke, &[("typed", name)]).expect(403);
        assert_eq!(working(&leaver), 2);
        let confirmed = [("typed", name), ("own_password", PASSWORD)];
        browser.submit(&revoke, &confirmed).expect(303);
        assert_eq!((working(&leaver), working(&other)), (0, 2));
        let asked = browser.get(&revoke).expect(200).text;
        assert!(asked.contains("Nobody in this directory has an API token"));
        // They are there, and signed in.
        let me = server.with_token(&leaver.sessions[0]);
        me.get("/account/v1/tokens").expect(200);
    }
);
