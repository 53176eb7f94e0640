//! P9a: the identity provider cannot climb, and can always take away.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use crate::people::{Leaver, Person, RoleBy, Team, USER_SCHEMA, group, patch_of};
use crate::server::TestServer;

fn roles_of(server: &TestServer, person: &str) -> Value {
    server
        .admin()
        .get(&format!("/users/{person}"))
        .expect(200)
        .body["roles"]
        .clone()
}

on_both_databases!(
    a_group_gives_a_role_only_where_an_admin_has_mapped_it,
    |server| {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        let person = Person::create(server, &directory, &key, "climber");
        let scim = server.scim_with(&key);
        for name in ["admin", "owner", "Administrators"] {
            group(&scim, name, &[&person.id]);
        }
        let climb = json!([
            {"op": "add", "path": "roles", "value": [{"value": "owner", "primary": true}]},
            {"op": "add", "path": "entitlements", "value": [{"value": "admin"}]},
            {"op": "add", "path": "groups", "value": [{"value": "anything"}]},
        ]);
        scim.patch(&person.path(), &patch_of(&climb));
        scim.post(
            "/Users",
            &json!({
                "schemas": [USER_SCHEMA],
                "userName": "second@example.org",
                "roles": [{"value": "owner"}],
            }),
        )
        .expect(201);
        assert_eq!(roles_of(server, &person.id), json!([]));

        // Once it is mapped, and through a group in it.
        let team = Team::create(server, &key, true);
        let add = json!([{"op": "add", "path": "members", "value": [{"value": person.id}]}]);
        scim.patch(&format!("/Groups/{}", team.inner), &patch_of(&add))
            .expect(200);
        assert_eq!(roles_of(server, &person.id), json!(["admin"]));

        // A group of the same name in another directory is another group.
        let (other_directory, other_key) = server.new_directory(Dialect::Lenient);
        let other = Person::create(server, &other_directory, &other_key, "climber");
        group(&server.scim_with(&other_key), "Mapped", &[&other.id]);
        assert_eq!(roles_of(server, &other.id), json!([]));
    }
);

on_both_databases!(no_group_gives_the_owner_role, |server| {
    let owners = group(&server.scim(), "Owners", &[]);
    let mapping = json!({"group_id": owners, "role": "owner"});
    server.admin().post("/roles/mappings", &mapping).expect(403);
    let mappings = server.admin().get("/roles/mappings").expect(200);
    assert_eq!(mappings.body["items"], json!([]));
});

on_both_databases!(
    the_last_admin_of_an_identity_provider_leaves_and_the_local_one_is_told,
    |server| {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        let team = Team::create(server, &key, true);
        let last = Leaver::arrange_in(server, &directory, &key, "last", &RoleBy::Group(&team));

        last.scim().delete(&last.person.path()).expect(204);

        last.assert_nothing_authenticates();
        let notices = server.admin().get("/notices").expect(200);
        let items = notices.body["items"].as_array().into_iter().flatten();
        let mut told: Vec<_> = items
            .filter(|notice| notice["detail"]["user_id"] == last.person.id)
            .map(|notice| notice["kind"].as_str().unwrap_or_default())
            .collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [
                "admin_deprovisioned",
                "keys_orphaned",
                "last_admin_deprovisioned"
            ]
        );
        assert_eq!(roles_of(server, &server.admin_id), json!(["owner"]));
        // No SCIM key reaches the local directory, where the break-glass admin is.
        let listed = server.admin().get("/directories").expect(200);
        let local = listed.body["items"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|directory| directory["kind"] == "local")
            .map(|directory| directory["id"].as_str().unwrap_or_default().to_owned())
            .expect("there is a local directory");
        server
            .admin()
            .post(
                &format!("/directories/{local}/scim-keys"),
                &json!({"name": "No"}),
            )
            .expect(422);
        server
            .admin()
            .delete(&format!("/directories/{local}"))
            .expect(409);
        last.scim()
            .delete(&format!("/Users/{}", server.admin_id))
            .expect(404);
    }
);

on_both_databases!(an_orphaned_key_cannot_shake_off_its_flag, |server| {
    let (directory, key) = server.new_directory(Dialect::Lenient);
    let leaver = Leaver::arrange_in(server, &directory, &key, "orphan", &RoleBy::Assignment);
    let session = server.with_token(&leaver.sessions[0]);
    let scopes = json!([
        "api-keys:read",
        "api-keys:write",
        "scim-keys:read",
        "scim-keys:write"
    ]);
    let own = session
        .post(
            "/admin/v1/api-keys",
            &json!({"name": "Own", "scopes": scopes}),
        )
        .expect(201);
    let with_own = server.with_token(&own.text_at("/secret"));

    server
        .scim_with(&key)
        .delete(&leaver.person.path())
        .expect(204);

    let own_path = format!("/admin/v1/api-keys/{}", own.id());
    let scim_path = format!("/admin/v1/scim-keys/{}", leaver.scim_key.id);
    for path in [&own_path, &scim_path] {
        for verb in ["adopt", "rotate"] {
            with_own
                .post(&format!("{path}/{verb}"), &json!({}))
                .expect(403);
        }
        let shown = with_own.get(path).expect(200);
        assert_eq!(shown.body["orphaned_reason"], "deleted");
        assert_eq!(shown.body["successor_id"], Value::Null);
    }
});
