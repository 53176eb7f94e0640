//! P9, for every route of the admin interface, taken from its own table: whoever lacks the scope is refused,
//! whatever they present, before anything of the request is looked at.

use actix_web::http::Method;
use portcullis::http::admin::{AdminRoute, routes};
use portcullis::policies::Scope;
use serde_json::json;
use uuid::Uuid;

use crate::people::{Leaver, PASSWORD, Person};
use crate::server::{Answer, Client, TestServer};

/// A thing that does not exist is named wherever the path has a parameter.
fn path_of(route: &AdminRoute) -> String {
    let segments = route.path.split('/').map(|segment| {
        if segment.starts_with('{') {
            Uuid::now_v7().to_string()
        } else {
            segment.to_owned()
        }
    });
    format!("/admin/v1{}", segments.collect::<Vec<_>>().join("/"))
}

/// Sends what no endpoint takes: whoever may call is told so, and changes nothing.
fn call(client: &Client, route: &AdminRoute) -> Answer {
    let headers = [("Content-Type", "application/json")];
    let body: &[u8] = if route.method == Method::GET || route.method == Method::DELETE {
        b""
    } else {
        b"not JSON"
    };
    client.request(route.method.as_str(), &path_of(route), &headers, body)
}

fn assert_problem(answer: &Answer, status: u16, slug: &str, who: &str, route: &AdminRoute) {
    let what = format!("{who}: {} {}", route.method, route.path);
    assert_eq!(answer.status, status, "{what}: {}", answer.text);
    let kind = format!("urn:portcullis:problem:{slug}");
    assert_eq!(
        answer.body["type"],
        kind.as_str(),
        "{what}: {}",
        answer.text
    );
}

fn assert_lets_nobody_else_in(server: &TestServer, route: &AdminRoute, others: &[(&str, String)]) {
    let nobody = call(&server.anonymous(), route);
    assert_problem(&nobody, 401, "unauthorized", "nobody", route);
    for (who, secret) in others {
        let answer = call(&server.with_token(secret), route);
        assert_problem(&answer, 403, "insufficient-scope", who, route);
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        let wanted = format!("scope=\"{}\"", route.scope.name());
        assert!(challenge.contains(&wanted), "{who}: {challenge}");
    }
}

fn api_key(server: &TestServer, scopes: &[Scope]) -> String {
    let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    server
        .admin()
        .post("/api-keys", &json!({"name": "Matrix", "scopes": names}))
        .expect(201)
        .text_at("/secret")
}

fn session_with(server: &TestServer, role: Option<&str>) -> String {
    let name = format!("{}-matrix", role.unwrap_or("nobody"));
    let person = Person::create(server, &server.directory_id, &server.scim_key, &name);
    if let Some(role) = role {
        person.assign(role);
    }
    let link = person.password_link();
    person.set_password(&link, PASSWORD).expect(204);
    person.sign_in()
}

on_both_databases!(no_route_lets_in_who_lacks_its_scope, |server| {
    let leaver = Leaver::arrange(server, "everything");
    let others = [
        ("SCIM key", leaver.scim_key.secret.clone()),
        ("user token", leaver.tokens[0].clone()),
        ("product credential", leaver.product_key.secret.clone()),
        ("session without a role", session_with(server, None)),
    ];
    let auditor = session_with(server, Some("auditor"));
    for route in routes() {
        assert_lets_nobody_else_in(server, &route, &others);
        let link = call(&server.with_token(&leaver.link), &route);
        assert_problem(&link, 401, "unauthorized", "password link", &route);
        if !route.scope.is_read_only() {
            let answer = call(&server.with_token(&auditor), &route);
            assert_problem(&answer, 403, "insufficient-scope", "auditor", &route);
        }
    }
});

