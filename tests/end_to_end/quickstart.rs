//! The first minutes: one command, and everything that is needed to connect an identity provider and to sign in.

use serde_json::json;

use crate::people::USER_SCHEMA;
use crate::process::Deployment;
use crate::server::{Client, DatabaseKind};

/// What stands behind a name in what was printed.
#[track_caller]
fn behind<'a>(printed: &'a str, name: &str) -> &'a str {
    let found = printed
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(name));
    found.unwrap_or_else(|| panic!("{name}: {printed}")).trim()
}

fn one_command_is_enough(kind: DatabaseKind) {
    let deployment = Deployment::empty(kind);
    let (process, printed) = deployment.quickstart();
    let base_url = process.base_url.clone();

    assert_eq!(
        behind(&printed, "SCIM base URL"),
        format!("{base_url}/scim/v2")
    );
    let scim = process.client("/scim/v2", behind(&printed, "SCIM key"));
    let user = json!({"schemas": [USER_SCHEMA], "userName": "first@example.com"});
    scim.post("/Users", &user).expect(201);
    let admin = process.client("/admin/v1", behind(&printed, "admin API key"));
    let directory = behind(&printed, "directory");
    let found = admin.get(&format!("/directories/{directory}")).expect(200);
    assert_eq!(found.text_at("/kind"), "scim");

    let anonymous = Client::new(&base_url, None);
    let link = printed
        .lines()
        .filter_map(|line| line.trim().strip_prefix(&base_url))
        .find(|path| path.starts_with("/console/setup"))
        .expect("a link to set the password");
    let page = anonymous.get(link);
    assert!([200, 303].contains(&page.status), "{}", page.status);
    process.stop();

    // Whoever has lost that is told where to go on; nothing is made twice.
    let (process, printed) = deployment.quickstart();
    let base_url = &process.base_url;
    for told in [
        "is set up already",
        &format!("{base_url}/scim/v2"),
        &format!("{base_url}/console/"),
        "portcullis scim-key",
        "portcullis user password-link",
    ] {
        assert!(printed.contains(told), "{told}: {printed}");
    }
    assert!(!printed.contains("SCIM key   "), "{printed}");
    process.stop();
}

#[test]
fn one_command_is_enough_to_begin_with_on_sqlite() {
    one_command_is_enough(DatabaseKind::Sqlite);
}

#[test]
fn one_command_is_enough_to_begin_with_on_postgresql() {
    one_command_is_enough(DatabaseKind::Postgres);
}
