//! The configuration of `docs/gateway.md`, in a real nginx before a product that shows what reaches it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use portcullis::config::Settings;
use serde_json::json;

use super::wiki;
use crate::products::{member, token};
use crate::server::{Client, DatabaseKind, TestServer};

/// Where Debian's package puts it is on no ordinary user's path.
const PLACES: [&str; 3] = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"];

/// An nginx that ends with the test.
struct Nginx {
    process: Child,
    directory: PathBuf,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Nginx {
    fn start(locations: &str, port: u16) -> Self {
        let program = PLACES
            .iter()
            .find(|place| Path::new(place).exists())
            .expect("nginx is installed: run the tests by scripts/test");
        let name = format!("portcullis-nginx-{}", uuid::Uuid::now_v7());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).expect("a temporary directory can be made");
        let configuration = directory.join("nginx.conf");
        let text = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log;\n\
             events {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path body;\n\
             proxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\n\
             scgi_temp_path scgi;\nserver {{\nlisten 127.0.0.1:{port};\n{locations}\n}}\n}}\n"
        );
        std::fs::write(&configuration, text).expect("the configuration can be written");
        let process = Command::new(program)
            .args([Path::new("-p"), &directory, Path::new("-c"), &configuration])
            .args(["-e", "error.log"])
            .spawn()
            .expect("nginx starts");
        let nginx = Self { process, directory };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                Instant::now() < deadline,
                "nginx does not listen: {}",
                nginx.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        nginx
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("error.log")).unwrap_or_default()
    }
}

/// A product that answers with the head of the request that reached it.
fn product() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port can be listened on");
    let port = listener.local_addr().expect("it has an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut head = String::new();
            let mut reader = BufReader::new(&stream);
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|n| n > 0) {}
            let length = head.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{head}"
            );
            // A client that has gone away misses nothing.
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    port
}

/// The configuration as it is documented, with the addresses and the credential of this test.
fn documented(server: &TestServer, product: u16, credential: &str) -> String {
    let page = include_str!("../../../docs/gateway.md");
    let (_, rest) = page.split_once("```nginx\n").expect("it is documented");
    let (configuration, _) = rest.split_once("```").expect("it ends");
    let host = server.base_url.trim_start_matches("http://");
    let told = configuration
        .replace("product.internal", &format!("127.0.0.1:{product}"))
        .replace("portcullis.internal", host)
        .replace("pcprd_…", credential);
    assert!(told.contains(credential) && told.contains(host) && !told.contains(".internal"));
    told
}

fn behind_nginx(settings: &mut Settings) {
    settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
}

#[test]
fn nginx_asks_as_it_is_documented_and_the_product_is_told_who_it_is() {
    let server = TestServer::start_with(DatabaseKind::Sqlite, behind_nginx);
    let wiki = wiki(&server);
    let (ada, session) = member(&server, "ada");
    let make = |scope: &str, networks: &[&str]| {
        let body = json!({"name": "x", "product_id": wiki.id, "scopes": [scope], "allowed_networks": networks});
        token(&session, &body).expect(201)
    };
    let reader = make("pages:read", &[]).text_at("/secret");
    let at_home = make("pages:write", &["192.0.2.0/24"]).text_at("/secret");
    let bare = token(&session, &json!({"name": "x"}))
        .expect(201)
        .text_at("/secret");
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port can be listened on");
        free.local_addr().expect("it has an address").port()
    };
    let nginx = Nginx::start(&documented(&server, product(), &wiki.key), port);
    let address = format!("http://127.0.0.1:{port}");
    let ask = |token: Option<&str>, headers: &[(&str, &str)]| {
        Client::new(&address, token).request("GET", "/page?scope=none", headers, b"")
    };

    let forged = [
        ("X-Portcullis-Subject", "somebody-else"),
        ("X-Portcullis-Product-Credential", "pcprd_forged"),
        ("X-Portcullis-Token-Id", "forged"),
    ];
    let passed = ask(Some(&reader), &forged);
    assert_eq!(passed.status, 200, "{}", nginx.log());
    let head = passed.text.to_lowercase();
    assert!(head.starts_with("get /page?scope=none "), "{head}");
    for line in [
        format!("x-portcullis-subject: {}\r\n", ada.id),
        format!("x-portcullis-user: {}\r\n", ada.user_name),
        "x-portcullis-scopes: pages:read\r\n".to_owned(),
    ] {
        assert!(head.contains(&line), "{line}: {head}");
    }
    for withheld in [
        reader.to_lowercase().as_str(),
        "somebody-else",
        "token-id",
        "authorization",
    ] {
        assert!(!head.contains(withheld), "{withheld}: {head}");
    }

    let nobody = ask(None, &[]).expect(401);
    assert_eq!(
        nobody.header("WWW-Authenticate"),
        Some("Bearer realm=\"portcullis\"")
    );
    ask(Some("nonsense"), &[]).expect(401);
    ask(Some(&bare), &[]).expect(403);
    // Where the user is, each proxy adds.
    ask(Some(&at_home), &[("X-Forwarded-For", "192.0.2.7")]).expect(200);
    ask(Some(&at_home), &[("X-Forwarded-For", "203.0.113.9")]).expect(401);
    ask(Some(&at_home), &[]).expect(401);
    // Out with the next request.
    server.scim().delete(&ada.path()).expect(204);
    ask(Some(&reader), &[]).expect(401);
}