on_both_databases!(
    each_route_takes_a_key_with_its_scope_and_none_with_all_the_others,
    |server| {
        let routes = routes();
        for scope in Scope::ALL {
            let others: Vec<Scope> = Scope::ALL
                .into_iter()
                .filter(|other| *other != scope)
                .collect();
            let key = api_key(server, &[scope]);
            let other_key = api_key(server, &others);
            for route in routes.iter().filter(|route| route.scope == scope) {
                let refused = call(&server.with_token(&other_key), route);
                assert_problem(
                    &refused,
                    403,
                    "insufficient-scope",
                    "every other scope",
                    route,
                );
                let admitted = call(&server.with_token(&key), route);
                let what = format!("{} {}: {}", route.method, route.path, admitted.text);
                assert!(
                    ![401, 403, 405, 500, 503].contains(&admitted.status),
                    "{what}"
                );
            }
        }
    }
);

on_both_databases!(
    an_orphaned_key_reads_makes_people_and_takes_away_and_does_nothing_else,
    |server| {
        let leaver = Leaver::arrange(server, "everything");
        let names: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
        let key = json!({"name": "Everything", "scopes": names});
        let session = server.with_token(&leaver.sessions[0]);
        let key = session.post("/admin/v1/api-keys", &key).expect(201);
        let secret = key.text_at("/secret");
        let leave = format!("/users/{}/deprovision", leaver.person.id);
        server.admin().post(&leave, &json!({})).expect(200);
        let orphan = server.with_token(&secret);
        for route in routes() {
            let answer = call(&orphan, &route);
            if route.orphans_may {
                let what = format!("{} {}: {}", route.method, route.path, answer.text);
                assert!(
                    ![401, 403, 405, 500, 503].contains(&answer.status),
                    "{what}"
                );
            } else {
                assert_problem(&answer, 403, "forbidden", "an orphaned key", &route);
            }
        }
        // What leads back in, for whoever has left and still knows their keys.
        let back = format!("/admin/v1/users/{}/reactivate", leaver.person.id);
        orphan.post(&back, &json!({})).expect(403);
        let directory = format!("/admin/v1/directories/{}", leaver.person.directory_id);
        let passwords = json!({"password_allowed": true});
        orphan.patch(&directory, &passwords).expect(403);
        let hook = json!({"url": "https://leaver.example.com/hook"});
        orphan.post("/admin/v1/webhooks", &hook).expect(403);
        // Once somebody answers for it, it does what its scopes say.
        let adopt = format!("/api-keys/{}/adopt", key.id());
        server.admin().post(&adopt, &json!({})).expect(200);
        orphan.post("/admin/v1/webhooks", &hook).expect(201);
    }
);

#[test]
fn a_route_that_only_looks_needs_no_scope_to_change_and_one_that_changes_does() {
    for route in routes() {
        let what = format!("{} {}", route.method, route.path);
        if route.method != Method::GET && route.scope != Scope::Notices {
            let only_looks = route.path.ends_with("/preview");
            assert!(only_looks || !route.scope.is_read_only(), "{what}");
        } else if route.scope != Scope::Notices {
            assert!(route.scope.is_read_only(), "{what}");
        }
    }
}

/// The table in `docs/admin-api.md`, row by row.
fn documented(text: &str) -> Vec<String> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(str::to_owned).collect()
}

#[test]
fn the_documentation_names_every_route_with_its_scope() {
    let mut routes = routes();
    routes.sort_by(|left, right| {
        let place = |route: &AdminRoute| (route.path.clone(), route.method.to_string());
        place(left).cmp(&place(right))
    });
    let served: Vec<String> = routes
        .iter()
        .map(|route| {
            let AdminRoute {
                method,
                path,
                scope,
                orphans_may,
            } = route;
            let orphans = if *orphans_may { "may" } else { "may not" };
            format!("| `{method} {path}` | `{}` | {orphans} |", scope.name())
        })
        .collect();
    let text = include_str!("../../docs/admin-api.md");
    assert_eq!(
        documented(text),
        served,
        "the table should be:\n{}\n",
        served.join("\n")
    );
}
