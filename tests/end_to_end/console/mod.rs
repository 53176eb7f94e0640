//! The console over HTTP, as a browser sees it without scripts: who gets in, what a form must carry, and that
//! nothing secret is kept.

mod access;
mod audit;
mod deliveries;
mod directories;
mod directory_alarm;
mod forms;
mod key_change;
mod keys;
mod lists;
mod long_lists;
mod my_password;
mod names;
mod numbers;
mod orphans;
mod own;
mod people;
mod person_forgotten;
mod person_resting;
mod policies;
mod policy_order;
mod product_access;
mod products;
mod readings;
mod receipts;
mod refused;
mod roles;
mod service_accounts;
mod sessions;
mod set_up;
mod sizes;
mod webhooks;

use crate::people::{PASSWORD, Person};
use crate::server::{Answer, Client, TestServer};

/// Somebody with a password and, where one is given, a role.
fn member<'a>(server: &'a TestServer, name: &str, role: Option<&str>) -> Person<'a> {
    let person = Person::create(server, &server.directory_id, &server.scim_key, name);
    if let Some(role) = role {
        person.assign(role);
    }
    let link = person.password_link();
    person.set_password(&link, PASSWORD).expect(204);
    person
}

/// A browser that carries one cookie.
struct Browser<'a> {
    server: &'a TestServer,
    client: Client,
    cookie: Option<String>,
    /// What it says that its forms come from, where that is not the server.
    origin: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a TestServer) -> Self {
        Self {
            server,
            client: server.anonymous(),
            cookie: None,
            origin: None,
        }
    }

    /// One that reaches the server by another name, as browsers behind a proxy do.
    fn at(server: &'a TestServer, origin: &str) -> Self {
        Self {
            origin: Some(origin.to_owned()),
            ..Self::new(server)
        }
    }

    /// One that carries this session.
    fn with_session(server: &'a TestServer, secret: &str) -> Self {
        Self {
            cookie: Some(format!("portcullis_session={secret}")),
            ..Self::new(server)
        }
    }

    /// One whose person has signed in.
    fn of(person: &Person<'a>) -> Self {
        let mut browser = Self::new(person.server);
        browser.sign_in(person).expect(303);
        browser
    }

    fn sign_in(&mut self, person: &Person) -> Answer {
        let fields = [
            ("directory", person.directory_name.as_str()),
            ("user_name", person.user_name.as_str()),
            ("password", PASSWORD),
        ];
        self.send("/console/sign-in", &fields)
    }

    fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let cookie = self.cookie.clone();
        let mut all = headers.to_vec();
        if let Some(cookie) = &cookie {
            all.push(("Cookie", cookie));
        }
        let answer = self.client.request(method, path, &all, body.as_bytes());
        if let Some(set) = answer.header("set-cookie") {
            let pair = set.split(';').next().expect("a cookie");
            self.cookie = Some(pair.to_owned()).filter(|_| !set.contains("Max-Age=0"));
        }
        answer
    }

    fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, &[], "")
    }

    /// Sends fields as they are, from its origin.
    fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let server = &self.server.base_url;
        let origin = self.origin.as_ref().unwrap_or(server).clone();
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Origin", origin.as_str()),
        ];
        self.request("POST", path, &headers, &encoded(fields))
    }

    /// The token that forms of this session carry.
    fn form_token(&mut self) -> String {
        let page = self.get("/console/me").expect(200).text;
        hidden(&page, "form_token")
    }

    /// Fills in a form of a page and sends it.
    fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.form_token();
        let mut all = fields.to_vec();
        all.push(("form_token", &token));
        self.send(path, &all)
    }
}

/// The value of a hidden field.
fn hidden(page: &str, name: &str) -> String {
    let named = format!("name=\"{name}\"");
    let field = page
        .split('<')
        .find(|tag| tag.starts_with("input") && tag.contains(&named))
        .expect("the page has the field");
    let (_, value) = field.split_once("value=\"").expect("it has a value");
    value.split('"').next().expect("it ends").to_owned()
}

/// What a page shows once.
fn shown_secret(page: &str) -> String {
    let (_, rest) = page
        .split_once("<input id=\"secret")
        .expect("the page shows a secret");
    let (_, rest) = rest.split_once("value=\"").expect("it has a value");
    rest.split('"').next().expect("it ends").to_owned()
}

/// The identifier that follows the beginning of an address.
fn id_within(text: &str, beginning: &str) -> String {
    let links = text.split(beginning).skip(1);
    let ids = links.map(|rest| rest.chars().take(36).collect::<String>());
    let mut ids = ids.filter(|id| uuid::Uuid::parse_str(id).is_ok());
    ids.next().expect("the address names something")
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let mut serializer = url::form_urlencoded::Serializer::new(String::new());
    serializer.extend_pairs(fields);
    serializer.finish()
}
