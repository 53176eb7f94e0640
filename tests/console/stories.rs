//! What people live through in the console, click by click.

use serde_json::json;

use crate::support::installation::DatabaseKind;

use super::browser::{Browser, Look};
use super::house::{House, PASSWORD, text};

#[tokio::test]
async fn the_first_admin_sets_a_password_and_signs_in_on_sqlite() {
    the_first_admin_sets_a_password_and_signs_in(DatabaseKind::Sqlite).await;
}

#[tokio::test]
async fn the_first_admin_sets_a_password_and_signs_in_on_postgresql() {
    the_first_admin_sets_a_password_and_signs_in(DatabaseKind::Postgres).await;
}

async fn the_first_admin_sets_a_password_and_signs_in(kind: DatabaseKind) {
    let house = House::open(kind);
    let browser = Browser::open(Look::WIDE).await;
    browser.go(house.credential("setup_url")).await;
    browser.fill("password", PASSWORD).await;
    browser.fill("repeated", PASSWORD).await;
    browser.click("Set password").await;
    browser.says("The password is set").await;
    browser.click("Sign in").await;
    browser.fill("user_name", "admin").await;
    browser.fill("password", PASSWORD).await;
    browser.click("Sign in").await;
    browser.says("Needs attention").await;
    browser.says("has never been synchronised").await;
    drop(browser);
    house.close();
}

#[tokio::test]
async fn an_identity_provider_is_connected_while_its_first_requests_arrive() {
    let house = House::open(DatabaseKind::Sqlite);
    house.person("ada", Some("admin"));
    let browser = house.browser_of("ada", Look::WIDE).await;
    browser.click("Directories").await;
    browser.click("Connect an identity provider").await;
    browser.fill("name", "Okta").await;
    browser.choose("dialect", "okta").await;
    browser.click("Make the directory").await;
    browser.says("Nothing has arrived yet").await;
    browser.click("New SCIM key").await;
    browser.fill("name", "Synchronisation").await;
    browser.click("Make the key").await;
    browser.says("Copy it now.").await;
    let key = browser.secret().await;
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "grace@example.com",
        "displayName": "Grace",
    });
    house.scim("POST", "/Users", &key, &user, 201);
    browser.click("Directories").await;
    browser.click("Okta").await;
    browser.says("Connected: the last request came").await;
    browser.click("Watch the requests").await;
    browser.says("201").await;
    // The page looks again by itself.
    house.scim("GET", "/Users/nobody", &key, &json!({}), 404);
    browser.says("404").await;
}

#[tokio::test]
async fn an_admin_leaves_and_another_adopts_their_keys() {
    let house = House::open(DatabaseKind::Sqlite);
    house.person("ada", Some("admin"));
    let leaver = house.person("lena", Some("admin"));
    let lena = house.browser_of("lena", Look::WIDE).await;
    lena.click("Keys and tokens").await;
    lena.click("New admin API key").await;
    lena.fill("name", "Nightly report").await;
    lena.wait("[name=scopes][value=\"users:read\"]")
        .await
        .click()
        .await
        .expect("a click");
    lena.click("Make the key").await;
    let key = lena.secret().await;

    let ada = house.browser_of("ada", Look::WIDE).await;
    ada.go(&house.at(&format!("/people/{leaver}"))).await;
    ada.click("Deprovision").await;
    ada.says("1 admin API key").await;
    ada.click("Deprovision").await;
    ada.says("everything that authenticated them has ended")
        .await;
    house.send("GET", "/admin/v1/users", &key, &json!({}), 200);

    ada.click("Orphaned keys").await;
    ada.says("Lena Example").await;
    ada.wait("tbody [name=id]")
        .await
        .click()
        .await
        .expect("a click");
    ada.click("Adopt those chosen").await;
    ada.says("Adopt 1 orphaned key").await;
    ada.click("Adopt").await;
    ada.says("Nothing is left behind.").await;
    house.send("GET", "/admin/v1/users", &key, &json!({}), 200);
}

#[tokio::test]
async fn the_next_click_of_somebody_who_was_deprovisioned_is_refused() {
    let house = House::open(DatabaseKind::Sqlite);
    let id = house.person("otto", None);
    let browser = house.browser_of("otto", Look::WIDE).await;
    browser.click("New API token").await;
    browser.fill("name", "Laptop").await;
    browser.click("Make the token").await;
    let token = browser.secret().await;
    assert!(token.starts_with("pctok_"));
    browser.click("I have copied it").await;
    browser.says("Laptop").await;

    let key = house.credential("scim_key").to_owned();
    let operations = json!([{"op": "replace", "path": "active", "value": false}]);
    let patch = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    house.scim("PATCH", &format!("/Users/{id}"), &key, &patch, 200);
    browser.click("New API token").await;
    browser
        .says("You are signed out: the session has ended, or your access has.")
        .await;
    let url = browser.client.current_url().await.expect("an address");
    assert_eq!(url.path(), "/console/sign-in");
}

#[tokio::test]
async fn all_tokens_of_a_policy_are_revoked_by_typing_its_name() {
    let house = House::open(DatabaseKind::Sqlite);
    house.person("ada", Some("admin"));
    house.person("otto", None);
    let otto = house.browser_of("otto", Look::WIDE).await;
    otto.click("New API token").await;
    otto.fill("name", "Laptop").await;
    otto.click("Make the token").await;
    otto.secret().await;

    let policies = house.send(
        "GET",
        "/admin/v1/policies",
        house.credential("admin_api_key"),
        &json!({}),
        200,
    );
    let name = text(&policies["items"][0]["name"]);
    let ada = house.browser_of("ada", Look::WIDE).await;
    ada.click("Policies").await;
    ada.click(&name).await;
    ada.click("Revoke all tokens").await;
    ada.says("1 API token of the people for whom this policy holds ends")
        .await;
    ada.fill("typed", &name).await;
    ada.click("Revoke them all").await;
    ada.says("The tokens are revoked.").await;
    otto.go(&house.at("/me")).await;
    otto.says("revoked").await;
}
