//! The list of audit events, narrowed.

use serde_json::{Value, json};

use super::{hire, items};

fn actions(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["action"].as_str())
        .collect()
}

on_both_databases!(
    events_are_found_by_person_credential_directory_action_and_outcome,
    |server| {
        let admin = server.admin();
        let ada = hire(server, "ada");
        let key = admin
            .post(
                &format!("/directories/{}/scim-keys", server.directory_id),
                &json!({"name": "Second"}),
            )
            .expect(201);
        let (key_id, secret) = (key.id(), key.text_at("/secret"));
        server
            .scim_with(&secret)
            .delete(&format!("/Users/{ada}"))
            .expect(204);
        admin.delete(&format!("/scim-keys/{key_id}")).expect(204);
        server
            .anonymous()
            .post(
                "/account/v1/session",
                &json!({"user_name": "nobody", "password": "a guess of theirs"}),
            )
            .expect(401);

        let about_ada = items(server, &format!("/audit-events?user_id={ada}"));
        assert_eq!(
            actions(&about_ada),
            ["resource.deleted", "user.deprovisioned", "resource.created"]
        );
        let of_the_owner = items(
            server,
            &format!("/audit-events?user_id={}", server.admin_id),
        );
        assert!(of_the_owner.len() >= 4, "by them and about them");
        for event in &of_the_owner {
            assert!(
                event["actor"]["user_id"] == server.admin_id.as_str()
                    || event["target"]["id"] == server.admin_id.as_str(),
                "{event}"
            );
        }
        assert_eq!(
            actions(&items(
                server,
                &format!("/audit-events?credential_id={key_id}")
            )),
            [
                "credential.revoked",
                "resource.deleted",
                "user.deprovisioned",
                "credential.created"
            ]
        );
        let both = format!(
            "/audit-events?directory_id={}&action=resource.created&user_id={ada}",
            server.directory_id
        );
        assert_eq!(actions(&items(server, &both)), ["resource.created"]);
        assert_eq!(
            actions(&items(server, "/audit-events?outcome=refused")),
            ["session.refused"]
        );
        assert_eq!(items(server, "/audit-events?action=no.such").len(), 0);
    }
);

on_both_databases!(events_are_found_by_time_and_page_by_page, |server| {
    hire(server, "before");
    server.clock.advance_millis(3_600_000);
    let since = server.clock.now().to_rfc3339();
    let within = ["one", "two", "three"].map(|name| hire(server, name));
    server.clock.advance_millis(3_600_000);
    let until = server.clock.now().to_rfc3339();
    hire(server, "after");

    let query = format!("since={since}&until={until}&action=resource.created");
    let found = items(server, &format!("/audit-events?{query}"));
    let targets: Vec<&str> = found
        .iter()
        .filter_map(|event| event["target"]["id"].as_str())
        .collect();
    let [one, two, three] = &within;
    assert_eq!(targets, [three, two, one]);

    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server
            .admin()
            .get(&format!("/audit-events?{query}&limit=2{cursor}"))
            .expect(200);
        paged.extend(page.body["items"].as_array().cloned().unwrap_or_default());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, found);
});

on_both_databases!(
    a_time_or_an_outcome_that_is_none_is_refused_by_name,
    |server| {
        for (query, name) in [
            ("since=yesterday", "since"),
            ("until=2026-13-01T00:00:00Z", "until"),
            ("outcome=maybe", "outcome"),
        ] {
            for path in ["/audit-events", "/audit-events/export"] {
                let answer = server.admin().get(&format!("{path}?{query}")).expect(400);
                let detail = answer.text_at("/detail");
                assert!(detail.starts_with(name), "{detail}");
            }
        }
    }
);
