//! Settings of the real binary: arguments, environment and file, secrets in files, and what is shown of them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use uuid::Uuid;

const SECRET: &str = "s3cret";

/// Variables of the environment and their values.
type Environment<'a> = &'a [(&'a str, &'a str)];

/// A directory with files in it, removed when dropped.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-{}", Uuid::now_v7()));
        std::fs::create_dir(&path).expect("a temporary directory can be made");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file can be written there");
        path.display().to_string()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left of a temporary directory harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the binary with nothing in its environment but this, and sees that it shows no secret.
fn run(arguments: &[&str], environment: Environment<'_>, directory: &Path) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(directory)
        .output()
        .expect("the binary can be started");
    for stream in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(stream);
        assert!(!text.contains(SECRET), "{text}");
    }
    output
}

/// The line that it ends with, and its exit code.
fn failure(
    arguments: &[&str],
    environment: Environment<'_>,
    files: &Files,
) -> (String, Option<i32>) {
    let output = run(arguments, environment, &files.0);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    (text, output.status.code())
}

/// What `config show` says of these settings: value, source, and what gives it.
fn shown(arguments: &[&str], environment: Environment<'_>, files: &Files, names: &[&str]) -> Value {
    let arguments = [&["config", "show", "--json"], arguments].concat();
    let output = run(&arguments, environment, &files.0);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let items = answer["items"].as_array().expect("it is a list");
    let of = |name: &&str| {
        let item = items.iter().find(|item| item["setting"] == *name);
        let item = item.unwrap_or_else(|| panic!("{name} is not among {items:?}"));
        json!([item["value"], item["source"], item["given_by"]])
    };
    names.iter().map(of).collect()
}

#[test]
fn arguments_go_before_the_environment_that_before_the_file_and_that_before_the_defaults() {
    let files = Files::new();
    let file = files.write(
        "portcullis.toml",
        "listen = \"127.0.0.1:1\"\npublic-url = \"https://file.example\"\ndata-dir = \"from-file\"\n\
         [limits]\nmax-body = 2000\n",
    );
    let environment = [
        ("PORTCULLIS_CONFIG", file.as_str()),
        ("PORTCULLIS_LISTEN", "127.0.0.1:2"),
        ("PORTCULLIS_PUBLIC_URL", "https://environment.example"),
        ("PORTCULLIS_DATA_DIR", ""),
    ];
    let names = [
        "listen",
        "public-url",
        "data-dir",
        "limits.max-body",
        "log-format",
    ];
    let found = shown(&["--listen", "127.0.0.1:3"], &environment, &files, &names);
    let in_line = |line: u32| format!("{file} line {line}");
    let expected = json!([
        ["127.0.0.1:3", "argument", "--listen"],
        [
            "https://environment.example",
            "environment",
            "PORTCULLIS_PUBLIC_URL"
        ],
        ["from-file", "file", in_line(3)],
        ["2000", "file", in_line(5)],
        ["text", "default", null],
    ]);
    assert_eq!(found, expected);
}

#[test]
fn a_secret_in_a_file_is_used_and_not_shown() {
    let files = Files::new();
    let url = format!("postgres://user:{SECRET}@127.0.0.1:1/portcullis?sslpassword={SECRET}\r\n");
    let url = files.write("database-url", &url);
    let environment = [
        ("PORTCULLIS_DATABASE_URL_FILE", url.as_str()),
        ("PORTCULLIS_MASTER_KEY", &"0f".repeat(32)),
    ];
    let names = ["database-url", "database-url-file", "PORTCULLIS_MASTER_KEY"];
    let found = shown(&[], &environment, &files, &names);
    let expected = json!([
        [
            "postgres://user:(hidden)@127.0.0.1:1/portcullis?(hidden)",
            "default",
            null
        ],
        [url, "environment", "PORTCULLIS_DATABASE_URL_FILE"],
        ["(hidden)", "environment", "PORTCULLIS_MASTER_KEY"],
    ]);
    assert_eq!(found, expected);
    // It is that database which cannot be reached.
    let (text, code) = failure(&["migrate"], &environment, &files);
    assert!(
        text.contains("no connection to the database could be made"),
        "{text}"
    );
    assert_eq!(code, Some(1));
}

