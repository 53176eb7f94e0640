//! Clients that take their time, and requests that are too long.

use std::io::Read;

use crate::server::{DatabaseKind, TestServer};

use super::raw;

fn impatient() -> TestServer {
    TestServer::start_with(DatabaseKind::Sqlite, |settings| {
        settings.limits.request_head_seconds = 1;
        settings.limits.request_body_seconds = 1;
        settings.limits.answer_stall_seconds = 1;
        settings.limits.keep_alive_seconds = 1;
    })
}

#[test]
fn a_client_that_does_not_complete_its_first_request_is_told_and_cut_off() {
    let server = impatient();
    let mut stream = raw::connect(&server.base_url);
    raw::write(&mut stream, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    let answer = raw::read_to_end(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn a_client_that_does_not_complete_a_later_request_is_cut_off() {
    let server = impatient();
    let mut stream = raw::connect(&server.base_url);
    raw::write(&mut stream, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = raw::read_answer(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    raw::write(&mut stream, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    assert_eq!(raw::read_to_end(&mut stream), "");
}

#[test]
fn a_later_request_that_has_begun_together_with_the_one_before_is_not_waited_for_either() {
    let server = impatient();
    let mut stream = raw::connect(&server.base_url);
    let whole = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    raw::write(
        &mut stream,
        &format!("{whole}GET /healthz HTTP/1.1\r\nHost"),
    );
    let answer = raw::read_answer(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(raw::read_to_end(&mut stream), "");
}

#[test]
fn a_connection_on_which_nothing_is_asked_is_closed() {
    let server = impatient();
    let mut stream = raw::connect(&server.base_url);
    raw::write(&mut stream, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    raw::read_answer(&mut stream);
    assert_eq!(raw::read_to_end(&mut stream), "");
}

#[test]
fn a_body_that_does_not_arrive_in_time_is_refused_in_the_callers_own_protocol() {
    let server = impatient();
    let cases = [
        (
            "/scim/v2/Users",
            server.scim_key.clone(),
            "application/scim+json",
            "\"urn:ietf:params:scim:api:messages:2.0:Error\"",
        ),
        (
            "/admin/v1/products",
            server.admin_key.clone(),
            "application/json",
            "\"urn:portcullis:problem:request-timeout\"",
        ),
        (
            "/oauth2/introspect",
            String::new(),
            "application/x-www-form-urlencoded",
            "\"invalid_request\"",
        ),
    ];
    for (path, key, media_type, expected) in cases {
        let mut stream = raw::connect(&server.base_url);
        raw::write(
            &mut stream,
            &format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
                 Content-Type: {media_type}\r\nContent-Length: 1000\r\n\r\n{{"
            ),
        );
        let answer = raw::read_to_end(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
        assert!(answer.contains(expected), "{path}: {answer}");
        assert!(answer.contains("1 seconds"), "{path}: {answer}");
        let head = answer.to_lowercase();
        assert!(head.contains("connection: close"), "{path}: {answer}");
    }
}

#[test]
fn a_client_that_reads_nothing_of_a_long_answer_is_cut_off() {
    let server = impatient();
    let mut stream = raw::connect(&server.base_url);
    // More answers than the buffers of both sides hold; none of them is read.
    let request = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
    for _ in 0..200 {
        raw::write(&mut stream, request);
    }
    let others = server.anonymous();
    let mut piece = vec![0; 1 << 20];
    let (mut total, mut is_closed) = (0_usize, false);
    // Waits for nothing but the server's own patience: then what was buffered ends early.
    std::thread::sleep(std::time::Duration::from_secs(3));
    while !is_closed {
        match stream.read(&mut piece) {
            Ok(0) => is_closed = true,
            Ok(length) => total += length,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                is_closed = true;
            }
        }
    }
    let whole = others.get("/openapi.json").expect(200).text.len();
    assert!(total < 200 * whole, "all {total} bytes were sent");
}

#[test]
fn a_request_that_says_too_much_before_its_body_is_refused() {
    let server = TestServer::start_with(DatabaseKind::Sqlite, |settings| {
        settings.limits.max_url_bytes = 1_000;
        settings.limits.max_header_bytes = 2_000;
    });
    let scim = server.scim();
    let filter = "a".repeat(1_000);
    scim.get(&format!("/Users?filter={filter}"))
        .expect_error(414, None);
    scim.get("/Users?count=0").expect(200);
    let long = "a".repeat(2_000);
    let headers = [("X-Long", long.as_str())];
    scim.request("GET", "/Users?count=0", &headers, b"")
        .expect_error(431, None);
    let refused = server
        .admin()
        .request("GET", "/directories", &headers, b"")
        .expect(431);
    assert_eq!(
        refused.body["type"],
        "urn:portcullis:problem:headers-too-large"
    );
    assert_eq!(
        refused.body["detail"],
        "headers may have at most 2000 bytes"
    );
}

#[test]
fn more_connections_than_there_may_be_wait_and_are_served_once_others_close() {
    let server = TestServer::start_with(DatabaseKind::Sqlite, |settings| {
        settings.limits.max_connections = 16;
    });
    let ask = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut streams: Vec<_> = (0..64).map(|_| raw::connect(&server.base_url)).collect();
    for stream in &mut streams {
        raw::write(stream, ask);
    }
    // Each is served once those before it are gone.
    for mut stream in streams {
        let answer = raw::read_answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}
