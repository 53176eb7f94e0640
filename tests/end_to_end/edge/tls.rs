//! TLS by the server itself: which versions, new certificates without a restart, and what is said over http.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use serde_json::{Value, json};

use crate::process::{Deployment, Process};
use crate::server::{Client, DatabaseKind};

use super::raw;

/// How often, every 100 ms, it is looked whether something has come about.
const ATTEMPTS: usize = 600;

/// A certificate for this machine, and its key.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn new() -> Self {
        Self::until(2100)
    }

    /// That expires at the beginning of a year.
    fn until(year: i32) -> Self {
        let key = KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut parameters = CertificateParams::new(names).expect("names");
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(year, 1, 1);
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    fn write(&self, directory: &Path) -> Files {
        let files = Files {
            certificate: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
        };
        fs::write(&files.certificate, &self.certificate).expect("the certificate is written");
        fs::write(&files.key, &self.key).expect("the key is written");
        files
    }
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn options(&self) -> [String; 4] {
        [
            "--tls-certificate".to_owned(),
            self.certificate.display().to_string(),
            "--tls-key".to_owned(),
            self.key.display().to_string(),
        ]
    }
}

fn serve(deployment: &Deployment, files: &Files, further: &[&str]) -> Process {
    let options = files.options();
    let mut options: Vec<&str> = options.iter().map(String::as_str).collect();
    options.extend_from_slice(further);
    deployment.serve_with(&options)
}

/// One request over TLS to a server that has this certificate; the error says why there is no answer.
fn ask(
    base_url: &str,
    trusted: &Pair,
    versions: &[&'static SupportedProtocolVersion],
    request: &str,
) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(trusted.certificate.as_bytes());
    roots
        .add(certificate.expect("a certificate"))
        .expect("it can be trusted");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("the versions are known")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
    let stream = raw::connect(base_url);
    let mut stream = StreamOwned::new(connection, stream);
    stream
        .write_all(request.as_bytes())
        .map_err(|error| error.to_string())?;
    let answer = raw::read_answer(&mut stream);
    assert_eq!(stream.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    Ok(answer)
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const METRICS: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12, &rustls::version::TLS13];

/// Waits until a question over TLS has the answer that is wanted.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..ATTEMPTS {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{what} does not come about");
}

#[test]
fn it_is_served_over_tls_1_2_and_1_3_and_not_in_the_clear() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let pair = Pair::new();
    let server = serve(&deployment, &pair.write(deployment.directory()), &[]);
    assert!(
        server.base_url.starts_with("https://"),
        "{}",
        server.base_url
    );
    for version in BOTH {
        let answer = ask(&server.base_url, &pair, &[version], HEALTH).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let head = answer.to_lowercase();
        assert!(
            head.contains("strict-transport-security: max-age=63072000"),
            "{answer}"
        );
    }
    let mut plain = raw::connect(&server.base_url);
    raw::write(&mut plain, HEALTH);
    let answer = raw::read_to_end(&mut plain);
    assert!(!answer.contains("HTTP/1.1"), "{answer}");
    let stranger = ask(&server.base_url, &Pair::new(), BOTH, HEALTH);
    assert!(stranger.is_err(), "{stranger:?}");
    let metrics = ask(&server.base_url, &pair, BOTH, METRICS).expect("an answer");
    assert!(
        metrics.contains("portcullis_tls_certificate_expiry_timestamp_seconds 4102444800\n"),
        "{metrics}"
    );
}

#[test]
fn a_new_certificate_is_served_without_a_restart_and_a_bad_one_is_not() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let (first, second) = (Pair::new(), Pair::until(2090));
    let files = first.write(deployment.directory());
    let server = serve(&deployment, &files, &[]);
    ask(&server.base_url, &first, BOTH, HEALTH).expect("an answer");

    second.write(deployment.directory());
    server.signal("HUP");
    until("the new certificate", || {
        ask(&server.base_url, &second, BOTH, HEALTH).is_ok()
    });

    // The key of another certificate, and no certificate at all.
    for (file, text) in [
        (&files.key, first.key.as_str()),
        (&files.certificate, "no certificate"),
    ] {
        fs::write(file, text).expect("the file is written");
        server.signal("HUP");
        let shown = "portcullis_tls_certificate_refused 1\n";
        until("the refusal", || {
            let metrics = ask(&server.base_url, &second, BOTH, METRICS);
            metrics.expect("the old one is served").contains(shown)
        });
    }

    // Without a signal it takes a few seconds.
    first.write(deployment.directory());
    until("the certificate that was there first", || {
        ask(&server.base_url, &first, BOTH, HEALTH).is_ok()
    });
    let metrics = ask(&server.base_url, &first, BOTH, METRICS).expect("an answer");
    assert!(
        metrics.contains("portcullis_tls_certificate_refused 0\n"),
        "{metrics}"
    );
    let log = server.stop();
    assert!(
        log.contains("is not that of the certificate in"),
        "the mismatch is not logged: {log}"
    );
    assert!(!log.contains("PRIVATE KEY"), "{log}");
}

