//! Receipts of deprovisionings in the console: found from where somebody left, shown whole, and taken away.

use serde_json::{Value, json};

use crate::people::Leaver;

use super::{Browser, member};

/// What those are called that a leaver has.
fn words(kind: &str, is_one: bool) -> String {
    let one = match kind {
        "scim_key" => "SCIM key",
        "api_key" => "admin API key",
        "user_token" => "API token",
        "product_credential" => "product credential",
        "session" => "session",
        "password_link" => "password link",
        other => panic!("a leaver has a {other}"),
    };
    format!("{one}{}", if is_one { "" } else { "s" })
}

on_both_databases!(
    a_receipt_says_what_ended_and_is_linked_from_the_person_and_the_event,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let person = &leaver.person.id;
        let place = format!("/console/people/{person}");
        let before = browser.get(&place).expect(200).text;
        assert!(!before.contains("/console/receipts/"), "{before}");
        assert!(
            browser
                .get("/console/receipts")
                .expect(200)
                .text
                .contains("Nobody has left yet.")
        );
        browser
            .submit(&format!("{place}/deprovision"), &[])
            .expect(303);

        let receipts = server.admin().get("/receipts").expect(200);
        let id = receipts.text_at("/items/0/id");
        let receipt = format!("/console/receipts/{id}");
        let link = format!("href=\"{receipt}\"");
        let page = browser.get(&place).expect(200).text;
        // In what is said of their leaving, and in their history.
        assert_eq!(page.matches(&link).count(), 2, "{page}");
        let log = browser
            .get("/console/audit?action=user.deprovisioned")
            .expect(200)
            .text;
        assert!(log.contains(&link), "{log}");
        let list = browser.get("/console/receipts").expect(200).text;
        assert!(list.contains(&format!("{link}>The leaver</a>")), "{list}");

        let shown = browser.get(&receipt).expect(200).text;
        let whole = server
            .admin()
            .get(&format!("/receipts/{id}"))
            .expect(200)
            .body;
        for (caption, counts) in [
            ("Revoked or ended, at once and for good", &whole["revoked"]),
            ("Orphaned: to be adopted", &whole["orphaned"]),
        ] {
            let (_, rest) = shown.split_once(caption).expect("a table");
            let table = rest.split("</table>").next().expect("it ends");
            let counts = counts.as_object().expect("counts");
            assert!(!counts.is_empty());
            for (kind, count) in counts {
                let row = format!(
                    "data-label=\"Kind\">{}</td><td role=\"cell\" data-label=\"How many\">{count}</td>",
                    words(kind, count == 1)
                );
                assert!(table.contains(&row), "{row}: {table}");
            }
            assert_eq!(table.matches("data-label=\"Kind\"").count(), counts.len());
        }
        for part in [
            whole["requested_at"].as_str().expect("a time"),
            whole["effective_at"].as_str().expect("a time"),
            "leaver@example.org",
            "The admin",
            person,
            &format!("href=\"{place}\""),
        ] {
            assert!(shown.contains(part), "no {part}: {shown}");
        }
        browser
            .get("/console/receipts/01900000-0000-7000-8000-000000000000")
            .expect(404);
    }
);

