//! Losing the admin role by any way: what it let in ends, what it made is flagged, the person stays.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::records::{Cascade, cascades_of, keys};
use crate::people::{Leaver, RoleBy, Team, bulk, group, map_to_admin, patch_of};
use crate::server::TestServer;

/// A way to lose the role.
struct Way {
    name: &'static str,
    holds_directly: bool,
    by_admin: bool,
    lose: fn(&TestServer, &Leaver<'_>, &Team),
}

const fn direct(name: &'static str, lose: fn(&TestServer, &Leaver<'_>, &Team)) -> Way {
    Way {
        name,
        holds_directly: true,
        by_admin: false,
        lose,
    }
}

const fn nested(name: &'static str, lose: fn(&TestServer, &Leaver<'_>, &Team)) -> Way {
    Way {
        name,
        holds_directly: false,
        by_admin: false,
        lose,
    }
}

fn path(group: &str) -> String {
    format!("/Groups/{group}")
}

fn patch(leaver: &Leaver<'_>, group: &str, operation: &Value) {
    leaver
        .scim()
        .patch(&path(group), &patch_of(&json!([operation])))
        .expect(200);
}

fn without(member: &str) -> Value {
    json!({"op": "remove", "path": format!("members[value eq \"{member}\"]")})
}

/// The group as SCIM shows it, but with these members.
fn with_members(leaver: &Leaver<'_>, group: &str, members: &Value) -> Value {
    let mut body = leaver.scim().get(&path(group)).expect(200).body;
    body["members"] = members.clone();
    body
}

const WAYS: &[Way] = &[
    direct("PATCH removes the member by a filter", |_, leaver, team| {
        patch(leaver, &team.mapped, &without(&leaver.person.id));
    }),
    direct(
        "PATCH removes the member by its value",
        |_, leaver, team| {
            let value = json!([{"$ref": null, "value": leaver.person.id}]);
            patch(
                leaver,
                &team.mapped,
                &json!({"op": "Remove", "path": "members", "value": value}),
            );
        },
    ),
    direct("PATCH removes all members", |_, leaver, team| {
        patch(
            leaver,
            &team.mapped,
            &json!({"op": "remove", "path": "members"}),
        );
    }),
    direct("PATCH replaces the members", |_, leaver, team| {
        let value = json!([{"value": team.inner}]);
        patch(
            leaver,
            &team.mapped,
            &json!({"op": "replace", "path": "members", "value": value}),
        );
    }),
    direct(
        "PATCH without a path replaces the members",
        |_, leaver, team| {
            patch(
                leaver,
                &team.mapped,
                &json!({"op": "replace", "value": {"members": []}}),
            );
        },
    ),
    direct("PUT without the member", |_, leaver, team| {
        let body = with_members(leaver, &team.mapped, &json!([{"value": team.inner}]));
        leaver.scim().put(&path(&team.mapped), &body).expect(200);
    }),
    direct("DELETE of the mapped group", |_, leaver, team| {
        leaver.scim().delete(&path(&team.mapped)).expect(204);
    }),
    direct("PATCH in bulk", |_, leaver, team| {
        let change = patch_of(&json!([without(&leaver.person.id)]));
        bulk(&leaver.scim(), "PATCH", &path(&team.mapped), &change);
    }),
    direct("PUT in bulk", |_, leaver, team| {
        let body = with_members(leaver, &team.mapped, &json!([]));
        bulk(&leaver.scim(), "PUT", &path(&team.mapped), &body);
    }),
    direct("DELETE in bulk", |_, leaver, team| {
        bulk(&leaver.scim(), "DELETE", &path(&team.mapped), &Value::Null);
    }),
    Way {
        by_admin: true,
        ..direct("the removal of the mapping", |server, _, team| {
            let path = format!("/roles/mappings/{}", team.mapping);
            server.admin().delete(&path).expect(204);
        })
    },
    nested(
        "PATCH removes the member of the inner group",
        |_, leaver, team| {
            patch(leaver, &team.inner, &without(&leaver.person.id));
        },
    ),
    nested("PATCH removes the inner group", |_, leaver, team| {
        patch(leaver, &team.mapped, &without(&team.inner));
    }),
    nested("PUT without the inner group", |_, leaver, team| {
        let body = with_members(leaver, &team.mapped, &json!([]));
        leaver.scim().put(&path(&team.mapped), &body).expect(200);
    }),
    nested("DELETE of the inner group", |_, leaver, team| {
        leaver.scim().delete(&path(&team.inner)).expect(204);
    }),
    nested("DELETE of the outer group", |_, leaver, team| {
        leaver.scim().delete(&path(&team.mapped)).expect(204);
    }),
    nested("DELETE of the inner group in bulk", |_, leaver, team| {
        bulk(&leaver.scim(), "DELETE", &path(&team.inner), &Value::Null);
    }),
    Way {
        by_admin: true,
        ..nested(
            "the removal of the mapping of the outer group",
            |server, _, team| {
                let path = format!("/roles/mappings/{}", team.mapping);
                server.admin().delete(&path).expect(204);
            },
        )
    },
];