#[test]
fn a_secret_and_its_file_at_once_and_a_file_that_cannot_be_read_are_refused() {
    let files = Files::new();
    let url = format!("postgres://user:{SECRET}@127.0.0.1:1/portcullis");
    let file = files.write("secret", SECRET);
    let absent = files.0.join("absent").display().to_string();
    let key = "0f".repeat(32);
    let cases: [(Environment<'_>, &str); 6] = [
        (
            &[
                ("PORTCULLIS_DATABASE_URL", &url),
                ("PORTCULLIS_DATABASE_URL_FILE", &file),
            ],
            "database-url and database-url-file are both given",
        ),
        (
            &[
                ("PORTCULLIS_MASTER_KEY", &key),
                ("PORTCULLIS_MASTER_KEY_FILE", &file),
            ],
            "PORTCULLIS_MASTER_KEY and master-key-file are both given",
        ),
        (
            &[("PORTCULLIS_PREVIOUS_MASTER_KEY_FILE", &absent)],
            &format!("previous-master-key-file: {absent} cannot be read"),
        ),
        (
            &[("PORTCULLIS_MASTER_KEY_FILE", &file)],
            "PORTCULLIS_MASTER_KEY, or the file of master-key-file, must be 64 hexadecimal digits",
        ),
        (
            &[("PORTCULLIS_DATABASE_URL_FILE", &file)],
            "database-url must be sqlite:PATH or postgres://",
        ),
        (
            &[("PORTCULLIS_SMTP_URL_FILE", &file)],
            "smtp-url must be smtps://",
        ),
    ];
    for (environment, message) in cases {
        let (text, code) = failure(&["config", "show"], environment, &files);
        assert!(text.contains(message), "{text}");
        assert_eq!(code, Some(2), "{text}");
    }
}

#[test]
fn a_password_in_the_url_of_a_collector_is_not_shown_and_can_be_in_a_file() {
    let files = Files::new();
    let url = format!("https://{SECRET}:{SECRET}@otlp.example.org/v1?key={SECRET}");
    let names = ["server.otlp-endpoint"];
    let environment = [("PORTCULLIS_OTLP_ENDPOINT", url.as_str())];
    let shown_as = "https://(hidden):(hidden)@otlp.example.org/v1?(hidden)";
    assert_eq!(
        shown(&[], &environment, &files, &names),
        json!([[shown_as, "environment", "PORTCULLIS_OTLP_ENDPOINT"]])
    );
    let file = files.write("otlp-endpoint", &format!("{SECRET}\n"));
    let environment = [("PORTCULLIS_OTLP_ENDPOINT_FILE", file.as_str())];
    let (text, code) = failure(&["config", "show"], &environment, &files);
    assert!(text.contains("otlp-endpoint must be the URL"), "{text}");
    assert_eq!(code, Some(2));
}

#[test]
fn a_command_that_is_led_to_no_database_says_so_and_makes_none() {
    let files = Files::new();
    let absent = files.0.join("absent");
    let data_dir = absent.display().to_string();
    for command in [
        &["directory", "list"][..],
        &["scim-key", "list"],
        &["api-key", "list"],
        &["orphaned-key", "list"],
        &["user", "list"],
        &["role", "list"],
        &["policy", "list"],
        &["product", "list"],
        &["service-account", "list"],
        &["signing-key", "list"],
        &["master-key", "rotate"],
        &["audit", "verify"],
        &["notice", "list"],
        &["webhook", "list"],
        &["import", "--directory", "default", "people.ndjson"],
        &["export", "--directory", "default", "people.ndjson"],
        &["backup", "portcullis.backup"],
        &["restore", "--by-other-means", "--yes"],
    ] {
        let arguments = [command, &["--data-dir", &data_dir]].concat();
        let (text, code) = failure(&arguments, &[], &files);
        assert!(
            text.contains(&format!(
                "there is no database at {data_dir}/portcullis.sqlite"
            )),
            "{command:?}: {text}"
        );
        assert_eq!(code, Some(2), "{command:?}: {text}");
        assert!(!absent.exists(), "{command:?}");
    }
    // Where the database is elsewhere, no second master key is made.
    let url = files.write("portcullis.sqlite", "");
    let url = format!("sqlite:{url}");
    let arguments = [
        "user",
        "list",
        "--data-dir",
        &data_dir,
        "--database-url",
        &url,
    ];
    let (text, code) = failure(&arguments, &[], &files);
    assert!(text.contains("there is no master.key in"), "{text}");
    assert_eq!(code, Some(2));
    assert!(!absent.exists());
}

#[test]
fn a_setting_that_cannot_be_taken_says_where_it_is_said() {
    let files = Files::new();
    let file = files.write("portcullis.toml", "\n[limits]\nmax-body = 1\n");
    let wrong_key = files.write("wrong.toml", "[limits]\nmax-bodyy = 1\n");
    let cases: [(&[&str], Environment<'_>, String); 3] = [
        (&["--config", &file], &[], format!("({file} line 3)")),
        (
            &["--config", &wrong_key],
            &[],
            format!(
                "{wrong_key} line 2: there is no setting max-bodyy in [limits]; the nearest is max-body"
            ),
        ),
        (
            &[],
            &[("PORTCULLIS_MAX_BODY", "x")],
            "(PORTCULLIS_MAX_BODY)".to_owned(),
        ),
    ];
    for (arguments, environment, message) in cases {
        let arguments = [&["doctor"], arguments].concat();
        let (text, code) = failure(&arguments, environment, &files);
        assert!(text.contains(&message), "{text}");
        assert_eq!(code, Some(2), "{text}");
    }
}
