//! What the command line does beside the admin interface: people searched, their sessions seen and ended, and what they
//! have left behind looked for and seen to.

use serde_json::{Value, json};

use crate::people::PASSWORD;
use crate::process::Deployment;
use crate::server::{Client, databases};

/// A member of each of the items.
fn each(list: &Value, member: &str) -> Vec<String> {
    let items = list["items"].as_array().expect("a list");
    let text = |item: &Value| item[member].as_str().map(str::to_owned);
    items.iter().filter_map(text).collect()
}

#[test]
fn people_are_searched_by_how_anything_of_theirs_begins() {
    for kind in databases() {
        let deployment = Deployment::create(kind);
        for (user_name, name, email) in [
            ("grace", "Hopper, Grace", "amazing@example.org"),
            ("amazing", "Amy", "amy@example.org"),
            ("ada", "Lovelace", "ada@example.org"),
        ] {
            let create = [
                "user",
                "create",
                "--user-name",
                user_name,
                "--display-name",
                name,
                "--email",
                email,
            ];
            deployment.run(&create);
        }
        let found = |text: &str| {
            let found = deployment.run(&["user", "list", "--search", text]);
            let mut names = each(&found, "user_name");
            names.sort();
            names
        };
        assert_eq!(found("AMA"), ["amazing", "grace"]);
        assert_eq!(found("hopper"), ["grace"]);
        assert_eq!(found("nobody"), Vec::<String>::new());
        let directories = deployment.run(&["directory", "list"]);
        for directory in directories["items"].as_array().expect("a list") {
            let id = directory["id"].as_str().expect("an id");
            let search = ["user", "list", "--search", "ama", "--directory", id];
            let count = each(&deployment.run(&search), "id").len();
            let is_local = directory["kind"] == "local";
            assert_eq!(count, if is_local { 2 } else { 0 }, "{directory}");
        }
        let both = ["user", "list", "--search", "a", "--user-name", "a"];
        assert_eq!(deployment.try_run(&both).0, Some(2));
    }
}

#[test]
fn sessions_are_listed_and_ended_one_or_all_and_each_event_is_shown() {
    for kind in databases() {
        let deployment = Deployment::create(kind);
        let made = deployment.run(&["user", "create", "--user-name", "ada"]);
        let id = made["id"].as_str().expect("an id");
        let link = deployment.run(&["user", "password-link", id]);
        let server = deployment.serve();
        let anonymous = Client::new(&server.base_url, None);
        let body = json!({"link": link["secret"], "password": PASSWORD});
        anonymous.post("/account/v1/password", &body).expect(204);
        let body = json!({"user_name": "ada", "password": PASSWORD});
        let sessions: Vec<(String, Client)> = (0..3)
            .map(|_| {
                let opened = anonymous.post("/account/v1/session", &body).expect(201);
                let client = server.client("", &opened.text_at("/token"));
                (opened.id(), client)
            })
            .collect();
        let status = |number: usize| sessions[number].1.get("/account/v1/session").status;

        let listed = deployment.run(&["session", "list", "--user", id]);
        let newest_first: Vec<&str> = sessions.iter().rev().map(|(id, _)| id.as_str()).collect();
        assert_eq!(each(&listed, "id"), newest_first);
        assert_eq!(each(&listed, "last_used_ip"), ["127.0.0.1"; 3]);
        let elsewhere = ["session", "list", "--user", id, "--address", "192.0.2."];
        assert_eq!(
            each(&deployment.run(&elsewhere), "id"),
            Vec::<String>::new()
        );

        let end = ["session", "end", &sessions[1].0, "--user", id];
        let ended = deployment.run(&end);
        assert_eq!(ended, json!({"done": "the session has ended"}));
        assert_eq!([status(0), status(1), status(2)], [200, 401, 200]);
        let all = ["session", "end-all", "--user", id];
        assert_eq!(deployment.run(&all), json!({"ended": 2}));
        assert_eq!([status(0), status(2)], [401, 401]);
        assert_eq!(deployment.run(&all), json!({"ended": 0}));
        let nobody = uuid::Uuid::now_v7().to_string();
        for command in [
            &["session", "list", "--user", &nobody][..],
            &["session", "end-all", "--user", &nobody],
            &["session", "end", &sessions[0].0, "--user", &nobody],
            &["audit", "show", &nobody],
        ] {
            let (status, error) = deployment.try_run(command);
            assert_eq!(status, Some(1), "{command:?}: {error}");
            assert!(error.contains("no such "), "{command:?}: {error}");
        }

        let events = deployment.run(&["audit", "list", "--action", "session.ended"]);
        let event = &events["items"][0];
        let shown = deployment.run(&["audit", "show", event["id"].as_str().expect("an id")]);
        let key = deployment.first("admin_api_key");
        let path = format!("/audit-events/{}", event["id"].as_str().expect("an id"));
        let same = server.client("/admin/v1", key).get(&path).expect(200).body;
        assert_eq!(shown, same);
        assert_eq!(shown["detail"], json!({"reason": "ended_by_admin"}));
    }
}

