//! Those who are told: an HTTP server that keeps what it gets, and a real mail server. No test lives here.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long something may take before a test fails that waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What comes to be, sooner or later.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: it has not come to be");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The Python that `scripts/test` sets up, with what tests need of other people's implementations.
fn python() -> Command {
    let variable = "PORTCULLIS_TEST_SCIM2_TESTER";
    let program = std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests by scripts/test"));
    Command::new(program)
}

fn script(name: &str) -> String {
    format!(
        "{}/tests/end_to_end/notices/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// A request that a [`Receiver`] has got.
#[derive(Debug, Clone)]
pub struct Received {
    /// When it was there as a whole.
    pub at: Instant,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    pub text: String,
    pub body: Value,
}

impl Received {
    pub fn kind(&self) -> &str {
        self.body["type"].as_str().expect("a type")
    }

    /// Whether the reference implementation takes the signature under this secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let message = json!({"secret": secret, "headers": self.headers, "body": self.text});
        let mut verifier = python()
            .arg(script("verify_webhook.py"))
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python can be started");
        let mut stdin = verifier.stdin.take().expect("it was piped");
        stdin
            .write_all(message.to_string().as_bytes())
            .expect("Python reads");
        drop(stdin);
        verifier.wait().expect("it ends").success()
    }
}

/// An HTTP server that keeps what it gets and answers with a status that can be changed.
pub struct Receiver {
    pub url: String,
    status: Arc<AtomicU16>,
    requests: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let status = Arc::new(AtomicU16::new(204));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let receiver = Self {
            url: format!("http://{address}/hook?token=kept"),
            status: Arc::clone(&status),
            requests: Arc::clone(&requests),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hangs up early is none to be answered.
                let _ = answer(stream, &status, &requests);
            }
        });
        receiver
    }

    /// What it answers from now on.
    pub fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub fn requests(&self) -> Vec<Received> {
        self.requests.lock().expect("nobody panicked").clone()
    }

    /// The requests, once there are so many.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} requests"), || {
            let requests = self.requests();
            (requests.len() >= count).then_some(requests)
        })
    }
}

fn answer(
    stream: TcpStream,
    status: &AtomicU16,
    requests: &Mutex<Vec<Received>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    reader.read_line(&mut line)?;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let text = String::from_utf8_lossy(&body).into_owned();
    requests.lock().expect("nobody panicked").push(Received {
        at: Instant::now(),
        headers,
        body: serde_json::from_str(&text).unwrap_or_default(),
        text,
    });
    let status = status.load(Ordering::SeqCst);
    write!(
        reader.into_inner(),
        "HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n"
    )
}

/// A mail server of another implementation.
pub struct MailServer {
    pub port: u16,
    process: Child,
    orders: ChildStdin,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl MailServer {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// One that asks for STARTTLS and the password `open sesame`, and writes the certificate to trust there.
    pub fn start_guarded(certificate: &Path) -> Self {
        Self::start_with(&[certificate.as_os_str()])
    }

    fn start_with(arguments: &[&OsStr]) -> Self {
        let mut process = python()
            .arg(script("smtp_receiver.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python can be started");
        let orders = process.stdin.take().expect("it was piped");
        let mut output = BufReader::new(process.stdout.take().expect("it was piped"));
        let mut port = String::new();
        output.read_line(&mut port).expect("it says its port");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("a line of JSON");
                kept.lock().expect("nobody panicked").push(line);
            }
        });
        Self {
            port: port.trim().parse().expect("a port"),
            process,
            orders,
            lines,
        }
    }

    /// Whether it takes the mails that follow.
    #[track_caller]
    pub fn order(&mut self, what: &str) {
        writeln!(self.orders, "{what}").expect("it listens");
        eventually("the mail server obeys", || {
            let lines = self.lines.lock().expect("nobody panicked");
            let last = lines.iter().rev().find(|line| !line["obeyed"].is_null());
            last.is_some_and(|line| line["obeyed"] == what)
                .then_some(())
        });
    }

    /// What it has taken.
    pub fn mails(&self) -> Vec<Value> {
        let lines = self.lines.lock().expect("nobody panicked");
        lines
            .iter()
            .filter(|line| line["obeyed"].is_null())
            .cloned()
            .collect()
    }

    /// The mails to an address, once there are so many.
    #[track_caller]
    pub fn wait_for(&self, address: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{count} mails to {address}"), || {
            let mails = self.mails_to(address);
            (mails.len() >= count).then_some(mails)
        })
    }

    pub fn mails_to(&self, address: &str) -> Vec<Value> {
        let mut mails = self.mails();
        mails.retain(|mail| mail["to"] == json!([address]));
        mails
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
