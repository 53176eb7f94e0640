//! P1 across processes: what one node has answered, every other node holds to in its very next request.

use serde_json::{Value, json};

use crate::people::{PASSWORD, USER_SCHEMA, patch_of};
use crate::process::{Deployment, Process};
use crate::server::{Client, DatabaseKind};

/// A person with a role, a session, a token and an API key, all from one node.
struct Employee {
    id: String,
    session: String,
    token: String,
    api_key: String,
}

struct Cluster {
    deployment: Deployment,
    first: Process,
    second: Process,
    product_key: String,
}

impl Cluster {
    fn start() -> Self {
        let deployment = Deployment::create(DatabaseKind::Postgres);
        let (first, second) = (deployment.serve(), deployment.serve());
        let admin = first.client("/admin/v1", deployment.first("admin_api_key"));
        let product = admin
            .post("/products", &json!({"name": "Gate"}))
            .expect(201)
            .id();
        let product_key = admin
            .post(
                &format!("/products/{product}/credentials"),
                &json!({"name": "Gate"}),
            )
            .expect(201)
            .text_at("/secret");
        Self {
            deployment,
            first,
            second,
            product_key,
        }
    }

    fn scim(&self) -> Client {
        self.first
            .client("/scim/v2", self.deployment.first("scim_key"))
    }

    fn admin(&self) -> Client {
        self.first
            .client("/admin/v1", self.deployment.first("admin_api_key"))
    }

    fn hire(&self, name: &str) -> Employee {
        let (scim, admin) = (self.scim(), self.admin());
        let user = json!({"schemas": [USER_SCHEMA], "userName": name});
        let id = scim.post("/Users", &user).expect(201).id();
        let assignment = json!({"user_id": id, "role": "admin"});
        admin.post("/roles/assignments", &assignment).expect(201);
        let link = admin
            .post(&format!("/users/{id}/password-link"), &json!({}))
            .expect(201)
            .text_at("/secret");
        let anybody = Client::new(&self.first.base_url, None);
        let password = json!({"link": link, "password": PASSWORD});
        anybody.post("/account/v1/password", &password).expect(204);
        let directory = admin
            .get(&format!(
                "/directories/{}",
                self.deployment.first("directory_id")
            ))
            .expect(200)
            .text_at("/name");
        let session = anybody
            .post(
                "/account/v1/session",
                &json!({"directory": directory, "user_name": name, "password": PASSWORD}),
            )
            .expect(201)
            .text_at("/token");
        let own = self.first.client("", &session);
        let token = own
            .post("/account/v1/tokens", &json!({"name": "Mine"}))
            .expect(201)
            .text_at("/secret");
        let api_key = own
            .post(
                "/admin/v1/api-keys",
                &json!({"name": "Ours", "scopes": ["directories:read"]}),
            )
            .expect(201)
            .text_at("/secret");
        Employee {
            id,
            session,
            token,
            api_key,
        }
    }

    /// What the second node says of somebody's token, session and rights.
    fn standing(&self, employee: &Employee) -> (bool, u16, u16) {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let body = format!("token={}", employee.token);
        let answer = self
            .second
            .client("", &self.product_key)
            .request("POST", "/oauth2/introspect", &form, body.as_bytes())
            .expect(200);
        let own = self.second.client("", &employee.session);
        (
            answer.body["active"] == true,
            own.get("/account/v1/session").status,
            own.get("/admin/v1/directories").status,
        )
    }
}

const STANDS: (bool, u16, u16) = (true, 200, 200);
const HAS_LEFT: (bool, u16, u16) = (false, 401, 401);

