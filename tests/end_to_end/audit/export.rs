//! Audit events as lines: all that there are, or as they happen.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{hire, items, lines};
use crate::server::TestServer;

on_both_databases!(
    an_export_holds_every_event_once_in_the_order_of_the_chain,
    |server| {
        // More than are read from the database at a time.
        for number in 0..12 {
            hire(server, &format!("person{number}"));
        }
        let answer = server.admin().get("/audit-events/export").expect(200);
        assert_eq!(answer.header("Content-Type"), Some("application/x-ndjson"));
        let exported = lines(&answer.text);
        let positions: Vec<i64> = exported
            .iter()
            .filter_map(|event| event["position"].as_i64())
            .collect();
        let count = i64::try_from(exported.len()).expect("they are few");
        assert_eq!(positions, (1..=count).collect::<Vec<_>>());

        let listed = items(server, "/audit-events?limit=1000");
        let mut without_place: Vec<Value> = exported.clone();
        for event in &mut without_place {
            let members = event.as_object_mut().expect("an object");
            members.remove("position");
            members.remove("hash");
        }
        without_place.sort_by_key(|event| event["id"].to_string());
        without_place.reverse();
        assert_eq!(without_place, listed);

        // What an auditor keeps is what the chain is compared with later.
        let head = exported[exported.len() - 1]["hash"]
            .as_str()
            .expect("a hash");
        let report = server
            .admin()
            .get(&format!("/audit-events/verify?head={head}"))
            .expect(200)
            .body;
        assert_eq!(report["verified"], true, "{report}");
        assert_eq!(report["noted_head_position"], count);
    }
);

on_both_databases!(an_export_holds_what_is_asked_for, |server| {
    let ada = hire(server, "ada");
    hire(server, "grace");
    let path = format!("/audit-events/export?user_id={ada}&action=resource.created");
    let exported = lines(&server.admin().get(&path).expect(200).text);
    assert_eq!(exported.len(), 1);
    assert_eq!(exported[0]["target"]["id"], ada);
});

/// The answer to a request that goes on.
struct Stream {
    connection: TcpStream,
    text: String,
}

impl Stream {
    fn open(server: &TestServer, path: &str, token: &str) -> Self {
        let address = server.base_url.trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).expect("the server answers");
        connection
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a time limit can be set");
        let request = format!(
            "GET /admin/v1{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        connection
            .write_all(request.as_bytes())
            .expect("the request is sent");
        Self {
            connection,
            text: String::new(),
        }
    }

    /// Reads until this has been sent.
    fn read_until(&mut self, expected: &str) {
        while !self.text.contains(expected) {
            assert!(self.read(), "{expected} is not in {}", self.text);
        }
    }

    /// Reads until the server closes, and says whether the answer was brought to its end.
    fn ends_whole(mut self) -> bool {
        while !self.text.ends_with("\r\n0\r\n\r\n") {
            if !self.read() {
                return false;
            }
        }
        true
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let length = self.connection.read(&mut buffer).unwrap_or_default();
        self.text
            .push_str(&String::from_utf8_lossy(&buffer[..length]));
        length > 0
    }
}

const FOLLOW: &str = "/audit-events/export?follow=true";

/// An API key that may read the audit events, and its id.
fn auditors_key(server: &TestServer) -> (String, String) {
    let body = json!({"name": "Auditor", "scopes": ["audit:read"]});
    let key = server.admin().post("/api-keys", &body).expect(201);
    (key.text_at("/secret"), key.id())
}

on_both_databases!(
    who_follows_hears_of_what_happens_until_their_key_is_revoked,
    |server| {
        let (secret, id) = auditors_key(server);
        let mut stream = Stream::open(server, FOLLOW, &secret);
        stream.read_until(&id);
        let ada = hire(server, "ada");
        stream.read_until(&ada);
        server
            .admin()
            .delete(&format!("/api-keys/{id}"))
            .expect(204);
        assert!(!stream.ends_whole(), "it breaks off");
    }
);

on_both_databases!(
    who_follows_hears_nothing_more_once_they_have_no_right_to,
    |server| {
        let person = crate::people::Leaver::arrange(server, "auditor");
        let session = &person.sessions[0];
        let mut stream = Stream::open(server, FOLLOW, session);
        stream.read_until(&person.person.id);
        let path = format!("/users/{}/deprovision", person.person.id);
        server.admin().post(&path, &Value::Null).expect(200);
        assert!(!stream.ends_whole(), "it breaks off");
    }
);

on_both_databases!(no_more_than_some_follow_at_once, |server| {
    let streams: Vec<Stream> = (0..16)
        .map(|_| {
            let mut stream = Stream::open(server, FOLLOW, &server.admin_key);
            stream.read_until("directory.created");
            stream
        })
        .collect();
    server.admin().get(FOLLOW).expect(503);
    drop(streams);
});
