//! Products in the console: made, changed, given credentials and instances, and ended by those who may.

use serde_json::json;

use crate::people::{group, introspect};
use crate::server::TestServer;

use super::{Browser, id_within, member, shown_secret};

const PRODUCTS: &str = "/console/products/";

on_both_databases!(
    a_product_is_made_changed_and_deleted_with_what_belongs_to_it,
    |server| {
        let team = group(&server.scim(), "Writers", &[]);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        browser.get("/console/products/new").expect(200);
        let fields = [
            ("name", "Wiki"),
            ("scopes", "pages:read pages:write"),
            ("further_groups", "writers"),
        ];
        let made = browser.submit("/console/products/new", &fields).expect(303);
        let place = made.header("location").expect("its page").to_owned();
        let id = id_within(&place, PRODUCTS);
        let product = |server: &TestServer| {
            server
                .admin()
                .get(&format!("/products/{id}"))
                .expect(200)
                .body
        };
        assert_eq!(product(server)["access_groups"], json!([team]));
        let page = browser.get(&place).expect(200).text;
        assert!(
            page.contains("pages:write") && page.contains(">Writers</a>"),
            "{page}"
        );

        let unknown = [("name", "Wiki"), ("further_groups", "Readers")];
        let refused = browser
            .submit(&format!("{place}/change"), &unknown)
            .expect(422);
        assert!(
            refused.text.contains("no group that is called"),
            "{}",
            refused.text
        );
        let change = [
            ("name", "Handbook"),
            ("scopes", "pages:read"),
            ("open_to_everybody", "true"),
        ];
        browser.get(&format!("{place}/change")).expect(200);
        browser
            .submit(&format!("{place}/change"), &change)
            .expect(303);
        let changed = product(server);
        assert_eq!(changed["name"], "Handbook");
        assert_eq!(changed["scopes"], json!(["pages:read"]));
        assert_eq!(changed["access_groups"], json!([]));

        let key = [("name", "Gate"), ("expires_in_days", "30")];
        let page = browser
            .submit(&format!("{place}/credentials/new"), &key)
            .expect(200)
            .text;
        let secret = shown_secret(&page);
        assert_eq!(
            introspect(server, &secret, "nothing"),
            json!({"active": false})
        );
        let listed = browser.get(&place).expect(200).text;
        assert!(listed.contains(">Gate</a>") && !listed.contains(&secret));

        let asked = browser.get(&format!("{place}/delete")).expect(200).text;
        assert!(asked.contains("1 product credential"), "{asked}");
        let wrong = [("typed", "Wiki")];
        browser
            .submit(&format!("{place}/delete"), &wrong)
            .expect(422);
        assert_eq!(product(server)["name"], "Handbook");
        browser
            .submit(&format!("{place}/delete"), &[("typed", "Handbook")])
            .expect(303);
        browser.get(&place).expect(404);
        let path = "/oauth2/introspect";
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = server
            .with_token(&secret)
            .request("POST", path, &form, b"token=nothing");
        assert_eq!(answer.status, 401);
    }
);

on_both_databases!(an_instance_ends_with_what_is_limited_to_it, |server| {
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    let made = server
        .admin()
        .post("/products", &json!({"name": "Wiki"}))
        .expect(201);
    let place = format!("{PRODUCTS}{}", made.id());
    browser.get(&format!("{place}/instances/new")).expect(200);
    for name in ["Berlin", "Lagos"] {
        let fields = [("name", name), ("url", "https://wiki.example.org")];
        browser
            .submit(&format!("{place}/instances/new"), &fields)
            .expect(303);
    }
    let path = format!("/products/{}/instances", made.id());
    let instances = server.admin().get(&path).expect(200).body;
    assert_eq!(instances["items"][0]["name"], "Berlin");
    let berlin = instances["items"][0]["id"].as_str().expect("an id");
    let key = |instance: &str| {
        [
            ("name", "Gate".to_owned()),
            ("expires_in_days", "30".to_owned()),
            ("instance", instance.to_owned()),
        ]
    };
    let mut issue = |instance: &str| {
        let fields = key(instance);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let place = format!("{place}/credentials/new");
        assert!(browser.get(&place).expect(200).text.contains(">Berlin<"));
        shown_secret(&browser.submit(&place, &fields).expect(200).text)
    };
    let (one, every) = (issue(berlin), issue(""));
    let ending = format!("{place}/instances/{berlin}/delete");
    let asked = browser.get(&ending).expect(200).text;
    assert!(asked.contains("1 product credential"), "{asked}");
    let wrong = browser.submit(&ending, &[("typed", "Lagos")]).expect(422);
    assert!(
        wrong.text.contains("to confirm; nothing was changed"),
        "{}",
        wrong.text
    );
    browser.submit(&ending, &[("typed", "Berlin")]).expect(303);
    let status = |secret: &str| {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        server
            .with_token(secret)
            .request("POST", "/oauth2/introspect", &form, b"token=nothing")
            .status
    };
    assert_eq!((status(&one), status(&every)), (401, 200));
    let left = server.admin().get(&path).expect(200).body;
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1));
});

