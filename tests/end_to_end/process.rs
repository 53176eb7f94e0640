//! The real binary: several processes may serve one database, and each can be killed.
//!
//! No test lives here.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use portcullis::store::{DatabaseConnection, DatabaseUrl};
use serde_json::Value;

use crate::server::{Client, DatabaseKind, TestDatabase};

/// A database that the binary has set up.
pub struct Deployment {
    database: TestDatabase,
    /// What `init --json` printed.
    pub first: Value,
}

impl Deployment {
    /// A database that nothing is in.
    pub fn empty(kind: DatabaseKind) -> Self {
        Self {
            database: TestDatabase::create(kind),
            first: Value::Null,
        }
    }

    pub fn create(kind: DatabaseKind) -> Self {
        let mut deployment = Self::empty(kind);
        deployment.first = deployment.run(&["init"]);
        deployment
    }

    /// One of the first credentials.
    #[track_caller]
    pub fn first(&self, name: &str) -> &str {
        self.first[name]
            .as_str()
            .unwrap_or_else(|| panic!("init --json prints {name}: {}", self.first))
    }

    /// Where the database and the master key are, where it is SQLite.
    pub fn directory(&self) -> &PathBuf {
        &self.database.directory
    }

    /// As it is named at the command line.
    pub fn database_url(&self) -> String {
        match &self.database.url {
            DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            DatabaseUrl::Postgres(url) => url.clone(),
        }
    }

    /// A connection to the database, past everything.
    pub fn connect(&self) -> DatabaseConnection {
        self.database.url.connect().expect("it can be reached")
    }

    /// Runs a command to its end, which must be a good one, and gives what it prints.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Value {
        let output = self.output(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// What `doctor` finds, with further options; whether it fails is not looked at, since what it finds of the
    /// machine is not the test's.
    pub fn findings(&self, options: &[&str]) -> Vec<Value> {
        let output = self.output(&[&["doctor"], options].concat());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let items = answer["items"].as_array();
        items
            .cloned()
            .unwrap_or_else(|| panic!("doctor: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Runs a command to its end, and gives its exit code and what it says of failures.
    pub fn try_run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.output(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), error)
    }

    /// Runs a command to its end, good or bad, and gives what it prints.
    pub fn output_of(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.output(arguments).stdout).unwrap_or(Value::Null)
    }

    /// Runs a command to its end, which must be a good one, and gives what it shows to people.
    #[track_caller]
    pub fn shown(&self, arguments: &[&str]) -> String {
        let mut command = self.command_for_people(arguments);
        let output = command.output().expect("the binary can be started");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("it is text")
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("the binary can be started")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_for_people(arguments);
        command.arg("--json");
        command
    }

    fn command_for_people(&self, arguments: &[&str]) -> Command {
        let url = self.database_url();
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PORTCULLIS_") {
                command.env_remove(name);
            }
        }
        command
            .env("PORTCULLIS_SCIM_KEY_RATE", "0")
            .env("PORTCULLIS_API_KEY_RATE", "0")
            .env("PORTCULLIS_SESSION_RATE", "0")
            .args(arguments)
            .arg("--data-dir")
            .arg(&self.database.directory)
            .args(["--database-url", &url])
            .stdin(Stdio::null());
        command
    }

    /// Starts a process that serves on a port of its own, and waits until it does.
    pub fn serve(&self) -> Process {
        self.serve_with(&[])
    }

    /// The same with further options.
    pub fn serve_with(&self, options: &[&str]) -> Process {
        self.serve_in(options, &[])
    }

    /// The same with further variables in its environment.
    pub fn serve_in(&self, options: &[&str], environment: &[(&str, &str)]) -> Process {
        let mut command = self.command(&["serve"]);
        if !options.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(options).envs(environment.iter().copied());
        let nowhere = File::create("/dev/null").expect("it is always there");
        Self::start(command, nowhere)
    }

    /// Starts `quickstart`, and gives what it prints too.
    pub fn quickstart(&self) -> (Process, String) {
        let mut command = self.command(&["quickstart"]);
        command.args(["--listen", "127.0.0.1:0"]);
        let path = self.database.directory.join("printed");
        let printed = File::create(&path).expect("there is room");
        let process = Self::start(command, printed);
        let printed = std::fs::read_to_string(&path).expect("it is text");
        (process, printed)
    }

    fn start(mut command: Command, output: File) -> Process {
        let mut child = command
            .args(["--log-format", "json"])
            .env("PORTCULLIS_LOG", "debug")
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        let log = child.stderr.take().expect("it was piped");
        let mut log = BufReader::new(log);
        let mut seen = String::new();
        let base_url = loop {
            let mut line = String::new();
            let length = log.read_line(&mut line).expect("the log can be read");
            assert!(length > 0, "the server has ended: {seen}");
            seen.push_str(&line);
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["message"] == "serving" {
                break entry["url"].as_str().unwrap_or_default().to_owned();
            }
        };
        let log_text = Arc::new(Mutex::new(seen));
        let reader = collect(log, Arc::clone(&log_text));
        Process {
            child,
            base_url,
            log: log_text,
            reader: Some(reader),
        }
    }
}

/// Reads the log on, so that the process never waits for somebody to do so.
fn collect(mut log: BufReader<ChildStderr>, text: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut rest = String::new();
        // What cannot be read was cut off with the process.
        let _ = log.read_to_string(&mut rest);
        text.lock().expect("nobody panicked").push_str(&rest);
    })
}

/// A serving process, killed when dropped.
pub struct Process {
    child: Child,
    /// Without a slash at its end.
    pub base_url: String,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Speaks to paths below one, as an API base, with a bearer token.
    pub fn client(&self, base: &str, token: &str) -> Client {
        Client::new(&format!("{}{base}", self.base_url), Some(token))
    }

    /// Sends it a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("kill can be started");
        assert!(sent.success(), "the server had ended before the signal");
    }

    /// Waits until it has ended by itself. Gives its exit code and its log.
    pub fn wait(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("it was started");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the log is read to its end");
        }
        let log = self.log.lock().expect("nobody panicked").clone();
        (status.code(), log)
    }

    /// Asks it to end as a service manager does. Gives its log, to the last line.
    pub fn stop(self) -> String {
        self.signal("TERM");
        let (code, log) = self.wait();
        assert_eq!(code, Some(0), "{log}");
        log
    }

    /// `kill -9`: it ends wherever it is.
    pub fn kill(mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it was started");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
