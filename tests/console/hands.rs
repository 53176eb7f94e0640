//! What hands do at the console beside clicking: type and see a list change, copy a secret, tick all boxes at once, and
//! get along with the keyboard alone.

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use serde_json::{Value, json};

use crate::support::installation::DatabaseKind;

use super::browser::{Browser, Look};
use super::house::House;
use super::pages::session_of;

const TAB: char = '\u{E004}';
const ENTER: char = '\u{E007}';
/// No page has so many places for the keyboard before its content.
const FAR: usize = 60;

async fn press(browser: &Browser, key: char) {
    let keys = KeyActions::new("keyboard".to_owned())
        .then(KeyAction::Down { value: key })
        .then(KeyAction::Up { value: key });
    let pressed = browser.client.perform_actions(keys).await;
    pressed.expect("a key can be pressed");
}

async fn script(browser: &Browser, script: &str) -> Value {
    let answer = browser.client.execute(script, Vec::new()).await;
    answer.expect("the script runs")
}

/// What has the focus: its text or its name, and nothing that cannot be seen.
async fn focused(browser: &Browser) -> String {
    let found = script(
        browser,
        "const element = document.activeElement, place = element.getBoundingClientRect(), \
         style = getComputedStyle(element); \
         return {name: element.name || element.textContent.trim(), \
           seen: place.right > 0 && place.left < innerWidth && place.bottom > 0 && place.top < innerHeight, \
           marked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0};",
    )
    .await;
    let name = found["name"].as_str().expect("a text").to_owned();
    if name != "content" {
        assert_eq!(found["seen"], true, "{name} has the focus out of sight");
        assert_eq!(
            found["marked"], true,
            "{name} does not show that it has the focus"
        );
    }
    name
}

/// Presses Tab until this has the focus.
async fn tab_to(browser: &Browser, wanted: &str) {
    let mut passed = Vec::new();
    for _ in 0..FAR {
        press(browser, TAB).await;
        let name = focused(browser).await;
        if name == wanted {
            return;
        }
        passed.push(name);
    }
    panic!("no {wanted:?} by Tab: {passed:?}");
}

#[tokio::test]
async fn a_list_of_people_changes_while_somebody_types() {
    let house = House::open(DatabaseKind::Sqlite);
    house.person("ada", Some("admin"));
    for name in ["berta", "bernd", "carl"] {
        house.person(name, None);
    }
    let browser = house.browser_of("ada", Look::WIDE).await;
    browser.go(&house.at("/people")).await;
    browser.says("Carl Example").await;
    browser.fill("q", "ber").await;
    browser
        .wait("#results tbody tr:nth-child(2):last-child")
        .await;
    let field = browser.wait("main [name=q]").await;
    field.send_keys("t").await.expect("it can be typed in");
    let row = browser.wait("#results tbody tr:only-child").await;
    let row = row.text().await.expect("it can be read");
    assert!(row.contains("Berta Example"), "{row}");
    // The field keeps what is typed, and the focus.
    let typed = script(
        &browser,
        "return [document.activeElement.name, document.activeElement.value];",
    );
    assert_eq!(typed.await, json!(["q", "bert"]));
    let nobody = browser.wait("main [name=q]").await;
    nobody.send_keys("x").await.expect("it can be typed in");
    browser.says("Nobody is found by that.").await;
}

#[tokio::test]
async fn a_new_secret_is_copied_with_a_click() {
    let house = House::open(DatabaseKind::Sqlite);
    house.person("otto", None);
    let browser = house.browser_of("otto", Look::WIDE).await;
    browser.may_use_the_clipboard(&house.base).await;
    browser.click("New API token").await;
    browser.fill("name", "Laptop").await;
    browser.click("Make the token").await;
    let token = browser.secret().await;
    browser.click("Copy").await;
    browser.says("Copied").await;
    let read = "const done = arguments[arguments.length - 1]; \
         navigator.clipboard.readText().then(done, error => done(String(error)));";
    let copied = browser.client.execute_async(read, Vec::new()).await;
    assert_eq!(copied.expect("the clipboard answers"), json!(token));
}