#[test]
fn orphans_are_narrowed_and_many_are_seen_to_at_once_or_none_is() {
    for kind in databases() {
        let deployment = Deployment::create(kind);
        let made = deployment.run(&["user", "create", "--user-name", "ada"]);
        let ada = made["id"].as_str().expect("an id");
        deployment.run(&["role", "assign", ada, "admin"]);
        let link = deployment.run(&["user", "password-link", ada]);
        let server = deployment.serve();
        let anonymous = Client::new(&server.base_url, None);
        let body = json!({"link": link["secret"], "password": PASSWORD});
        anonymous.post("/account/v1/password", &body).expect(204);
        let body = json!({"user_name": "ada", "password": PASSWORD});
        let opened = anonymous.post("/account/v1/session", &body).expect(201);
        let client = server.client("/admin/v1", &opened.text_at("/token"));
        let directory = json!({"name": "Works", "dialect": "lenient"});
        let directory = client.post("/directories", &directory).expect(201).id();
        let path = format!("/directories/{directory}/scim-keys");
        let scim = client.post(&path, &json!({"name": "Payroll"})).expect(201);
        let [first, second, third] = ["Build one", "Build two", "Watch"].map(|name| {
            let key = json!({"name": name, "scopes": ["users:read"]});
            client.post("/api-keys", &key).expect(201).id()
        });
        let scim = scim.id();
        deployment.run(&["user", "deprovision", ada]);

        let found = |narrowed: &[&str]| {
            let listed = deployment.run(&[&["orphaned-key", "list"], narrowed].concat());
            each(&listed, "id")
        };
        let all = [&scim, &first, &second, &third].map(String::clone);
        assert_eq!(found(&[]), all);
        assert_eq!(found(&["--left-by", ada, "--unused-days", "1"]), all);
        assert_eq!(found(&["--left-by", &first]), Vec::<String>::new());
        assert_eq!(
            found(&["--search", "bUILD"]),
            [&first, &second].map(String::clone)
        );
        assert_eq!(found(&["--kind", "scim_key"]), std::slice::from_ref(&scim));
        let (status, error) = deployment.try_run(&["orphaned-key", "list", "--kind", "session"]);
        assert_eq!(status, Some(2), "{error}");
        assert!(error.contains("invalid value 'session'"), "{error}");

        let refused = |action: &str, ids: &[&str], reason: &str| {
            let command = [&["orphaned-key", action], ids].concat();
            let (status, error) = deployment.try_run(&command);
            assert_eq!(status, Some(1), "{command:?}: {error}");
            assert!(error.contains(reason), "{command:?}: {error}");
        };
        // Nobody is there to be asked.
        let question = "2 orphaned keys will be taken over: Payroll (scim_key, pcscim_";
        refused("adopt", &[&scim, &first], question);
        refused(
            "rotate",
            &[&first],
            "1 orphaned key will be given successors: Build one",
        );
        refused("revoke", &[&first], "confirm it with --yes");
        refused("revoke", &[&first, "none", "--yes"], "there is no key none");
        assert_eq!(found(&[]), all);

        let adopted = deployment.run(&["orphaned-key", "adopt", &first, &scim, "--yes"]);
        assert_eq!(each(&adopted, "id"), [&scim, &first].map(String::clone));
        assert_eq!(adopted["items"][0]["orphaned_at"], Value::Null);
        let why = format!("Payroll ({scim}): the key is not orphaned");
        refused("revoke", &[&third, &scim, "--yes"], &why);
        assert_eq!(found(&[]), [&second, &third].map(String::clone));

        let rotate = [
            "orphaned-key",
            "rotate",
            &second,
            "--overlap-hours",
            "0",
            "--yes",
        ];
        let issued = deployment.run(&rotate);
        assert_eq!(
            each(&issued, "predecessor_id"),
            std::slice::from_ref(&second)
        );
        let secret = issued["items"][0]["secret"].as_str().expect("a secret");
        server.client("/admin/v1", secret).get("/users").expect(200);
        let revoked = deployment.run(&["orphaned-key", "revoke", &third, "--yes"]);
        assert_eq!(revoked, json!({"revoked": 1}));
        assert_eq!(found(&[]), Vec::<String>::new());
    }
}

