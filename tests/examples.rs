//! The services of `examples/`, each started as its README says and asked as a client asks it: who has a token is
//! let in as far as its scopes go, nobody is let in where Portcullis does not answer, and somebody who leaves is
//! refused at their next request.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test needs and does not get fails the test"
)]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use support::installation::{DatabaseKind, Installation};

/// How often, every 100 ms, a starting service is asked whether it is there.
const ATTEMPTS: usize = 600;

const PASSWORD: &str = "correct horse battery staple";

#[test]
fn the_rust_service_lets_in_whom_it_should() {
    let target = target_directory();
    let mut build = Command::new(env!("CARGO"));
    build
        .args([
            "build",
            "--quiet",
            "--locked",
            "--example",
            "protected_service",
        ])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo can be started").success());
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    let binary = target.join(profile).join("examples/protected_service");
    lets_in_whom_it_should(DatabaseKind::Sqlite, &|| Command::new(&binary));
}

#[test]
fn the_python_service_lets_in_whom_it_should_on_sqlite() {
    let command = || with_file("python3", "examples/python/service.py");
    lets_in_whom_it_should(DatabaseKind::Sqlite, &command);
}

#[test]
fn the_python_service_lets_in_whom_it_should_on_postgresql() {
    let command = || with_file("python3", "examples/python/service.py");
    lets_in_whom_it_should(DatabaseKind::Postgres, &command);
}

#[test]
fn the_node_service_lets_in_whom_it_should() {
    if is_at_hand("node", "--version") {
        lets_in_whom_it_should(DatabaseKind::Sqlite, &|| {
            with_file("node", "examples/node/service.mjs")
        });
    }
}

#[test]
fn the_go_service_lets_in_whom_it_should() {
    if !is_at_hand("go", "version") {
        return;
    }
    let built = Scratch::create();
    let binary = built.path.join("wiki");
    let status = Command::new("go")
        .arg("build")
        .arg("-o")
        .arg(&binary)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/go"))
        .env("GOFLAGS", "-mod=readonly")
        .env("GOCACHE", built.path.join("cache"))
        .status()
        .expect("go can be started");
    assert!(status.success(), "the service does not compile");
    lets_in_whom_it_should(DatabaseKind::Sqlite, &|| Command::new(&binary));
}

fn lets_in_whom_it_should(kind: DatabaseKind, command: &dyn Fn() -> Command) {
    let installation = Installation::create(kind);
    let server = installation.serve(&[]);
    let admin = Portcullis::of(&installation);
    let product = admin.post(
        "/admin/v1/products",
        &json!({
            "name": "wiki", "scopes": ["pages:read", "pages:write"],
        }),
    );
    let product = text(&product, "id");
    let credentials = format!("/admin/v1/products/{product}/credentials");
    let credential = text(
        &admin.post(&credentials, &json!({"name": "wiki server"})),
        "secret",
    );
    let (person, reads) = admin.person_with_token("reader", &product, "pages:read");
    let (_, writes) = admin.person_with_token("writer", &product, "pages:write");
    let service = Service::start(command(), &admin.base_url, &credential);

    let answer = service.ask("GET", None);
    assert_eq!(answer.refusal(), (401, "Bearer"));
    let answer = service.ask("GET", Some("pctok_not_a_token"));
    assert_eq!(answer.refusal(), (401, r#"Bearer error="invalid_token""#));
    let answer = service.ask("GET", Some(&reads));
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        json!({"page": "home", "read_by": "reader@example.com"})
    );
    let answer = service.ask("PUT", Some(&reads));
    assert_eq!(
        answer.refusal(),
        (
            403,
            r#"Bearer error="insufficient_scope", scope="pages:write""#
        )
    );
    assert_eq!(service.ask("PUT", Some(&writes)).status, 204);
    assert_eq!(
        service.ask("GET", Some(&writes)).status,
        200,
        "to write includes to read"
    );

    admin.deactivate(&person);
    let answer = service.ask("GET", Some(&reads));
    assert_eq!(answer.refusal(), (401, r#"Bearer error="invalid_token""#));
    assert_eq!(service.ask("GET", Some(&writes)).status, 200);

    server.stop();
    assert_eq!(service.ask("GET", Some(&writes)).status, 503);
    assert_eq!(service.ask("PUT", Some(&writes)).status, 503);
}

/// Portcullis, with the keys that it gave at first.
struct Portcullis {
    agent: ureq::Agent,
    base_url: String,
    admin_key: String,
    scim_key: String,
    directory: String,
}

impl Portcullis {
    fn of(installation: &Installation) -> Self {
        let scim = installation.credential("scim_base_url");
        let base_url = scim.trim_end_matches("/scim/v2").to_owned();
        let mut portcullis = Self {
            agent: agent(),
            base_url,
            admin_key: installation.credential("admin_api_key").to_owned(),
            scim_key: installation.credential("scim_key").to_owned(),
            directory: String::new(),
        };
        let path = format!(
            "/admin/v1/directories/{}",
            installation.credential("directory_id")
        );
        portcullis.directory = text(&portcullis.get(&path), "name");
        portcullis
    }

    fn get(&self, path: &str) -> Value {
        self.agent
            .get(format!("{}{path}", self.base_url))
            .header("Authorization", format!("Bearer {}", self.admin_key))
            .call()
            .unwrap_or_else(|error| panic!("GET {path}: {error}"))
            .body_mut()
            .read_json()
            .expect("it answers with JSON")
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.post_as(&self.admin_key, path, body)
    }

    fn post_as(&self, key: &str, path: &str, body: &Value) -> Value {
        let text = self
            .agent
            .post(format!("{}{path}", self.base_url))
            .header("Authorization", format!("Bearer {key}"))
            .send_json(body)
            .and_then(|mut answer| answer.body_mut().read_to_string())
            .unwrap_or_else(|error| panic!("POST {path}: {error}"));
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// A person who is provisioned, signs in, and makes a token for the product with one scope.
    fn person_with_token(&self, name: &str, product: &str, scope: &str) -> (String, String) {
        let user_name = format!("{name}@example.com");
        let person = self.post_as(
            &self.scim_key,
            "/scim/v2/Users",
            &json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": user_name,
                "active": true,
            }),
        );
        let person = text(&person, "id");
        let link = self.post(
            &format!("/admin/v1/users/{person}/password-link"),
            &json!({}),
        );
        let set = json!({"link": text(&link, "secret"), "password": PASSWORD});
        self.post("/account/v1/password", &set);
        let session = self.post(
            "/account/v1/session",
            &json!({
                "directory": self.directory, "user_name": user_name, "password": PASSWORD,
            }),
        );
        let token = self.post_as(
            &text(&session, "token"),
            "/account/v1/tokens",
            &json!({
                "name": "laptop", "product_id": product, "scopes": [scope],
            }),
        );
        (person, text(&token, "secret"))
    }

    /// As an identity provider does it.
    fn deactivate(&self, person: &str) {
        let answer = self
            .agent
            .patch(format!("{}/scim/v2/Users/{person}", self.base_url))
            .header("Authorization", format!("Bearer {}", self.scim_key))
            .send_json(json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "replace", "value": {"active": false}}],
            }))
            .expect("the person can be deactivated");
        assert_eq!(answer.status(), 200);
    }
}