#[tokio::test]
async fn all_orphans_of_a_page_are_chosen_with_one_tick() {
    let house = House::open(DatabaseKind::Sqlite);
    house.person("ada", Some("admin"));
    let leaver = house.person("lena", Some("admin"));
    let session = session_of(&house, "lena");
    for name in ["One", "Another", "A third"] {
        let key = json!({"name": name, "scopes": ["users:read"]});
        house.send("POST", "/admin/v1/api-keys", &session, &key, 201);
    }
    let path = format!("/admin/v1/users/{leaver}/deprovision");
    let admin = house.credential("admin_api_key");
    house.send("POST", &path, admin, &json!({}), 200);
    let browser = house.browser_of("ada", Look::WIDE).await;
    browser.go(&house.at("/orphans")).await;
    let all = browser.wait("label:not([hidden]) > input[data-all]").await;
    let ticked =
        "return Array.from(document.querySelectorAll('tbody [name=id]'), box => box.checked);";
    assert_eq!(script(&browser, ticked).await, json!([false, false, false]));
    all.click().await.expect("it can be ticked");
    assert_eq!(script(&browser, ticked).await, json!([true, true, true]));
    browser.click("Adopt those chosen").await;
    browser.says("Adopt 3 orphaned keys").await;
}

#[tokio::test]
async fn somebody_is_found_and_deprovisioned_with_the_keyboard_alone() {
    let house = House::open(DatabaseKind::Sqlite);
    house.person("ada", Some("admin"));
    house.person("otto", None);
    let browser = house.browser_of("ada", Look::WIDE).await;
    browser.go(&house.at("/")).await;
    browser.says("Needs attention").await;
    // Past the navigation at once, for whoever knows where they are.
    tab_to(&browser, "Skip to the content").await;
    press(&browser, ENTER).await;
    let place = script(
        &browser,
        "return [location.hash, document.activeElement.id];",
    );
    assert_eq!(place.await, json!(["#content", "content"]));
    press(&browser, TAB).await;
    let inside = "return document.querySelector('main').contains(document.activeElement);";
    assert_eq!(script(&browser, inside).await, true);

    browser.go(&house.at("/")).await;
    tab_to(&browser, "People").await;
    press(&browser, ENTER).await;
    browser.says("Otto Example").await;
    tab_to(&browser, "q").await;
    for letter in "otto".chars() {
        press(&browser, letter).await;
    }
    browser.wait("#results tbody tr:only-child").await;
    tab_to(&browser, "Otto Example").await;
    press(&browser, ENTER).await;
    browser.says("External id").await;
    tab_to(&browser, "Deprovision").await;
    press(&browser, ENTER).await;
    browser.says("Deprovision Otto Example").await;
    tab_to(&browser, "Deprovision").await;
    press(&browser, ENTER).await;
    browser
        .says("everything that authenticated them has ended")
        .await;
}

#[tokio::test]
async fn the_current_section_is_in_sight_on_a_narrow_screen() {
    let house = House::open(DatabaseKind::Sqlite);
    house.person("ada", Some("admin"));
    let narrow = Look {
        width: 360,
        is_dark: false,
    };
    let browser = house.browser_of("ada", narrow).await;
    for page in ["/", "/people", "/policies", "/webhooks", "/audit", "/me"] {
        browser.go(&house.at(page)).await;
        let place = script(
            &browser,
            "const place = document.querySelector('nav [aria-current]').getBoundingClientRect(); \
             return place.left >= 0 && place.right <= innerWidth;",
        );
        assert_eq!(place.await, true, "{page}");
    }
    // The keyboard comes to them in the order in which they are seen.
    let order = script(
        &browser,
        "const links = Array.from(document.querySelectorAll('nav.sections a')); \
         const left = link => link.getBoundingClientRect().left; \
         const seen = links.toSorted((one, other) => left(one) - left(other)); \
         return links.length > 10 && links.every((link, at) => link === seen[at]);",
    );
    assert_eq!(order.await, true);
    // Whatever else the keyboard comes to is not behind it.
    browser.go(&house.at("/me")).await;
    for section in [
        "Overview",
        "Keys and tokens",
        "Service accounts",
        "Audit log",
    ] {
        tab_to(&browser, section).await;
        let place = script(
            &browser,
            "const place = document.activeElement.getBoundingClientRect(); \
             const at = document.elementFromPoint((place.left + place.right) / 2, (place.top + place.bottom) / 2); \
             return document.activeElement.contains(at);",
        );
        assert_eq!(place.await, true, "{section}");
    }
}
