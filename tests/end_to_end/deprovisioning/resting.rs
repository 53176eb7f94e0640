//! A role that a group gives rests while its holder is inactive: what is said before, meanwhile and afterwards is so.

use serde_json::{Value, json};

use crate::people::{Person, group, map_to_admin, patch_of};
use crate::server::TestServer;

fn get(server: &TestServer, path: &str) -> Value {
    server.admin().get(path).expect(200).body
}

/// What the newest event of a reactivation says of roles.
fn roles_of_event(server: &TestServer, person: &str) -> Value {
    let path = format!("/audit-events?target_id={person}&action=user.reactivated&limit=1");
    get(server, &path)["items"][0]["detail"]["roles"].clone()
}

fn set_active(person: &Person<'_>, active: bool) {
    let operations = json!([{"op": "replace", "path": "active", "value": active}]);
    person
        .server
        .scim()
        .patch(&person.path(), &patch_of(&operations))
        .expect(200);
}

on_both_databases!(
    a_role_by_a_group_rests_and_one_that_was_granted_is_lost,
    |server| {
        let ada = Person::create(server, &server.directory_id, &server.scim_key, "ada");
        let scim = server.scim();
        let inner = group(&scim, "On call", &[&ada.id]);
        let outer = group(&scim, "Operators", &[&inner]);
        map_to_admin(server, &outer);
        ada.assign("auditor");
        let path = format!("/users/{}", ada.id);
        let resting = json!([{
            "role": "admin",
            "groups": [{"id": outer, "display_name": "Operators"}],
        }]);

        let told = get(server, &format!("{path}/impact"));
        assert_eq!(told["roles_lost"][0]["roles"], json!(["auditor"]));
        assert_eq!(told["roles_lost"].as_array().map(Vec::len), Some(1));
        assert_eq!(told["roles_resting"], resting);
        let returning = format!("{path}/reactivate/impact");
        assert_eq!(
            get(server, &returning),
            json!({"roles": []}),
            "of an active person"
        );

        let admin = server.admin();
        admin
            .post(&format!("{path}/deprovision"), &Value::Null)
            .expect(200);
        assert_eq!(get(server, &path)["roles"], json!(["admin"]));
        assert_eq!(get(server, &returning), json!({"roles": resting}));
        admin
            .post(&format!("{path}/reactivate"), &Value::Null)
            .expect(200);
        assert_eq!(get(server, &path)["roles"], json!(["admin"]));
        assert_eq!(roles_of_event(server, &ada.id), json!(["admin"]));

        // The same over SCIM; and what the identity provider took away while they were inactive stays away.
        set_active(&ada, false);
        set_active(&ada, true);
        assert_eq!(roles_of_event(server, &ada.id), json!(["admin"]));
        set_active(&ada, false);
        let removal =
            json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", ada.id)}]);
        scim.patch(&format!("/Groups/{inner}"), &patch_of(&removal))
            .expect(200);
        assert_eq!(get(server, &returning), json!({"roles": []}));
        set_active(&ada, true);
        assert_eq!(get(server, &path)["roles"], json!([]));
        assert_eq!(roles_of_event(server, &ada.id), Value::Null);
        admin.get("/users/nobody/reactivate/impact").expect(404);
    }
);