/// A service of `examples/`, killed when dropped.
struct Service {
    process: Child,
    base_url: String,
    _files: Scratch,
}

struct Answer {
    status: u16,
    challenge: String,
    body: Value,
}

impl Answer {
    fn refusal(&self) -> (u16, &str) {
        (self.status, &self.challenge)
    }
}

impl Service {
    fn start(mut command: Command, portcullis: &str, credential: &str) -> Self {
        let files = Scratch::create();
        let credential_file = files.path.join("credential");
        fs::write(&credential_file, format!("{credential}\n")).expect("a file can be written");
        let address = free_address();
        let process = command
            .env("PORTCULLIS_URL", portcullis)
            .env("PORTCULLIS_CREDENTIAL_FILE", &credential_file)
            .env("LISTEN", &address)
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null())
            .spawn()
            .expect("the service can be started");
        let mut service = Self {
            process,
            base_url: format!("http://{address}"),
            _files: files,
        };
        service.wait_until_there();
        service
    }

    fn wait_until_there(&mut self) {
        for _ in 0..ATTEMPTS {
            if agent()
                .get(format!("{}/healthz", self.base_url))
                .call()
                .is_ok()
            {
                return;
            }
            let ended = self.process.try_wait().expect("the service can be asked");
            assert!(ended.is_none(), "the service ended");
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the service does not start");
    }

    fn ask(&self, method: &str, token: Option<&str>) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/pages/home", self.base_url));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let request = request.body(()).expect("it is a request");
        let mut answer = agent().run(request).expect("the service answers");
        let challenge = answer
            .headers()
            .get("www-authenticate")
            .map(|value| value.to_str().expect("it is text").to_owned());
        Answer {
            status: answer.status().as_u16(),
            challenge: challenge.unwrap_or_default(),
            body: answer.body_mut().read_json().unwrap_or_default(),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A directory of one test, removed when dropped.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn create() -> Self {
        let name = format!("portcullis_example_{}", Uuid::now_v7().simple());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a temporary directory can be created");
        Self { path }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of a temporary directory harms nobody.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("there is no {name} in {value}"))
        .to_owned()
}

fn with_file(program: &str, file: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
    command
}

/// Whether a language is there; says so where it is not, since the test is left out then.
fn is_at_hand(program: &str, question: &str) -> bool {
    let is_there = Command::new(program)
        .arg(question)
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !is_there {
        eprintln!("left out, since {program} is not on this machine");
    }
    is_there
}

/// The directory that this test was built into.
fn target_directory() -> PathBuf {
    let test = std::env::current_exe().expect("the test knows where it is");
    test.ancestors()
        .nth(3)
        .expect("a test is in target/PROFILE/deps")
        .to_path_buf()
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("there is a free port")
        .to_string()
}