on_both_databases!(
    all_tokens_for_a_product_are_revoked_at_once_by_whoever_types_its_name,
    |server| {
        let admin = member(server, "admin", Some("admin"));
        let made = server
            .admin()
            .post("/products", &json!({"name": "Wiki", "scopes": ["read"]}))
            .expect(201);
        let session = admin.sign_in();
        let limited = json!({"name": "One", "product_id": made.id(), "scopes": ["read"]});
        let token = admin.create_token(&session, &limited);
        let other = admin.create_token(&session, &json!({"name": "Other"}));
        let key = server
            .admin()
            .post(
                &format!("/products/{}/credentials", made.id()),
                &json!({"name": "Gate"}),
            )
            .expect(201)
            .text_at("/secret");
        let active = |token: &str| introspect(server, &key, token)["active"] == true;
        assert!(active(&token) && active(&other));

        let mut browser = Browser::of(&admin);
        let place = format!("{PRODUCTS}{}/revoke-tokens", made.id());
        let asked = browser.get(&place).expect(200).text;
        assert!(
            asked.contains("1 API token") && !asked.contains("product credential"),
            "{asked}"
        );
        browser.submit(&place, &[("typed", "wiki")]).expect(422);
        assert!(active(&token));
        browser.submit(&place, &[("typed", "Wiki")]).expect(303);
        assert!(!active(&token) && active(&other));
    }
);

on_both_databases!(
    an_auditor_sees_a_product_and_no_way_to_change_it,
    |server| {
        let made = server
            .admin()
            .post("/products", &json!({"name": "Wiki"}))
            .expect(201);
        let place = format!("{PRODUCTS}{}", made.id());
        let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
        let list = auditor.get("/console/products").expect(200).text;
        assert!(list.contains(">Wiki</a>") && !list.contains("/console/products/new"));
        let page = auditor.get(&place).expect(200).text;
        for action in [
            "change",
            "delete",
            "revoke-tokens",
            "instances/new",
            "credentials/new",
        ] {
            assert!(!page.contains(&format!("{place}/{action}")), "{action}");
            auditor.get(&format!("{place}/{action}")).expect(403);
            auditor
                .submit(&format!("{place}/{action}"), &[])
                .expect(403);
        }
        Browser::of(&member(server, "plain", None))
            .get(&place)
            .expect(403);
    }
);

on_both_databases!(an_instance_gets_another_name_and_loses_its_url, |server| {
    let made = server
        .admin()
        .post("/products", &json!({"name": "Wiki"}))
        .expect(201);
    let path = format!("/products/{}/instances", made.id());
    let body = json!({"name": "Berlin", "url": "https://berlin.example.org"});
    let instance = server.admin().post(&path, &body).expect(201).id();
    let lagos = json!({"name": "Lagos"});
    server.admin().post(&path, &lagos).expect(201);
    let place = format!("{PRODUCTS}{}", made.id());
    let change = format!("{place}/instances/{instance}/change");
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    assert!(browser.get(&place).expect(200).text.contains(&change));
    let form = browser.get(&change).expect(200).text;
    assert!(
        form.contains("value=\"https://berlin.example.org\""),
        "{form}"
    );
    let seen = || {
        let path = format!("{path}/{instance}");
        let found = server.admin().get(&path).expect(200).body;
        (found["name"].clone(), found["url"].clone())
    };
    let taken = [("name", "lagos"), ("url", "")];
    browser.submit(&change, &taken).expect(409);
    let moved = [("name", "Potsdam"), ("url", "https://potsdam.example.org")];
    browser.submit(&change, &moved).expect(303);
    assert_eq!(
        seen(),
        (json!("Potsdam"), json!("https://potsdam.example.org"))
    );
    browser
        .submit(&change, &[("name", "Potsdam"), ("url", "")])
        .expect(303);
    assert_eq!(seen(), (json!("Potsdam"), json!(null)));

    // The admin interface leaves what is not named, and takes away what is null.
    let path = format!("/products/{}/instances/{instance}", made.id());
    let url = json!({"url": "https://wiki.example.org"});
    server.admin().patch(&path, &url).expect(200);
    let name = json!({"name": "Berlin"});
    let kept = server.admin().patch(&path, &name).expect(200).body;
    assert_eq!(kept["url"], "https://wiki.example.org");
    let none = server
        .admin()
        .patch(&path, &json!({"url": null}))
        .expect(200)
        .body;
    assert_eq!(none["url"], json!(null));
    let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
    assert!(!auditor.get(&place).expect(200).text.contains(&change));
});
