//! Every page, in two widths and both themes: accessible, no wider than the window, and pictured. The list of them is
//! held against the console's own table of pages, so that none is forgotten.

use std::collections::BTreeSet;

use actix_web::http::Method;
use portcullis::clock::Clock;
use portcullis::http::console::routes;
use serde_json::json;

use crate::support::installation::DatabaseKind;

use super::browser::Look;
use super::house::{House, text};

/// What shows no page of its own, and why.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("/audit/export", "a file"),
    ("/receipts/export", "a file"),
    (
        "/second-factor",
        "whoever is signed in is led on; a sign-in that is half-way has its story in the tests of sessions",
    ),
];
/// What everybody sees, and nobody has to be signed in for.
const OPEN: [&str; 4] = ["not-found", "sign-in", "set-up-without-link", "set-up"];

/// A session of the person of this name.
pub(super) fn session_of(house: &House, name: &str) -> String {
    let body = json!({
        "directory": house.directory_name(),
        "user_name": format!("{name}@example.org"),
        "password": super::house::PASSWORD,
    });
    text(&house.send("POST", "/account/v1/session", "", &body, 201)["token"])
}

/// An admin who has left, and a service account that they answered for.
fn left_behind(house: &House, admin: &str) -> (String, String) {
    let lena = house.person("lena", Some("admin"));
    let session = session_of(house, "lena");
    for name in ["Okta synchronisation", "Left behind"] {
        let body = json!({"name": name});
        let path = format!(
            "/admin/v1/directories/{}/scim-keys",
            house.credential("directory_id")
        );
        house.send("POST", &path, &session, &body, 201);
    }
    let account = json!({"name": "Backup", "purpose": "Backs up at night"});
    let account = house.send(
        "POST",
        "/admin/v1/service-accounts",
        &session,
        &account,
        201,
    );
    let account = text(&account["id"]);
    let path = format!("/admin/v1/service-accounts/{account}/tokens");
    house.send(
        "POST",
        &path,
        &session,
        &json!({"name": "Backup server"}),
        201,
    );
    house.send(
        "POST",
        &format!("/admin/v1/users/{lena}/deprovision"),
        admin,
        &json!({}),
        200,
    );
    (lena, account)
}

/// Somebody has left, and that was one too many: the alarm is raised.
fn one_too_many(house: &House, admin: &str, scim: &str) -> String {
    let alarm = json!({"percent": 0, "people": 1});
    let path = "/admin/v1/alarms/mass-deprovisioning";
    house.send("PATCH", path, admin, &alarm, 200);
    let gone = house.person("greta", None);
    house.scim("DELETE", &format!("/Users/{gone}"), scim, &json!({}), 204);
    gone
}

/// The first thing of a list of the admin interface.
fn first_of(house: &House, admin: &str, path: &str) -> String {
    let path = format!("/admin/v1{path}");
    let list = house.send("GET", &path, admin, &json!({}), 200);
    text(&list["items"][0]["id"])
}

/// A group that somebody is in.
fn team_of(house: &House, scim: &str, member: &str) -> String {
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "Engineering",
        "members": [{"value": member}],
    });
    text(&house.scim("POST", "/Groups", scim, &group, 201)["id"])
}

