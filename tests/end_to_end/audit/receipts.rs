//! Receipts of deprovisionings (promise P6a): listed, narrowed, shown, exported.

use serde_json::Value;

use super::{hire, items, lines};

fn people(receipts: &[Value]) -> Vec<&str> {
    receipts
        .iter()
        .filter_map(|receipt| receipt["user"]["id"].as_str())
        .collect()
}

on_both_databases!(
    receipts_are_found_by_person_directory_and_time_and_shown,
    |server| {
        let (other_directory, other_key) =
            server.new_directory(portcullis::scim::leniency::Dialect::Lenient);
        let other = server
            .scim_with(&other_key)
            .post(
                "/Users",
                &serde_json::json!({"schemas": [crate::people::USER_SCHEMA], "userName": "other"}),
            )
            .expect(201)
            .id();
        let [ada, grace] = ["ada", "grace"].map(|name| hire(server, name));
        let leave = |id: &str| server.scim().delete(&format!("/Users/{id}")).expect(204);
        leave(&ada);
        server.clock.advance_millis(3_600_000);
        let since = server.clock.now().to_rfc3339();
        leave(&grace);
        server
            .scim_with(&other_key)
            .delete(&format!("/Users/{other}"))
            .expect(204);
        server.clock.advance_millis(1);
        let until = server.clock.now().to_rfc3339();

        let find = |query: &str| items(server, &format!("/receipts?{query}"));
        assert_eq!(people(&find("")), [&other, &grace, &ada]);
        assert_eq!(people(&find(&format!("user_id={ada}"))), [&ada]);
        assert_eq!(
            people(&find(&format!("directory_id={other_directory}"))),
            [&other]
        );
        assert_eq!(people(&find(&format!("since={since}"))), [&other, &grace]);
        assert_eq!(people(&find(&format!("until={since}"))), [&ada]);
        assert_eq!(
            people(&find(&format!("until={until}&since={until}"))).len(),
            0
        );

        let of_ada = &find(&format!("user_id={ada}"))[0];
        let id = of_ada["id"].as_str().expect("an id");
        let shown = server.admin().get(&format!("/receipts/{id}")).expect(200);
        assert_eq!(&shown.body, of_ada);
        server.admin().get("/receipts/none").expect(404);

        let exported = server.admin().get("/receipts/export").expect(200);
        assert_eq!(
            exported.header("Content-Type"),
            Some("application/x-ndjson")
        );
        assert_eq!(lines(&exported.text), find(""));
        let exported = server
            .admin()
            .get(&format!("/receipts/export?user_id={grace}"))
            .expect(200);
        assert_eq!(people(&lines(&exported.text)), [&grace]);
    }
);
