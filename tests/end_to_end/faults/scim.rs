//! What an identity provider changes.

use serde_json::{Value, json};

use super::{Call, Case, World, assert_all_or_nothing, user};
use crate::people::Leaver;
use crate::people::{GROUP_SCHEMA, RoleBy, Team, group, patch_of};
use crate::server::{DatabaseKind, TestServer};

const CASES: &[Case] = &[
    Case {
        route: "POST /Users",
        arrange: |world| Call::scim(world, "POST", "/Users", &user(&world.name("new"))),
    },
    Case {
        route: "PUT /Users/{id}",
        arrange: |world| {
            let person = world.person();
            let changed = user(&world.name("renamed"));
            Call::scim(world, "PUT", &person.path(), &changed)
        },
    },
    Case {
        route: "PUT /Users/{id}, who leaves",
        arrange: |world| {
            let leaver = leaver(world);
            let mut changed = user(&world.name("renamed"));
            changed["active"] = json!(false);
            Call::scim(world, "PUT", &leaver.person.path(), &changed)
        },
    },
    Case {
        route: "PATCH /Users/{id}",
        arrange: |world| {
            let person = world.person();
            let change = json!([
                {"op": "replace", "path": "displayName", "value": world.name("display")},
                {"op": "add", "path": "emails", "value": [{"value": "second@example.org"}]},
            ]);
            Call::scim(world, "PATCH", &person.path(), &patch_of(&change))
        },
    },
    Case {
        route: "PATCH /Users/{id}, who leaves",
        arrange: |world| Call::scim(world, "PATCH", &leaver(world).person.path(), &leave()),
    },
    Case {
        route: "DELETE /Users/{id}, who leaves",
        arrange: |world| Call::scim(world, "DELETE", &leaver(world).person.path(), &Value::Null),
    },
    Case {
        route: "POST /Groups",
        arrange: |world| {
            let (first, second) = (world.person().id, world.person().id);
            let body = json!({
                "schemas": [GROUP_SCHEMA],
                "displayName": world.name("group"),
                "members": [{"value": first}, {"value": second}],
            });
            Call::scim(world, "POST", "/Groups", &body)
        },
    },
    Case {
        route: "PUT /Groups/{id}",
        arrange: |world| {
            let (before, after) = (world.person().id, world.person().id);
            let group = group(&world.scim(), &world.name("group"), &[&before]);
            let body = json!({
                "schemas": [GROUP_SCHEMA],
                "displayName": world.name("group"),
                "members": [{"value": after}],
            });
            Call::scim(world, "PUT", &format!("/Groups/{group}"), &body)
        },
    },
    Case {
        route: "PATCH /Groups/{id}, which gives a role",
        arrange: |world| {
            let team = team(&world.server);
            let body = json!([{
                "op": "add", "path": "members", "value": [{"value": world.person().id}],
            }]);
            Call::scim(
                world,
                "PATCH",
                &format!("/Groups/{}", team.mapped),
                &patch_of(&body),
            )
        },
    },
    Case {
        route: "PATCH /Groups/{id}, which takes a role",
        arrange: |world| {
            let (team, admin) = admin_by_group(world);
            let path = format!("members[value eq \"{}\"]", admin.person.id);
            let body = patch_of(&json!([{"op": "remove", "path": path}]));
            Call::scim(world, "PATCH", &format!("/Groups/{}", team.mapped), &body)
        },
    },
    Case {
        route: "DELETE /Groups/{id}, which takes a role",
        arrange: |world| {
            let (team, _) = admin_by_group(world);
            Call::scim(
                world,
                "DELETE",
                &format!("/Groups/{}", team.mapped),
                &Value::Null,
            )
        },
    },
    Case {
        route: "POST /Bulk",
        arrange: |world| {
            let leaver = leaver(world);
            let change = |method: &str, path: &str, data: Value| json!({"method": method, "path": path, "data": data});
            let mut made = change("POST", "/Users", user(&world.name("bulk")));
            made["bulkId"] = json!("made");
            let group = json!({
                "schemas": [GROUP_SCHEMA],
                "displayName": world.name("group"),
                "members": [{"value": "bulkId:made"}, {"value": leaver.person.id}],
            });
            let mut grouped = change("POST", "/Groups", group);
            grouped["bulkId"] = json!("grouped");
            let body = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": [
                    grouped,
                    made,
                    change("PATCH", &leaver.person.path(), leave()),
                    {"method": "DELETE", "path": world.person().path()},
                ],
            });
            Call::scim(world, "POST", "/Bulk", &body)
        },
    },
];

fn leave() -> Value {
    patch_of(&json!([{"op": "replace", "value": {"active": false}}]))
}

/// Somebody of the first directory with one or two of everything.
fn leaver(world: &World) -> Leaver<'_> {
    let (directory, key) = (&world.server.directory_id, &world.server.scim_key);
    let name = world.name("leaver");
    Leaver::arrange_in(&world.server, directory, key, &name, &RoleBy::Assignment)
}

fn team(server: &TestServer) -> Team {
    Team::create(server, &server.scim_key, true)
}

/// Somebody with everything, who has their role by a group.
fn admin_by_group(world: &World) -> (Team, Leaver<'_>) {
    let (directory, key) = (&world.server.directory_id, &world.server.scim_key);
    let team = team(&world.server);
    let name = world.name("admin");
    let role = RoleBy::Group(&team);
    let admin = Leaver::arrange_in(&world.server, directory, key, &name, &role);
    (team, admin)
}

#[test]
fn a_change_over_scim_happens_whole_or_not_at_all_on_sqlite() {
    assert_all_or_nothing(DatabaseKind::Sqlite, CASES);
}

#[test]
fn a_change_over_scim_happens_whole_or_not_at_all_on_postgresql() {
    assert_all_or_nothing(DatabaseKind::Postgres, CASES);
}