/// What an identity provider calls people must not clear a screen, forge a row or run backwards in it.
#[test]
fn no_name_steers_the_terminal_that_shows_it() {
    const STEERS: &str = "esc\u{1b}[2J\u{1b}[31mred@x.com";
    const HIDES: &str = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}Nobody\u{2028}\r\n│ all │ is │ well │";
    for kind in databases() {
        let deployment = Deployment::create(kind);
        let server = deployment.serve();
        let scim = server.client("/scim/v2", deployment.first("scim_key"));
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": STEERS,
            "displayName": HIDES,
        });
        let id = scim.post("/Users", &body).expect(201).id();

        let events = deployment.run(&["audit", "list"]);
        let is_theirs = |event: &&Value| event["target"]["id"] == id.as_str();
        let mut events = events["items"].as_array().expect("a list").iter();
        let event = events.find(is_theirs).expect("their creation is on record");
        let event = event["id"].as_str().expect("an id").to_owned();
        let ways: [&[&str]; 5] = [
            &["user", "list", "--search", "esc"],
            &["user", "show", &id],
            &["audit", "list"],
            &["audit", "show", &event],
            &["user", "deprovision", &id],
        ];
        for arguments in ways {
            let shown = deployment.shown(arguments);
            let is_raw =
                |c: &char| (c.is_control() && *c != '\n') || "\u{202e}\u{2028}".contains(*c);
            assert_eq!(shown.chars().find(is_raw), None, "{arguments:?}: {shown}");
            // What is shown of them is the one name or the other.
            let names = ["esc\\u{1b}[2J\\u{1b}[31mred@x.com", "\\u{1b}]0;owned\\u{7}"];
            assert!(names.iter().any(|name| shown.contains(name)), "{shown}");
        }
        let shown = deployment.shown(&["user", "list", "--search", "esc"]);
        let name = "\\u{1b}]0;owned\\u{7}\\u{9b}31m\\u{202e}Nobody\\u{2028}\\u{d}\\u{a}│ all │ is │ well │";
        assert!(shown.contains(name), "{shown}");
        // One row between the rules above and below it.
        assert_eq!(shown.lines().count(), 5, "{shown}");

        let found = deployment.run(&["user", "list", "--search", "esc"]);
        assert_eq!(each(&found, "user_name"), [STEERS]);
        assert_eq!(each(&found, "display_name"), [HIDES]);
        // Nor does JSON, whose strings may hold such characters as they are.
        let arguments = ["--json", "user", "list", "--search", "esc"];
        let printed = deployment.shown(&arguments);
        assert!(
            printed.contains("\\u009b31m\\u202eNobody\\u2028"),
            "{printed}"
        );
    }
}
