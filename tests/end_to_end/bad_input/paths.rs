//! Paths that lead nowhere, and methods that are not offered.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;

on_both_databases!(paths_that_lead_nowhere_are_404, |server| {
    let scene = Scene::set(server);
    let mut refusals = Refusals::default();
    let user = &scene.user;
    let paths = [
        "/users".to_owned(),
        "/Nothing".to_owned(),
        "/Users/x/y".to_owned(),
        format!("/Users/{user}/emails"),
        format!("/Groups/{user}"),
        "/Users/%00".to_owned(),
        "/Users/%ff".to_owned(),
        "/Users/%c0%80".to_owned(),
        "/Users/%2e%2e%2fGroups".to_owned(),
        "/Users/..%2f..%2fadmin".to_owned(),
        "/%55sers%00".to_owned(),
        "/Users/%25".to_owned(),
        "/Users/%252e".to_owned(),
        "/Users/'%20or%201=1".to_owned(),
        format!("/Users/{user}%00"),
        format!("/Users/%20{user}"),
        format!("/Users/{}", user.to_uppercase()),
        format!("/Users/{}", "x".repeat(10_000)),
        "/Schemas/nothing".to_owned(),
        "/Schemas/%00".to_owned(),
        "/ResourceTypes/Nothing".to_owned(),
        "/Bulk/x".to_owned(),
        "/Me/x".to_owned(),
        "/.search/x".to_owned(),
        "/Users/%F0%9F%A6%80".to_owned(),
        "/%2e%2e/admin/v1/users".to_owned(),
    ];
    for path in &paths {
        let what: String = path.chars().take(80).collect();
        refusals.expect(&what, &scene.scim.get(path), 404, None);
        if path.starts_with("/Users/") {
            refusals.expect(
                &format!("DELETE {what}"),
                &scene.scim.delete(path),
                404,
                None,
            );
            let body = serde_json::json!({"schemas": [USER], "userName": "x"});
            refusals.expect(
                &format!("PUT {what}"),
                &scene.scim.put(path, &body),
                404,
                None,
            );
        }
    }
    refusals.assert_all();
    scene.is_untouched();
});

on_both_databases!(a_path_is_the_same_however_it_is_encoded, |server| {
    let scene = Scene::set(server);
    let plain = scene.scim.get(&scene.user_path()).expect(200).body;
    let encoded = scene.user.replace('-', "%2d").replace('0', "%30");
    for path in [
        format!("/Users/{encoded}"),
        format!("/%55sers/{}", scene.user),
        format!("{}/", scene.user_path()),
    ] {
        assert_eq!(scene.scim.get(&path).expect(200).body, plain, "{path}");
    }
});

on_both_databases!(
    methods_that_are_not_offered_are_405_with_those_that_are,
    |server| {
        let scene = Scene::set(server);
        let mut refusals = Refusals::default();
        let one = "GET, PUT, PATCH, DELETE";
        let (user, group) = (scene.user_path(), scene.group_path());
        let cases = [
            ("/Users", "GET, POST"),
            ("/Groups", "GET, POST"),
            (user.as_str(), one),
            (group.as_str(), one),
            ("/ServiceProviderConfig", "GET"),
            ("/Schemas", "GET"),
            ("/ResourceTypes", "GET"),
            ("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "GET"),
            ("/ResourceTypes/User", "GET"),
            ("/Bulk", "POST"),
            ("/.search", "POST"),
            ("/Users/.search", "POST"),
            ("/Groups/.search", "POST"),
            ("/", "GET"),
        ];
        for (path, offered) in cases {
            for method in [
                "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "NONSENSE",
            ] {
                if offered.split(", ").any(|known| known == method) {
                    continue;
                }
                let answer = scene.scim.request(method, path, &[], b"");
                refusals.expect(&format!("{method} {path}"), &answer, 405, None);
                if answer.header("allow") != Some(offered) {
                    refusals.wrong.push(format!(
                        "{method} {path}: allow {:?}",
                        answer.header("allow")
                    ));
                }
            }
        }
        refusals.assert_all();
        scene.is_untouched();
    }
);

on_both_databases!(
    lines_that_are_no_http_end_one_connection_and_nothing_else,
    |server| {
        let scene = Scene::set(server);
        for head in [
        &b"GET /scim/v2/Users/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"GET /scim/v2/Users\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /scim/v2/Users HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    ] {
        let status = status_of(&exchange(server, head));
        let what = String::from_utf8_lossy(head);
        assert!(status == 0 || (400..500).contains(&status), "{what}: {status}");
    }
        scene.is_untouched();
    }
);

/// The status of a GET of a path as it is, or 0 where the connection was closed without one.
pub(super) fn raw_status(server: &TestServer, path: &str) -> u16 {
    let head = format!(
        "GET /scim/v2{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        server.scim_key
    );
    status_of(&exchange(server, head.as_bytes()))
}

fn status_of(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.unwrap_or_default()
}

fn exchange(server: &TestServer, bytes: &[u8]) -> String {
    let address = server.base_url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("the server can be reached");
    let timeout = Some(std::time::Duration::from_secs(30));
    stream
        .set_read_timeout(timeout)
        .expect("a timeout can be set");
    // The server may stop reading before the end.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}