#[test]
fn files_that_cannot_be_served_with_are_named_and_end_the_process() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let (one, other) = (Pair::new(), Pair::new());
    let files = one.write(deployment.directory());
    let outcome = |files: &Files| {
        let options = files.options();
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0"];
        arguments.extend(options.iter().map(String::as_str));
        deployment.try_run(&arguments)
    };
    let missing = Files {
        certificate: files.certificate.clone(),
        key: deployment.directory().join("missing.pem"),
    };
    let (code, text) = outcome(&missing);
    assert_eq!(code, Some(2));
    assert!(text.contains("missing.pem cannot be read"), "{text}");

    fs::write(&files.key, &other.key).expect("the key is written");
    let (code, text) = outcome(&files);
    assert_eq!(code, Some(2));
    assert!(text.contains("is not that of the certificate in"), "{text}");

    fs::write(
        &files.key,
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
    )
    .expect("the key is written");
    let (code, text) = outcome(&files);
    assert_eq!(code, Some(2));
    assert!(text.contains("must be PEM with one private key"), "{text}");
    assert!(!text.contains("c2VjcmV0"), "{text}");

    fs::write(&files.certificate, "").expect("the certificate is written");
    let (code, text) = outcome(&files);
    assert_eq!(code, Some(2));
    assert!(text.contains("must be PEM with a certificate"), "{text}");
}

#[test]
fn the_doctor_says_when_the_certificate_expires() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let finding = |pair: &Pair| {
        let options = pair.write(deployment.directory()).options();
        let mut arguments = vec!["doctor"];
        arguments.extend(options.iter().map(String::as_str));
        let findings = deployment.output_of(&arguments);
        let findings = findings["items"].as_array().expect("findings").clone();
        findings
            .into_iter()
            .find(|finding| finding["check"] == "certificate")
            .expect("the certificate was looked at")
    };
    assert_eq!(
        finding(&Pair::until(2100)),
        json!({
            "check": "certificate",
            "verdict": "good",
            "detail": "it expires at 2100-01-01T00:00:00.000Z",
            "to_do": null,
        })
    );
    assert_eq!(
        finding(&Pair::until(2021)),
        json!({
            "check": "certificate",
            "verdict": "problem",
            "detail": "it has expired at 2021-01-01T00:00:00.000Z",
            "to_do": "put a new one in its place; no restart is needed",
        })
    );
}

#[test]
fn over_http_browsers_are_sent_on_and_nothing_that_is_secret_is_taken() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let pair = Pair::new();
    let files = pair.write(deployment.directory());
    let address = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .to_string();
    let server = serve(&deployment, &files, &["--http-redirect", &address]);
    let client = Client::new(&format!("http://{address}"), None);

    let answer = client.get("/console/keys?kind=scim-keys").expect(308);
    let there = format!("{}/console/keys", server.base_url);
    assert_eq!(answer.header("location"), Some(there.as_str()));
    assert_eq!(answer.header("strict-transport-security"), None);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let id = answer
        .header("x-request-id")
        .expect("it has one")
        .to_owned();
    let answer = client.get("//evil.example/x").expect(308);
    let there = format!("{}//evil.example/x", server.base_url);
    assert_eq!(answer.header("location"), Some(there.as_str()));

    let key = deployment.first("scim_key");
    let with_secret = Client::new(&format!("http://{address}"), Some(key));
    let cookie = [("Cookie", "portcullis=x")];
    for answer in [
        with_secret.get("/scim/v2/Users"),
        client.request("GET", "/console/", &cookie, b""),
        client.post("/oauth2/introspect", &json!({"token": "x"})),
        client.delete("/scim/v2/Users/x"),
    ] {
        let answer = answer.expect(403);
        assert_eq!(answer.header("location"), None);
        assert_eq!(answer.body["type"], "urn:portcullis:problem:forbidden");
        assert!(
            answer.text.contains("rotate a secret that was sent here"),
            "{}",
            answer.text
        );
    }
    let link = deployment.first("setup_url");
    let (_, link) = link.split_once("link=").expect("it has a link");
    for query in [
        format!("link={link}"),
        format!("next={key}"),
        "x=1&LINK=mistyped".to_owned(),
    ] {
        let answer = client
            .get(&format!("/console/password?{query}"))
            .expect(403);
        assert_eq!(answer.header("location"), None);
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(
            answer.text.contains("This link was sent unencrypted"),
            "{}",
            answer.text
        );
        assert!(!answer.text.contains(link), "{}", answer.text);
    }
    let log = server.stop();
    assert!(log.contains("a credential was sent over http"), "{log}");
    assert!(!log.contains(key), "{log}");
    assert!(!log.contains(link), "{log}");
    let entry = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["id"] == id.as_str())
        .expect("the redirect is logged");
    assert_eq!(entry["message"], "request");
    assert_eq!(entry["status"], 308);
    assert_eq!(entry["client"], "127.0.0.1");
}

#[test]
fn a_client_that_does_not_greet_is_cut_off() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let files = Pair::new().write(deployment.directory());
    let server = serve(&deployment, &files, &["--request-head-seconds", "1"]);
    let mut stream: TcpStream = raw::connect(&server.base_url);
    let mut nothing = [0; 1];
    assert_eq!(stream.read(&mut nothing).expect("it is closed"), 0);
}
