//! A Chromium without a window, driven over `WebDriver`.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// <https://github.com/dequelabs/axe-core>, unchanged; its licence is beside it.
const AXE: &str = include_str!("axe-core-4.14.1.min.js");
/// How often, every 100 ms, the driver is asked for a session.
const ATTEMPTS: usize = 100;
/// How long something may take to show.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub width: u32,
    pub is_dark: bool,
}

impl Look {
    pub const WIDE: Self = Self {
        width: 1280,
        is_dark: false,
    };
    /// The narrowest and a wide one, each in both themes.
    pub const ALL: [Self; 4] = [
        Self::WIDE,
        Self {
            width: 1280,
            is_dark: true,
        },
        Self {
            width: 360,
            is_dark: false,
        },
        Self {
            width: 360,
            is_dark: true,
        },
    ];

    fn name(self) -> String {
        let theme = if self.is_dark { "dark" } else { "light" };
        format!("{}-{theme}", self.width)
    }
}

/// The process that starts browsers and ends them with itself.
struct Driver(Child);

impl Driver {
    fn start(port: u16) -> Self {
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(process.expect("chromedriver is installed: run the tests with ./scripts/test"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Killed only where it does not end when it is asked to.
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        for _ in 0..50 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What speaks to the driver beside the client.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

/// A browser, and the driver that it hangs on; both end when it is dropped.
pub struct Browser {
    pub client: Client,
    look: Look,
    /// Where the driver knows it.
    session: String,
    _driver: Driver,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A driver that ends leaves its browsers running.
        let _ = agent().delete(&self.session).call();
    }
}

impl Browser {
    pub async fn open(look: Look) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("there is a free port")
            .port();
        let driver = Driver::start(port);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities(look));
        let address = format!("http://127.0.0.1:{port}");
        for _ in 0..ATTEMPTS {
            if let Ok(client) = builder.connect(&address).await {
                let id = client.session_id().await.expect("the session is known");
                return Self {
                    session: format!("{address}/session/{}", id.unwrap_or_default()),
                    client,
                    look,
                    _driver: driver,
                };
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("Chromium does not start");
    }

    /// Lets the pages of an origin write to the clipboard and read it.
    pub async fn may_use_the_clipboard(&self, origin: &str) {
        let command = json!({
            "cmd": "Browser.grantPermissions",
            "params": {"origin": origin, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
        });
        let path = format!("{}/goog/cdp/execute", self.session);
        let sent = tokio::task::spawn_blocking(move || {
            let request = agent().post(&path);
            let request = request.header("Content-Type", "application/json");
            request.send(command.to_string()).map(|_| ())
        });
        let sent = sent.await.expect("it runs to its end");
        sent.expect("the driver lets them");
    }

    pub async fn go(&self, url: &str) {
        self.client.goto(url).await.expect("the page can be opened");
    }

    /// Waits for an element.
    pub async fn wait(&self, css: &str) -> fantoccini::elements::Element {
        let waiting = self.client.wait().at_most(PATIENCE);
        match waiting.for_element(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => panic!("no {css}: {error}: {}", self.text().await),
        }
    }

    pub async fn fill(&self, name: &str, text: &str) {
        let field = self.wait(&format!("main [name=\"{name}\"]")).await;
        field.clear().await.expect("the field can be emptied");
        field
            .send_keys(text)
            .await
            .expect("the field can be filled in");
    }

    pub async fn choose(&self, name: &str, value: &str) {
        let option = format!("main [name=\"{name}\"] option[value=\"{value}\"]");
        self.wait(&option)
            .await
            .click()
            .await
            .expect("it can be chosen");
    }

    /// Clicks a link or a button of the page by what it says, and waits until the next page is there.
    pub async fn click(&self, label: &str) {
        let path = format!(
            "//*[self::a or self::button or self::summary][normalize-space()=\"{label}\"][not(@hidden)]"
        );
        let waiting = self.client.wait().at_most(PATIENCE);
        let element = match waiting.for_element(Locator::XPath(&path)).await {
            Ok(element) => element,
            Err(error) => panic!("no {label:?} to click: {error}: {}", self.text().await),
        };
        element.click().await.expect("it can be clicked");
    }

    /// Waits until the page says something.
    pub async fn says(&self, text: &str) {
        let path = format!("//body[contains(normalize-space(.), \"{text}\")]");
        let waiting = self.client.wait().at_most(PATIENCE);
        if let Err(error) = waiting.for_element(Locator::XPath(&path)).await {
            panic!(
                "the page does not say {text:?}: {error}: {}",
                self.text().await
            );
        }
    }

    pub async fn text(&self) -> String {
        let body = self.client.find(Locator::Css("body")).await;
        match body {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }

    /// What a page shows once.
    pub async fn secret(&self) -> String {
        let field = self.wait("#secret").await;
        let value = field.prop("value").await.expect("the field can be read");
        value.expect("the field has a value")
    }

    /// What is wrong with the page: what axe-core finds against WCAG 2.2 A and AA and good practice, and whether
    /// something is wider than the window.
    pub async fn faults(&self, name: &str) -> Vec<String> {
        self.client
            .execute(AXE, Vec::new())
            .await
            .expect("axe-core runs");
        let script = "const done = arguments[arguments.length - 1]; \
             axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})\
             .then(result => done(result.violations.map(violation => violation.id + ': ' + \
             violation.nodes.map(node => node.html + ' ' + node.failureSummary).join('; '))), \
             error => done([String(error)]));";
        let found = self.client.execute_async(script, Vec::new()).await;
        let found = found.expect("axe-core answers");
        let mut faults: Vec<String> = found
            .as_array()
            .expect("axe-core answers with a list")
            .iter()
            .map(|fault| format!("{name} at {}: {fault}", self.look.name()))
            .collect();
        let script = "return document.documentElement.scrollWidth - window.innerWidth;";
        let beyond = self.client.execute(script, Vec::new()).await;
        let beyond = beyond.expect("it can be measured").as_i64();
        if beyond != Some(0) && beyond.is_none_or(|beyond| beyond > 0) {
            faults.push(format!(
                "{name} at {}: too wide by {beyond:?}",
                self.look.name()
            ));
        }
        faults
    }

    /// Writes a picture of the page to `target/console-screenshots/`.
    pub async fn picture(&self, name: &str) {
        let picture = self
            .client
            .screenshot()
            .await
            .expect("a picture can be taken");
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/console-screenshots");
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        let file = folder.join(format!("{name}-{}.png", self.look.name()));
        std::fs::write(file, picture).expect("the picture can be written");
    }
}

fn capabilities(look: Look) -> Capabilities {
    let height = if look.width < 500 { 1_600 } else { 1_000 };
    let arguments = [
        "--headless=new".to_owned(),
        // The tests may run as root, where Chromium has no sandbox; it opens nothing but the console.
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--no-proxy-server".to_owned(),
        "--hide-scrollbars".to_owned(),
        format!("--window-size={},{height}", look.width),
        format!(
            "--blink-settings=preferredColorScheme={}",
            u8::from(!look.is_dark)
        ),
    ];
    let mut options = json!({"args": arguments});
    if look.width < 500 {
        options["mobileEmulation"] = json!({
            "deviceMetrics": {"width": look.width, "height": height, "pixelRatio": 1.0, "touch": false},
        });
    }
    let Value::Object(capabilities) = json!({"goog:chromeOptions": options}) else {
        unreachable!("it is an object");
    };
    capabilities
}