fn unassign(server: &TestServer, leaver: &Leaver<'_>) {
    let path = format!("/roles/assignments/{}/admin", leaver.person.id);
    server.admin().delete(&path).expect(204);
}

/// The rights are gone, the person is not.
fn assert_role_is_lost(server: &TestServer, leaver: &Leaver<'_>, by_admin: bool, name: &str) {
    leaver.assert_sessions_have_ended();
    leaver.assert_tokens_work();
    leaver.assert_keys_are_orphaned("role_lost");
    leaver.assert_keys_work();
    let keys_left = [("keys_orphaned", json!({"orphaned": keys()}))];
    assert_eq!(
        cascades_of(server, &leaver.person.id),
        [Cascade::new(
            leaver,
            "role.lost",
            "role_lost",
            by_admin,
            &json!({"session": 2}),
            &keys(),
            &["admin"],
            &keys_left,
        )],
        "{name}"
    );
    let session = leaver.person.sign_in();
    server
        .with_token(&session)
        .get("/account/v1/session")
        .expect(200);
    server
        .with_token(&session)
        .get("/admin/v1/directories")
        .expect(403);
}

on_both_databases!(
    whoever_leaves_a_mapped_group_by_any_way_loses_the_role,
    |server| {
        for (number, way) in WAYS.iter().enumerate() {
            println!("{}", way.name);
            let (directory, key) = server.new_directory(Dialect::Lenient);
            let team = Team::create(server, &key, way.holds_directly);
            let role = RoleBy::Group(&team);
            let name = format!("member{number}");
            let leaver = Leaver::arrange_in(server, &directory, &key, &name, &role);

            (way.lose)(server, &leaver, &team);

            assert_role_is_lost(server, &leaver, way.by_admin, way.name);
        }
    }
);

on_both_databases!(whoever_is_unassigned_loses_the_role, |server| {
    let leaver = Leaver::arrange(server, "unassigned");

    unassign(server, &leaver);

    assert_role_is_lost(server, &leaver, true, "unassigned");
});

on_both_databases!(a_role_that_one_has_twice_stays_with_one_of_both, |server| {
    let (directory, key) = server.new_directory(Dialect::Lenient);
    let team = Team::create(server, &key, false);
    let leaver = Leaver::arrange_in(server, &directory, &key, "both", &RoleBy::Group(&team));
    leaver.person.assign("admin");
    let second = group(&leaver.scim(), "Second", &[&team.inner]);
    map_to_admin(server, &second);

    unassign(server, &leaver);
    patch(&leaver, &team.mapped, &without(&team.inner));

    leaver.assert_everything_works();
    assert_eq!(cascades_of(server, &leaver.person.id), []);

    patch(&leaver, &second, &without(&team.inner));

    assert_role_is_lost(server, &leaver, false, "the last way");
});

on_both_databases!(
    an_admin_who_becomes_an_auditor_has_lost_the_role,
    |server| {
        let leaver = Leaver::arrange(server, "auditor");
        leaver.person.assign("auditor");

        unassign(server, &leaver);

        leaver.assert_sessions_have_ended();
        leaver.assert_keys_are_orphaned("role_lost");
        let session = server.with_token(&leaver.person.sign_in());
        session.get("/admin/v1/directories").expect(200);
        session
            .post("/admin/v1/products", &json!({"name": "Mine"}))
            .expect(403);
    }
);

on_both_databases!(
    nothing_follows_from_changes_that_take_no_role_away,
    |server| {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        let team = Team::create(server, &key, true);
        let leaver = Leaver::arrange_in(server, &directory, &key, "stays", &RoleBy::Group(&team));
        let scim = leaver.scim();
        let other = group(&scim, "Other", &[&leaver.person.id]);

        patch(
            &leaver,
            &team.mapped,
            &json!({"op": "replace", "value": {"displayName": "Renamed"}}),
        );
        let same = scim.get(&path(&team.mapped)).expect(200).body;
        scim.put(&path(&team.mapped), &same).expect(200);
        scim.put(&path(&team.mapped), &same).expect(200);
        patch(&leaver, &team.mapped, &without(&team.inner));
        patch(&leaver, &other, &without(&leaver.person.id));
        scim.delete(&path(&other)).expect(204);
        scim.delete(&path(&team.inner)).expect(204);

        leaver.assert_everything_works();
        assert_eq!(cascades_of(server, &leaver.person.id), []);
    }
);
