//! RFC 7644 section 3.4.1: reading a known resource; sections 2 and 3.12 where there is none.

use portcullis::scim::leniency::Dialect;
use serde_json::json;

use super::{create_group, create_user, user};

on_both_databases!(
    /// RFC 7644 section 3.4.1.
    a_resource_is_read_as_it_was_created,
    |server| {
        let client = server.scim();
        let body = user("bjensen", json!({"displayName": "Babs"}));
        let created = client.post("/Users", &body).expect(201);
        let path = format!("/Users/{}", created.id());
        let read = client.get(&path).expect(200);
        assert_eq!(read.body, created.body);
        assert_eq!(read.header("ETag"), created.header("ETag"));
        assert_eq!(read.header("Location"), created.header("Location"));
        let head = client.request("HEAD", &path, &[], b"").expect(200);
        assert_eq!(head.text, "");
        assert_eq!(head.header("ETag"), created.header("ETag"));
    }
);

on_both_databases!(
    /// RFC 7644 section 3.12: what is not there is 404, in the protocol's form.
    what_does_not_exist_is_not_found,
    |server| {
        let client = server.scim();
        let user = create_user(&client, "bjensen", json!({}));
        let group = create_group(&client, "Guides", &[]);
        let (_, other_key) = server.new_directory(Dialect::Lenient);
        for path in [
            "/Users/2819c223-7f76-453a-919d-413861904646".to_owned(),
            "/Users/not-an-id".to_owned(),
            "/Users/%00".to_owned(),
            "/Users/%F0%9F%90%98".to_owned(),
            format!("/Users/{group}"),
            format!("/Groups/{user}"),
            format!("/Users/{user}/emails"),
            "/Elephants".to_owned(),
            "/Elephants/1".to_owned(),
            "/users".to_owned(),
        ] {
            client.get(&path).expect_error(404, None);
        }
        // Another directory's resources are no other than those that never were (promise P11).
        let other = server.scim_with(&other_key);
        let foreign = other.get(&format!("/Users/{user}")).expect_error(404, None);
        let missing = other
            .get("/Users/2819c223-7f76-453a-919d-413861904646")
            .expect_error(404, None);
        assert_eq!(
            foreign.text.replace(&user, "ID"),
            missing
                .text
                .replace("2819c223-7f76-453a-919d-413861904646", "ID")
        );
    }
);

on_both_databases!(
    /// RFC 7644 section 2: only who says who they are is let in.
    a_request_without_a_valid_key_is_unauthorized,
    |server| {
        let path = "/scim/v2/Users";
        let answer = server.anonymous().get(path).expect_error(401, None);
        let challenge = answer.header("WWW-Authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer realm="), "{challenge}");
        assert!(!challenge.contains("error="), "{challenge}");
        for token in ["pcscim_unknown", "", "x y", &server.scim_key[1..]] {
            let answer = server.with_token(token).get(path).expect_error(401, None);
            assert!(answer.header("WWW-Authenticate").is_some());
        }
        server
            .with_token(&server.admin_key)
            .get(path)
            .expect_error(403, None);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.2: each path offers what the RFC says, and tells what that is.
    other_methods_are_refused_with_those_that_are_offered,
    |server| {
        let client = server.scim();
        let user = format!("/Users/{}", create_user(&client, "bjensen", json!({})));
        for (method, path, allow) in [
            ("PUT", "/Users", "GET, POST"),
            ("PATCH", "/Users", "GET, POST"),
            ("DELETE", "/Users", "GET, POST"),
            ("POST", user.as_str(), "GET, PUT, PATCH, DELETE"),
            ("GET", "/Users/.search", "POST"),
            ("GET", "/.search", "POST"),
            ("GET", "/Bulk", "POST"),
            ("PUT", "/Bulk", "POST"),
        ] {
            let answer = client.send(method, path, &[], &json!({}));
            let answer = answer.expect_error(405, None);
            assert_eq!(answer.header("Allow"), Some(allow), "{method} {path}");
        }
    }
);
