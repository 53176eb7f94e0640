//! Names are for identity providers to choose: none turns around what the console says, or passes for another unseen.

use serde_json::json;

use super::{Browser, member};
use crate::people::USER_SCHEMA;

on_both_databases!(no_name_turns_around_what_a_page_says, |server| {
    let body = json!({
        "schemas": [USER_SCHEMA],
        "userName": "\u{202e}evil@example.com",
        "displayName": "Zoë\u{200b}",
    });
    let id = server.scim().post("/Users", &body).expect(201).id();
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    for path in [
        format!("/console/people/{id}"),
        format!("/console/people/{id}/deprovision"),
        "/console/people?q=zo%C3%AB".to_owned(),
        format!("/console/audit?target={id}"),
    ] {
        let page = browser.get(&path).expect(200).text;
        assert!(page.contains("Zoë⟨U+200B⟩"), "{path}: {page}");
        let hides = |character: char| "\u{202e}\u{200b}".contains(character);
        assert!(!page.contains(hides), "{path}: {page}");
    }
    let page = browser.get(&format!("/console/people/{id}")).expect(200);
    assert!(
        page.text.contains("⟨U+202E⟩evil@example.com"),
        "{}",
        page.text
    );
});