on_both_databases!(
    receipts_are_narrowed_and_exported_and_outlive_the_person,
    |server| {
        let (first, second) = (
            Leaver::arrange(server, "first"),
            Leaver::arrange(server, "second"),
        );
        for leaver in [&first, &second] {
            server
                .scim_with(&leaver.scim_key.secret)
                .delete(&format!("/Users/{}", leaver.person.id))
                .expect(204);
        }
        let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
        let deleted = auditor.get("/console/people/deleted").expect(200).text;
        let narrowed = format!("/console/receipts?person={}", first.person.id);
        assert!(
            deleted.contains(&format!("href=\"{narrowed}\"")),
            "{deleted}"
        );
        let list = auditor.get(&narrowed).expect(200).text;
        assert!(
            list.contains(">The first</a>") && !list.contains(">The second</a>"),
            "{list}"
        );
        let (_, rest) = list
            .split_once("href=\"/console/receipts/export?")
            .expect("a link");
        let query = rest.split('"').next().expect("it ends");
        let export = auditor
            .get(&format!(
                "/console/receipts/export?{}",
                query.replace("&amp;", "&")
            ))
            .expect(200);
        assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
        assert_eq!(
            export.header("content-disposition"),
            Some("attachment; filename=\"receipts.ndjson\"")
        );
        let path = format!("/receipts?user_id={}", first.person.id);
        let known = server.admin().get(&path).expect(200).body;
        let lines: Vec<Value> = export
            .text
            .lines()
            .map(|line| serde_json::from_str(line).expect("an object"))
            .collect();
        assert_eq!(json!(lines), known["items"]);
        assert_eq!(lines.len(), 1);

        let receipt = format!(
            "/console/receipts/{}",
            lines[0]["id"].as_str().expect("an id")
        );
        let shown = auditor.get(&receipt).expect(200).text;
        assert!(shown.contains("(deleted)"), "{shown}");
        assert!(
            !shown.contains(&format!("/console/people/{}", first.person.id)),
            "{shown}"
        );
        let lists = |browser: &mut Browser, query: &str, count: usize| {
            let page = browser
                .get(&format!("/console/receipts?{query}"))
                .expect(200)
                .text;
            let found = page.matches("href=\"/console/receipts/0").count();
            assert_eq!(found, count, "{query}: {page}");
        };
        let now = server.clock.now();
        let day = |days: i64| now.plus_days(days).to_rfc3339()[..10].to_owned();
        lists(&mut auditor, "", 2);
        lists(&mut auditor, &format!("until={}", day(0)), 2);
        lists(&mut auditor, &format!("since={}", day(1)), 0);
        let directory = format!("directory={}", second.person.directory_id);
        lists(&mut auditor, &directory, 1);
        let nowhere = format!("directory={}", uuid::Uuid::now_v7());
        lists(&mut auditor, &nowhere, 0);

        let mut plain = Browser::of(&member(server, "plain", None));
        for page in ["/console/receipts", "/console/receipts/export", &receipt] {
            plain.get(page).expect(403);
        }
    }
);

on_both_databases!(
    a_leaver_counts_once_on_the_first_page_and_whoever_stays_does_not,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let stays = Leaver::arrange(server, "stays");
        let path = format!("/roles/assignments/{}/admin", stays.person.id);
        server.admin().delete(&path).expect(204);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let mut tile = |what: &str| {
            let page = browser.get("/console/").expect(200).text;
            let (before, _) = page
                .split_once(&format!("</strong><span>{what}</span>"))
                .expect("the page has the tile");
            let (_, number) = before.rsplit_once("<strong>").expect("it has a number");
            number.to_owned()
        };
        assert_eq!(tile("leavers in 30 days"), "0");
        assert_eq!(tile("tokens revoked by them"), "0");

        let person = format!("/users/{}", leaver.person.id);
        for step in ["deprovision", "reactivate", "deprovision"] {
            let path = format!("{person}/{step}");
            server.admin().post(&path, &json!({})).expect(200);
        }
        let receipts = server.admin().get("/receipts").expect(200);
        assert_eq!(receipts.body["items"].as_array().map(Vec::len), Some(3));
        assert_eq!(tile("leavers in 30 days"), "1");
        assert_eq!(
            tile("tokens revoked by them"),
            leaver.tokens.len().to_string()
        );
        server.clock.advance_millis(31 * 24 * 60 * 60_000);
        let again = Browser::of(&member(server, "later", Some("admin")))
            .get("/console/")
            .expect(200)
            .text;
        assert!(
            again.contains("<strong>0</strong><span>leavers in 30 days</span>"),
            "{again}"
        );
    }
);