/// A house in which something has happened.
fn lived_in() -> (House, Vec<(&'static str, String)>) {
    let house = House::open(DatabaseKind::Sqlite);
    let admin = house.credential("admin_api_key").to_owned();
    let scim = house.credential("scim_key").to_owned();
    let ada = house.person("ada", Some("admin"));
    let session = session_of(&house, "ada");
    let body = json!({"name": "Deployments"});
    let own = text(&house.send("POST", "/account/v1/tokens", &session, &body, 201)["id"]);
    let otto = house.person("otto", None);
    let session = session_of(&house, "otto");
    for name in ["Laptop", "Build server"] {
        let body = json!({"name": name});
        house.send("POST", "/account/v1/tokens", &session, &body, 201);
    }
    for name in ["berta", "carl", "dora", "emil", "frieda"] {
        house.person(name, None);
    }
    let gone = one_too_many(&house, &admin, &scim);
    let group = team_of(&house, &scim, &otto);
    let no_filter = "/Users?filter=userName%20is%20x";
    house.scim("GET", no_filter, &scim, &json!({}), 400);
    let key = json!({"name": "Nightly report", "scopes": ["users:read", "audit:read"], "expires_in_days": 10});
    let key = text(&house.send("POST", "/admin/v1/api-keys", &admin, &key, 201)["id"]);
    let (lena, account) = left_behind(&house, &admin);
    let things = Things::make(&house, &admin, &otto);
    let first = |path: &str| first_of(&house, &admin, path);
    let policy = first("/policies");
    let orphan = first("/orphaned-keys");
    let receipt = first(&format!("/receipts?user_id={lena}"));
    let notice = first("/notices");
    let events = format!("/audit-events?target_id={lena}&action=user.deprovisioned");
    let event = first(&events);
    let directory = house.credential("directory_id").to_owned();
    let path = format!("/admin/v1/users/{otto}/password-link");
    let link = text(&house.send("POST", &path, &admin, &json!({}), 201)["secret"]);
    let mut pages = vec![
        ("overview", "/".to_owned()),
        ("people", "/people".to_owned()),
        ("person", format!("/people/{otto}")),
        ("deprovision", format!("/people/{otto}/deprovision")),
        ("person-new", "/people/new".to_owned()),
        ("people-deleted", "/people/deleted".to_owned()),
        (
            "people-recover",
            format!("/people/deleted/recover?id={gone}"),
        ),
        ("people-forget", format!("/people/deleted/forget?id={gone}")),
        ("person-recover", format!("/people/deleted/{gone}/recover")),
        ("person-forget", format!("/people/deleted/{gone}/forget")),
        ("groups", "/groups".to_owned()),
        ("group", format!("/groups/{group}")),
        ("keys", "/keys".to_owned()),
        ("key", format!("/keys/api-keys/{key}")),
        ("key-change", format!("/keys/api-keys/{key}/change")),
        ("key-rotate", format!("/keys/api-keys/{key}/rotate")),
        ("key-revoke", format!("/keys/scim-keys/{orphan}/revoke")),
        ("key-new-api", "/keys/api-keys/new".to_owned()),
        ("key-new-scim", "/keys/scim-keys/new".to_owned()),
        ("key-adopt", format!("/keys/scim-keys/{orphan}/adopt")),
        ("orphans", "/orphans".to_owned()),
        ("orphans-adopt", format!("/orphans/adopt?id={orphan}")),
        ("policies", "/policies".to_owned()),
        ("policy", format!("/policies/{policy}")),
        ("policy-change", format!("/policies/{policy}/change")),
        ("policy-revoke", format!("/policies/{policy}/revoke-tokens")),
        ("roles", "/roles".to_owned()),
        ("role-grant", format!("/roles/grant?user={otto}")),
        ("notices", "/notices".to_owned()),
        ("notice", format!("/notices/{notice}")),
        ("notices-narrowed", "/notices?state=unread".to_owned()),
        ("nothing-found", "/products?q=nothing".to_owned()),
        (
            "bad-address",
            "/service-accounts?orphaned=perhaps".to_owned(),
        ),
        ("audit", "/audit".to_owned()),
        ("audit-event", format!("/audit/{event}")),
        (
            "keys-expiring",
            "/keys?kind=keys&state=active&expires=14".to_owned(),
        ),
        ("person-who-left", format!("/people/{lena}")),
        ("receipts", "/receipts".to_owned()),
        ("receipt", format!("/receipts/{receipt}")),
        ("me", "/me".to_owned()),
        (
            "token-new",
            format!("/me/tokens/new?product={}", things.product),
        ),
        ("second-factor", "/me/second-factor".to_owned()),
        ("not-found", "/no-such-page".to_owned()),
        ("sign-in", "/sign-in".to_owned()),
        ("set-up-without-link", "/setup".to_owned()),
        ("set-up", format!("/setup?link={link}")),
        ("my-token-rotate", format!("/me/tokens/{own}/rotate")),
        ("my-token-revoke", format!("/me/tokens/{own}/revoke")),
        ("reactivate", format!("/people/{lena}/reactivate")),
        ("password-link", format!("/people/{otto}/password-link")),
        (
            "reset-second-factor",
            format!("/people/{otto}/reset-second-factor"),
        ),
        ("person-sessions", format!("/people/{otto}/sessions")),
        (
            "person-sessions-end",
            format!("/people/{otto}/sessions/end-all"),
        ),
        (
            "person-session-end",
            format!("/people/{otto}/sessions/{}/end", uuid::Uuid::now_v7()),
        ),
        ("my-password", "/me/password".to_owned()),
        ("my-sessions", "/me/sessions".to_owned()),
        (
            "person-revoke-tokens",
            format!("/people/{otto}/revoke-tokens"),
        ),
        ("orphans-rotate", format!("/orphans/rotate?id={orphan}")),
        ("orphans-revoke", format!("/orphans/revoke?id={orphan}")),
        (
            "service-account-adopt",
            format!("/service-accounts/{account}/adopt"),
        ),
        ("role-take", format!("/roles/{ada}/admin/take")),
    ];
    pages.extend(directory_pages(&directory));
    pages.extend(authority_pages(&policy, &things));
    pages.extend(further_pages(&house, &admin, &otto, &group, &things));
    (house, pages)
}

/// The pages of a directory.
fn directory_pages(directory: &str) -> Vec<(&'static str, String)> {
    vec![
        ("directories", "/directories".to_owned()),
        ("directory-new", "/directories/new".to_owned()),
        ("directory", format!("/directories/{directory}")),
        ("requests", format!("/directories/{directory}/requests")),
        (
            "directory-change",
            format!("/directories/{directory}/change"),
        ),
        ("directories-alarm", "/directories/alarm".to_owned()),
        (
            "directory-revoke-tokens",
            format!("/directories/{directory}/revoke-tokens"),
        ),
        (
            "directory-remove",
            format!("/directories/{directory}/remove"),
        ),
    ]
}

/// What the token authority keeps beside people and keys.
struct Things {
    product: String,
    instance: String,
    account: String,
    public_key: String,
    webhook: String,
}

impl Things {
    fn make(house: &House, admin: &str, otto: &str) -> Self {
        let product = json!({"name": "Wiki", "scopes": ["pages:read", "pages:write"]});
        let product = text(&house.send("POST", "/admin/v1/products", admin, &product, 201)["id"]);
        let account = json!({"name": "Nightly", "purpose": "Builds", "owner_id": otto});
        let account = house.send("POST", "/admin/v1/service-accounts", admin, &account, 201);
        let account = text(&account["id"]);
        let pem = include_str!("program.pem");
        let body = json!({"name": "Nightly export", "pem": pem, "scopes": ["users:read"]});
        let path = format!("/admin/v1/service-accounts/{account}/keys");
        let public_key = text(&house.send("POST", &path, admin, &body, 201)["id"]);
        let instance = json!({"name": "Berlin", "url": "https://wiki.example.org"});
        let path = format!("/admin/v1/products/{product}/instances");
        let instance = text(&house.send("POST", &path, admin, &instance, 201)["id"]);
        let webhook = json!({"url": "https://chat.example.org/hooks/1"});
        let webhook = text(&house.send("POST", "/admin/v1/webhooks", admin, &webhook, 201)["id"]);
        Self {
            product,
            instance,
            account,
            public_key,
            webhook,
        }
    }
}

/// The pages of what the token authority keeps beside people and keys.
fn authority_pages(policy: &str, things: &Things) -> Vec<(&'static str, String)> {
    let Things {
        product,
        instance,
        account,
        public_key,
        webhook,
    } = things;
    vec![
        (
            "public-key",
            format!("/keys/service-account-keys/{public_key}"),
        ),
        (
            "instance-change",
            format!("/products/{product}/instances/{instance}/change"),
        ),
        (
            "public-key-new",
            format!("/service-accounts/{account}/keys/new"),
        ),
        (
            "public-key-replace",
            format!("/service-accounts/{account}/keys/{public_key}/replace"),
        ),
        ("policy-new", "/policies/new".to_owned()),
        ("policy-member", format!("/policies/{policy}/members/add")),
        ("role-map", "/roles/mappings/new".to_owned()),
        ("products", "/products".to_owned()),
        ("product-new", "/products/new".to_owned()),
        ("product", format!("/products/{product}")),
        ("product-change", format!("/products/{product}/change")),
        ("product-delete", format!("/products/{product}/delete")),
        (
            "product-credential",
            format!("/products/{product}/credentials/new"),
        ),
        ("service-accounts", "/service-accounts".to_owned()),
        ("service-account-new", "/service-accounts/new".to_owned()),
        ("service-account", format!("/service-accounts/{account}")),
        (
            "service-account-disable",
            format!("/service-accounts/{account}/disable"),
        ),
        (
            "service-account-token",
            format!("/service-accounts/{account}/tokens/new"),
        ),
        ("deliveries", "/deliveries".to_owned()),
        ("webhooks", "/webhooks".to_owned()),
        ("webhook-new", "/webhooks/new".to_owned()),
        ("webhook", format!("/webhooks/{webhook}")),
        ("webhook-delete", format!("/webhooks/{webhook}/delete")),
        ("signing-keys", "/signing-keys".to_owned()),
        ("signing-keys-rotate", "/signing-keys/rotate".to_owned()),
        ("audit-verified", "/audit/verify".to_owned()),
    ]
}

/// What is asked before policies, roles, products, accounts and webhooks change.
fn further_pages(
    house: &House,
    admin: &str,
    otto: &str,
    group: &str,
    things: &Things,
) -> Vec<(&'static str, String)> {
    let made = |path: &str, body: &serde_json::Value| {
        text(&house.send("POST", &format!("/admin/v1{path}"), admin, body, 201)["id"])
    };
    made("/policies", &json!({"name": "Contractors"}));
    let policy = made("/policies", &json!({"name": "Interns", "members": [otto]}));
    let date = Clock::system().now().plus_days(30).to_rfc3339();
    let change = json!({"api_tokens": "blocked", "effective_at": date});
    let path = format!("/admin/v1/policies/{policy}");
    house.send("PATCH", &path, admin, &change, 200);
    let mapping = json!({"group_id": group, "role": "auditor"});
    let mapping = made("/roles/mappings", &mapping);
    let Things {
        product,
        instance,
        account,
        webhook,
        ..
    } = things;
    let credential = json!({"name": "Wiki"});
    let credential = made(&format!("/products/{product}/credentials"), &credential);
    let token = json!({"name": "Build server"});
    let token = made(&format!("/service-accounts/{account}/tokens"), &token);
    vec![
        ("policy-waiting", format!("/policies/{policy}")),
        ("policy-raise", format!("/policies/{policy}/raise")),
        ("policy-delete", format!("/policies/{policy}/delete")),
        ("policy-withdraw", format!("/policies/{policy}/withdraw")),
        (
            "policy-member-remove",
            format!("/policies/{policy}/members/{otto}/remove"),
        ),
        ("role-unmap", format!("/roles/mappings/{mapping}/remove")),
        (
            "product-revoke-tokens",
            format!("/products/{product}/revoke-tokens"),
        ),
        ("instance-new", format!("/products/{product}/instances/new")),
        (
            "instance-delete",
            format!("/products/{product}/instances/{instance}/delete"),
        ),
        (
            "product-credential-shown",
            format!("/keys/product-credentials/{credential}"),
        ),
        (
            "account-token",
            format!("/keys/service-account-tokens/{token}"),
        ),
        (
            "service-account-change",
            format!("/service-accounts/{account}/change"),
        ),
        (
            "service-account-delete",
            format!("/service-accounts/{account}/delete"),
        ),
        ("webhook-change", format!("/webhooks/{webhook}/change")),
        (
            "webhook-rotate-secret",
            format!("/webhooks/{webhook}/rotate-secret"),
        ),
    ]
}

/// Whether an address is that of a route with its parameters.
fn is_at(route: &str, address: &str) -> bool {
    let path = address.split('?').next().unwrap_or_default();
    let (mut route, mut path) = (route.split('/'), path.split('/'));
    loop {
        match (route.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(segment)) if part.starts_with('{') || part == segment => {}
            _ => return false,
        }
    }
}

