//! A deleted person is forgotten in the console: what goes and what stays is said, and their name typed.

use crate::people::{PASSWORD, Person, group};

use super::{Browser, member};

on_both_databases!(
    whoever_was_deleted_is_forgotten_once_their_name_is_typed_and_stays_on_record,
    |server| {
        let gone = Person::create(server, &server.directory_id, &server.scim_key, "gone");
        group(&server.scim(), "Team", &[&gone.id]);
        server.scim().delete(&gone.path()).expect(204);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let deleted = "/console/people/deleted";
        let place = format!("{deleted}/{}/forget", gone.id);
        let list = browser.get(deleted).expect(200).text;
        assert!(list.contains(&format!("href=\"{place}\"")), "{list}");
        let asked = browser.get(&place).expect(200).text;
        let path = format!("/audit-events?user_id={}&limit=1000", gone.id);
        let events = || {
            let events = server.admin().get(&path).expect(200).body;
            events["items"].as_array().expect("a list").len()
        };
        let before = events();
        let stays = format!("<strong>{before} audit events and 1 receipt</strong>");
        for part in ["<strong>1 group</strong>", &stays, "The gone"] {
            assert!(asked.contains(part), "no {part}: {asked}");
        }
        server.clock.advance_millis(5 * 60_000);
        browser
            .submit(&place, &[("typed", &gone.display_name)])
            .expect(403);
        let wrong = [("typed", "Somebody else"), ("own_password", PASSWORD)];
        browser.submit(&place, &wrong).expect(422);
        let known = format!("/deleted-users/{}", gone.id);
        server.admin().get(&known).expect(200);
        let done = browser
            .submit(&place, &[("typed", &gone.display_name)])
            .expect(303);
        assert_eq!(
            done.header("location"),
            Some("/console/people/deleted?done=person-forgotten")
        );
        server.admin().get(&known).expect(404);
        browser.get(&place).expect(404);
        assert!(!browser.get(deleted).expect(200).text.contains("The gone"));
        // What is on record stays, and that they were forgotten is on record too.
        assert_eq!(events(), before + 1);
        let receipts = format!("/receipts?user_id={}", gone.id);
        let receipts = server.admin().get(&receipts).expect(200);
        assert_eq!(receipts.text_at("/items/0/user/display_name"), "The gone");
    }
);

on_both_databases!(an_auditor_forgets_nobody, |server| {
    let gone = Person::create(server, &server.directory_id, &server.scim_key, "gone");
    server.scim().delete(&gone.path()).expect(204);
    let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
    let list = auditor.get("/console/people/deleted").expect(200).text;
    assert!(
        list.contains("The gone") && !list.contains("/forget"),
        "{list}"
    );
    let place = format!("/console/people/deleted/{}/forget", gone.id);
    auditor.get(&place).expect(403);
    auditor
        .submit(&place, &[("typed", &gone.display_name)])
        .expect(403);
    let known = format!("/deleted-users/{}", gone.id);
    server.admin().get(&known).expect(200);
});
