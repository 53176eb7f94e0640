//! RFC 7644 section 3.14: versions of resources, `If-Match` and `If-None-Match` (RFC 9110 section 13).

use serde_json::json;

use super::{create_group, create_user, patch, user};
use crate::server::Answer;

fn tag(answer: &Answer) -> String {
    let tag = answer.header("ETag").expect("an ETag").to_owned();
    assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
    tag
}

on_both_databases!(
    /// RFC 7644 section 3.14: the version changes with the resource, and with nothing else.
    the_version_changes_with_the_resource,
    |server| {
        let client = server.scim();
        let path = format!("/Users/{}", create_user(&client, "bjensen", json!({})));
        let first = tag(&client.get(&path));
        assert_eq!(tag(&client.get(&path)), first);
        let title = patch(json!([{"op": "add", "path": "title", "value": "Guide"}]));
        let second = tag(&client.patch(&path, &title).expect(200));
        assert_ne!(second, first);
        let read = client.get(&path).expect(200);
        assert_eq!(tag(&read), second);
        assert_eq!(read.body["meta"]["version"], second.as_str());
        // RFC 7644 section 3.5.2: a value that is there already changes neither version nor time.
        assert_eq!(tag(&client.patch(&path, &title).expect(200)), second);
        let read_again = client.get(&path).expect(200);
        assert_eq!(read_again.body["meta"], read.body["meta"]);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.14: a change that expects another version is refused with 412, and changes nothing.
    if_match_guards_every_change,
    |server| {
        let client = server.scim();
        let path = format!("/Users/{}", create_user(&client, "bjensen", json!({})));
        let old = tag(&client.get(&path));
        let title = patch(json!([{"op": "add", "path": "title", "value": "Guide"}]));
        client.patch(&path, &title).expect(200);
        let present = client.get(&path).expect(200);

        let other = patch(json!([{"op": "add", "path": "title", "value": "Chief"}]));
        let whole = user("bjensen", json!({"title": "Chief"}));
        for stale in [old.as_str(), "W/\"nonsense\"", "\"\"", "W/\"a\", W/\"b\""] {
            let headers = [("If-Match", stale)];
            client.send("PATCH", &path, &headers, &other).expect_error(412, None);
            client.send("PUT", &path, &headers, &whole).expect_error(412, None);
            client.request("DELETE", &path, &headers, b"").expect_error(412, None);
        }
        assert_eq!(client.get(&path).expect(200).body, present.body);

        let version = tag(&present);
        let headers = [("If-Match", version.as_str())];
        let changed = client.send("PATCH", &path, &headers, &other).expect(200);
        let either = format!("{version}, {}", tag(&changed));
        let headers = [("If-Match", either.as_str())];
        client.send("PUT", &path, &headers, &whole).expect(200);
        let any = [("If-Match", "*")];
        client.request("DELETE", &path, &any, b"").expect(204);
        client.request("DELETE", &path, &any, b"").expect_error(404, None);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.14: a reader who has the present version is told so with 304 and no body.
    if_none_match_spares_what_is_known,
    |server| {
        let client = server.scim();
        let user = format!("/Users/{}", create_user(&client, "bjensen", json!({})));
        let group = format!("/Groups/{}", create_group(&client, "Guides", &[]));
        for path in [user, group] {
            let version = tag(&client.get(&path));
            for known in [version.as_str(), "*", &format!("W/\"x\", {version}")] {
                let answer = client.request("GET", &path, &[("If-None-Match", known)], b"");
                let answer = answer.expect(304);
                assert_eq!(answer.text, "");
                assert_eq!(tag(&answer), version);
            }
            let other = [("If-None-Match", "W/\"x\"")];
            client.request("GET", &path, &other, b"").expect(200);
            // A new name makes it another version for both types.
            let change = patch(json!([{"op": "add", "path": "displayName", "value": "Babs"}]));
            client.patch(&path, &change).expect(200);
            let headers = [("If-None-Match", version.as_str())];
            client.request("GET", &path, &headers, b"").expect(200);
        }
    }
);

on_both_databases!(
    /// RFC 7644 section 3.14: a group's version changes with its members.
    a_groups_version_changes_with_its_members,
    |server| {
        let client = server.scim();
        let member = create_user(&client, "bjensen", json!({}));
        let path = format!("/Groups/{}", create_group(&client, "Guides", &[]));
        let empty = tag(&client.get(&path));
        let add = patch(json!([{"op": "add", "path": "members", "value": [{"value": member}]}]));
        let one = tag(&client.patch(&path, &add).expect(200));
        assert_ne!(one, empty);
        // Who is a member already makes no new version.
        assert_eq!(tag(&client.patch(&path, &add).expect(200)), one);
        let headers = [("If-Match", empty.as_str())];
        client.send("PATCH", &path, &headers, &add).expect_error(412, None);
        let remove = patch(json!([{"op": "remove", "path": "members"}]));
        assert_ne!(tag(&client.patch(&path, &remove).expect(200)), one);
    }
);