#[test]
fn every_page_of_the_console_is_in_the_list() {
    let (house, pages) = lived_in();
    let gets = routes()
        .into_iter()
        .filter(|route| route.method == Method::GET);
    let mut shown: Vec<String> = Vec::new();
    for route in gets {
        // Keys of every kind have the same pages.
        let parts = route.path.split('/').map(|part| {
            if part.starts_with("{kind:") {
                "{kind}"
            } else {
                part
            }
        });
        let path = parts.collect::<Vec<_>>().join("/");
        if !shown.contains(&path) {
            shown.push(path);
        }
    }
    // As the server does it: the first route that an address fits has it.
    let route_of = |address: &str| shown.iter().find(|route| is_at(route, address));
    let mut seen: BTreeSet<&String> = BTreeSet::new();
    for (name, address) in &pages {
        match route_of(address) {
            Some(route) => _ = seen.insert(route),
            None => assert!(OPEN.contains(name), "{name} is no page: {address}"),
        }
    }
    for (route, why) in EXCEPTIONS {
        let is_left_out = shown.iter().any(|one| one == route) && !seen.contains(&route.to_owned());
        assert!(is_left_out, "{route} is no exception as {why}");
    }
    let forgotten: Vec<&String> = shown
        .iter()
        .filter(|route| !seen.contains(route))
        .filter(|route| EXCEPTIONS.iter().all(|(exception, _)| route != exception))
        .collect();
    assert!(forgotten.is_empty(), "in no picture: {forgotten:#?}");
    house.close();
}

#[tokio::test]
async fn every_page_is_accessible_and_fits_in_two_widths_and_both_themes() {
    let (house, pages) = lived_in();
    let mut faults = Vec::new();
    for look in Look::ALL {
        let browser = house.browser_of("ada", look).await;
        // As long as nobody is asked for the password again.
        browser.go(&house.at("/me/tokens/new")).await;
        browser.fill("name", "Laptop").await;
        browser.click("Make the token").await;
        browser.says("Copy it now.").await;
        browser.picture("secret").await;
        faults.extend(browser.faults("secret").await);
        browser.go(&house.at("/me")).await;
        browser.click("Set up an authenticator").await;
        browser.says("Scan this code").await;
        browser.picture("second-factor-set-up").await;
        faults.extend(browser.faults("second-factor-set-up").await);
        for (name, path) in &pages {
            browser.go(&house.at(path)).await;
            browser.wait("main").await;
            browser.picture(name).await;
            faults.extend(browser.faults(name).await);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
