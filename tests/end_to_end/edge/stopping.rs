//! How the server starts and stops under a service manager.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::process::Deployment;
use crate::server::{Client, DatabaseKind};

use super::raw;

/// What the service manager hears, one message after another.
struct Manager {
    socket: UnixDatagram,
    path: String,
}

impl Manager {
    fn listen(deployment: &Deployment) -> Self {
        let path = deployment.directory().join("notify").display().to_string();
        let socket = UnixDatagram::bind(&path).expect("a socket can be made");
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a timeout can be set");
        Self { socket, path }
    }

    fn next(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).expect("a message comes");
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        text.lines().map(str::to_owned).collect()
    }

    /// The next message that is no sign of life.
    fn next_change(&self) -> Vec<String> {
        loop {
            let message = self.next();
            if message != ["WATCHDOG=1"] {
                return message;
            }
        }
    }
}

#[test]
fn a_service_manager_hears_that_it_is_ready_alive_reloads_and_stops() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let manager = Manager::listen(&deployment);
    let environment = [
        ("NOTIFY_SOCKET", manager.path.as_str()),
        ("WATCHDOG_USEC", "2000000"),
    ];
    let server = deployment.serve_in(&[], &environment);
    assert_eq!(manager.next(), ["READY=1"]);
    assert_eq!(manager.next(), ["WATCHDOG=1"]);
    assert_eq!(manager.next(), ["WATCHDOG=1"]);
    server.signal("HUP");
    let reloading = manager.next_change();
    assert_eq!(reloading[0], "RELOADING=1");
    assert!(reloading[1].starts_with("MONOTONIC_USEC="), "{reloading:?}");
    assert_eq!(manager.next_change(), ["READY=1"]);
    server.signal("TERM");
    assert_eq!(manager.next_change(), ["STOPPING=1"]);
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn while_it_drains_it_serves_on_and_says_that_it_is_not_ready() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let manager = Manager::listen(&deployment);
    let environment = [("NOTIFY_SOCKET", manager.path.as_str())];
    let server = deployment.serve_in(&["--drain-seconds", "5"], &environment);
    let scim = server.client("/scim/v2", deployment.first("scim_key"));
    let anonymous = Client::new(&server.base_url, None);
    anonymous.get("/readyz").expect(200);
    server.signal("TERM");
    assert_eq!(manager.next(), ["READY=1"]);
    assert_eq!(manager.next(), ["STOPPING=1"]);
    let answer = anonymous.get("/readyz").expect(503);
    assert_eq!(answer.body["detail"], "the server is stopping");
    let answer = scim.get("/Users?count=0").expect(200);
    assert_eq!(answer.header("connection"), Some("close"));
    let (code, log) = server.wait();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_request_in_flight_is_finished_and_what_was_noted_is_written() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let server = deployment.serve();
    let key = deployment.first("scim_key");
    let mut stream = raw::connect(&server.base_url);
    let body = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"last"}"#;
    let length = body.len();
    raw::write(
        &mut stream,
        &format!(
            "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {length}\r\n\r\n"
        ),
    );
    // The head is there once the connection is told to go on; another request shows that the server has read on.
    let scim = server.client("/scim/v2", key);
    scim.get("/Users?count=0").expect(200);
    server.signal("TERM");
    raw::write(&mut stream, body);
    let answer = raw::read_to_end(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let (code, log) = server.wait();
    assert_eq!(code, Some(0), "{log}");
    let keys = deployment.run(&["scim-key", "list"]);
    assert!(keys["items"][0]["last_used_at"].is_string(), "{keys}");
}

#[test]
fn those_who_watch_have_an_address_of_their_own_where_it_is_set() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .to_string();
    let server = deployment.serve_with(&["--metrics-listen", &address]);
    let watching = Client::new(&format!("http://{address}"), None);
    let text = watching.get("/metrics").expect(200).text;
    assert!(text.contains("portcullis_build_info"), "{text}");
    watching.get("/healthz").expect(200);
    watching.get("/readyz").expect(200);
    watching.get("/scim/v2/Users").expect(404);
    watching.get("/console/").expect(404);
    let main = Client::new(&server.base_url, None);
    main.get("/metrics").expect(404);
    main.get("/readyz").expect(200);
}
