//! Whom a product is for, in the console: a group that was deleted may stay, and nothing opens a product to everybody
//! before that was asked.

use serde_json::{Value, json};

use crate::people::{Person, group};
use crate::server::TestServer;

use super::{Browser, member};

/// A product for the people of one group, in which two are.
struct Closed {
    id: String,
    group: String,
    place: String,
}

impl Closed {
    fn arrange(server: &TestServer) -> Self {
        let scim = server.scim();
        let people = ["ada", "grace"]
            .map(|name| Person::create(server, &server.directory_id, &server.scim_key, name).id);
        let group = group(&scim, "Finance", &people.each_ref().map(String::as_str));
        let body = json!({"name": "Payroll", "scopes": ["read"], "access_groups": [group]});
        let id = server.admin().post("/products", &body).expect(201).id();
        let place = format!("/console/products/{id}/change");
        Self { id, group, place }
    }

    fn delete_group(&self, server: &TestServer) {
        let path = format!("/Groups/{}", self.group);
        server.scim().delete(&path).expect(204);
    }

    fn stored(&self, server: &TestServer) -> (Value, Value, Value) {
        let path = format!("/products/{}", self.id);
        let shown = server.admin().get(&path).expect(200).body;
        let of = |name: &str| shown[name].clone();
        (of("name"), of("scopes"), of("access_groups"))
    }
}

on_both_databases!(
    a_product_keeps_a_deleted_group_while_something_else_of_it_changes,
    |server| {
        let closed = Closed::arrange(server);
        closed.delete_group(server);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let shown = browser
            .get(&format!("/console/products/{}", closed.id))
            .expect(200)
            .text;
        assert!(shown.contains(">Finance</a> (deleted): nobody"), "{shown}");
        let form = browser.get(&closed.place).expect(200).text;
        let says =
            "Finance <span class=\"muted\">(this group was deleted: it lets nobody in)</span>";
        assert!(form.contains(says), "{form}");

        let fields = [
            ("name", "Salaries"),
            ("scopes", "read"),
            ("groups", closed.group.as_str()),
        ];
        browser.submit(&closed.place, &fields).expect(303);
        let kept = json!([closed.group]);
        assert_eq!(
            closed.stored(server),
            (json!("Salaries"), json!(["read"]), kept.clone())
        );
        // The same over the admin interface, whoever sends what they have read; a group that never was is none.
        let admin = server.admin();
        let path = format!("/products/{}", closed.id);
        let body = json!({"scopes": ["write"], "access_groups": kept});
        let changed = admin.patch(&path, &body).expect(200).body;
        assert_eq!(changed["access_groups"], kept);
        let unknown = "00000000-0000-7000-8000-000000000000";
        for (groups, named) in [
            (json!([unknown]), unknown),
            (json!([closed.group, unknown]), unknown),
        ] {
            let refused = admin.patch(&path, &json!({"access_groups": groups}));
            let refused = refused.expect(422);
            let detail = format!("access_groups has \"{named}\", which is no group");
            assert_eq!(refused.body["detail"], json!(detail));
        }
        let other = json!({"name": "Other", "access_groups": kept});
        admin.post("/products", &other).expect(422);
        assert_eq!(
            closed.stored(server),
            (json!("Salaries"), json!(["write"]), kept)
        );
    }
);

on_both_databases!(
    nobody_opens_a_product_to_everybody_without_being_asked,
    |server| {
        let closed = Closed::arrange(server);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let fields = [("name", "Salaries <&>"), ("scopes", "read write")];
        let before = (json!("Payroll"), json!(["read"]), json!([closed.group]));
        let mut ask = |who: &str| {
            let asked = browser.submit(&closed.place, &fields).expect(200).text;
            let now = format!("May have tokens for it now: <strong>{who}</strong>.");
            // The two, the admin who asks, and the local owner.
            let then = "May have them then: <strong>4 people</strong>";
            assert!(asked.contains(&now) && asked.contains(then), "{asked}");
            assert_eq!(closed.stored(server), before, "nothing is changed yet");
            asked
        };
        ask("2 people");
        closed.delete_group(server);
        let asked = ask("0 people");
        let name = "name=\"name\" value=\"Salaries &lt;&amp;&gt;\"";
        assert!(asked.contains(name), "{asked}");

        let answered = [fields[0], fields[1], ("open_to_everybody", "true")];
        browser.submit(&closed.place, &answered).expect(303);
        let after = (json!("Salaries <&>"), json!(["read", "write"]), json!([]));
        assert_eq!(closed.stored(server), after);
        // What is open already is asked about no more.
        let fields = [("name", "Payroll"), ("scopes", "")];
        browser.submit(&closed.place, &fields).expect(303);
    }
);
