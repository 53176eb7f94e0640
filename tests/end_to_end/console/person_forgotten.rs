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

on_both_databases!(
    many_are_chosen_and_recovered_or_forgotten_together,
    |server| {
        let people = ["one", "other", "third", "fourth"].map(|name| {
            let person = Person::create(server, &server.directory_id, &server.scim_key, name);
            server.scim().delete(&person.path()).expect(204);
            person
        });
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let list = "/console/people/deleted";
        let page = browser.get(list).expect(200).text;
        for person in &people {
            let part = format!("name=\"id\" value=\"{}\"", person.id);
            assert!(page.contains(&part), "no {part}: {page}");
        }
        let of = |action: &str, chosen: &[&Person<'_>]| {
            let ids: Vec<String> = chosen.iter().map(|one| format!("id={}", one.id)).collect();
            format!("{list}/{action}?{}", ids.join("&"))
        };
        let [one, other, third, fourth] = &people;
        for action in ["recover", "forget"] {
            let place = format!("{list}/{action}");
            let told = "<p role=\"alert\">Choose at least one person.</p>";
            let still = format!("name=\"id\" value=\"{}\"", one.id);
            for answer in [browser.get(&place), browser.submit(&place, &[])] {
                let page = answer.expect(422).text;
                assert!(page.contains(told) && page.contains(&still), "{page}");
            }
        }
        let back = of("recover", &[one, other]);
        let asked = browser.get(&back).expect(200).text;
        for part in ["Recover 2 deleted people", "The one", "The other"] {
            assert!(asked.contains(part), "no {part}: {asked}");
        }
        let ids = [("id", one.id.as_str()), ("id", other.id.as_str())];
        let done = browser.submit(&back, &ids).expect(303);
        let place = done.header("location");
        assert_eq!(place, Some("/console/people/deleted?done=people-recovered"));
        server
            .admin()
            .get(&format!("/users/{}", one.id))
            .expect(200);
        let gone = of("forget", &[third, fourth]);
        let asked = browser.get(&gone).expect(200).text;
        assert!(asked.contains("Type the number of people: 2"), "{asked}");
        let ids = [("id", third.id.as_str()), ("id", fourth.id.as_str())];
        let wrong = [ids.as_slice(), &[("typed", "1")]].concat();
        browser.submit(&gone, &wrong).expect(422);
        let right = [ids.as_slice(), &[("typed", "2")]].concat();
        let done = browser.submit(&gone, &right).expect(303);
        let place = done.header("location");
        assert_eq!(place, Some("/console/people/deleted?done=people-forgotten"));
        let left = server.admin().get("/deleted-users").expect(200).body;
        assert_eq!(left["items"].as_array().map(Vec::len), Some(0));

        let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
        let page = auditor.get(list).expect(200).text;
        assert!(!page.contains("name=\"id\""), "{page}");
        auditor.get(&back).expect(403);
    }
);