#[test]
fn what_one_node_has_ended_the_other_refuses_in_the_very_next_request() {
    let cluster = Cluster::start();
    for round in 0..10 {
        let employee = cluster.hire(&format!("leaver{round}@example.org"));
        let path = format!("/Users/{}", employee.id);
        assert_eq!(cluster.standing(&employee), STANDS);

        match round % 4 {
            0 => {
                let leave = patch_of(&json!([{"op": "replace", "value": {"active": false}}]));
                cluster.scim().patch(&path, &leave).expect(200);
            }
            1 => {
                cluster.scim().delete(&path).expect(204);
            }
            2 => {
                let path = format!("/users/{}/deprovision", employee.id);
                cluster.admin().post(&path, &Value::Null).expect(200);
            }
            _ => {
                let id = employee.id.as_str();
                cluster.deployment.run(&["user", "deprovision", id]);
            }
        }

        assert_eq!(cluster.standing(&employee), HAS_LEFT, "round {round}");
        let key = cluster.second.client("/admin/v1", &employee.api_key);
        key.get("/directories").expect(200);
        let second = cluster
            .second
            .client("/admin/v1", cluster.deployment.first("admin_api_key"));
        let orphans = second.get("/orphaned-keys").expect(200);
        let is_flagged = orphans.body["items"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|item| item["created_by"]["id"] == employee.id);
        assert!(is_flagged, "{}", orphans.text);
    }
}

#[test]
fn keys_revoked_and_roles_taken_on_one_node_are_gone_on_the_other() {
    let cluster = Cluster::start();
    let admin = cluster.admin();
    let directory = cluster.deployment.first("directory_id");
    for round in 0..5 {
        let keys = format!("/directories/{directory}/scim-keys");
        let key = admin.post(&keys, &json!({"name": "Key"})).expect(201);
        let there = cluster.second.client("/scim/v2", &key.text_at("/secret"));
        there.get("/Users?count=0").expect(200);
        admin
            .delete(&format!("/scim-keys/{}", key.id()))
            .expect(204);
        there.get("/Users?count=0").expect(401);

        let employee = cluster.hire(&format!("admin{round}@example.org"));
        assert_eq!(cluster.standing(&employee), STANDS);
        let role = format!("/roles/assignments/{}/admin", employee.id);
        admin.delete(&role).expect(204);
        assert_eq!(cluster.standing(&employee), (true, 401, 401));

        let revoke = format!("/users/{}/revoke-tokens", employee.id);
        let revoked = admin.post(&revoke, &json!({})).expect(200);
        assert_eq!(revoked.body, json!({"revoked": 1}));
        assert_eq!(cluster.standing(&employee), (false, 401, 401));
    }
}

/// The overlap of a rotation begins with the successor's first use, on whichever node that is.
#[test]
fn a_successor_used_on_one_node_starts_the_end_of_its_predecessor_on_the_other() {
    let cluster = Cluster::start();
    let admin = cluster.admin();
    let directory = cluster.deployment.first("directory_id");
    let keys = format!("/directories/{directory}/scim-keys");
    let key = admin.post(&keys, &json!({"name": "Key"})).expect(201);
    let key_path = format!("/scim-keys/{}", key.id());
    let successor = admin
        .post(&format!("{key_path}/rotate"), &json!({"overlap_hours": 0}))
        .expect(201);
    let old = cluster.second.client("/scim/v2", &key.text_at("/secret"));
    old.get("/Users?count=0").expect(401);
    let new = cluster
        .second
        .client("/scim/v2", &successor.text_at("/secret"));
    new.get("/Users?count=0").expect(200);

    let again = admin
        .post(
            &format!("/scim-keys/{}/rotate", successor.id()),
            &json!({"overlap_hours": 1}),
        )
        .expect(201);
    let shown = |id: &str| admin.get(&format!("/scim-keys/{id}")).expect(200).body;
    assert_eq!(shown(&successor.id())["retires_at"], Value::Null);
    let newest = cluster.second.client("/scim/v2", &again.text_at("/secret"));
    newest.get("/Users?count=0").expect(200);
    assert!(shown(&successor.id())["retires_at"].is_string());
    new.get("/Users?count=0").expect(200);
}
