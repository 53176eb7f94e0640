//! Each person's own tokens: made within what policy allows, shown once, revoked.

use serde_json::json;

use crate::server::TestServer;

use super::{Browser, member, shown_secret};

pub(super) fn policy_of_all(server: &TestServer, settings: &serde_json::Value) {
    let policies = server.admin().get("/policies").expect(200);
    let items = policies.body["items"].as_array().expect("a list").clone();
    let default = items
        .iter()
        .find(|one| one["is_default"] == true)
        .expect("a default policy");
    let id = default["id"].as_str().expect("an id");
    server
        .admin()
        .patch(&format!("/policies/{id}"), settings)
        .expect(200);
}

on_both_databases!(
    a_person_makes_a_token_sees_it_once_and_revokes_it,
    |server| {
        let product = server
            .admin()
            .post(
                "/products",
                &json!({"name": "Wiki", "scopes": ["pages:read", "pages:write"]}),
            )
            .expect(201)
            .id();
        let mut browser = Browser::of(&member(server, "maker", None));
        let form = browser
            .get(&format!("/console/me/tokens/new?product={product}"))
            .expect(200);
        assert!(form.text.contains("value=\"pages:read\""));
        let fields = [
            ("name", "Laptop"),
            ("product", product.as_str()),
            ("scopes", "pages:read"),
            ("scopes", "pages:write"),
            ("expires_in_days", "30"),
        ];
        let made = browser
            .submit("/console/me/tokens/new", &fields)
            .expect(200);
        let secret = shown_secret(&made.text);
        assert!(secret.starts_with("pctok_"));
        let list = browser.get("/console/me").expect(200).text;
        assert!(list.contains("Laptop") && list.contains("Wiki") && list.contains("pages:write"));
        assert!(!list.contains(&secret));

        let (_, rest) = list.split_once("/console/me/tokens/").expect("a token");
        let (_, rest) = rest.split_once("/console/me/tokens/").expect("its link");
        let id = rest.split('/').next().expect("its id");
        let place = format!("/console/me/tokens/{id}/revoke");
        let asked = browser.get(&place).expect(200).text;
        assert!(asked.contains("1 token stops working at once"));
        let mut stranger = Browser::of(&member(server, "stranger", None));
        stranger.get(&place).expect(404);
        stranger.submit(&place, &[]).expect(404);
        browser.submit(&place, &[]).expect(303);
        let list = browser
            .get("/console/me?done=token-revoked")
            .expect(200)
            .text;
        assert!(list.contains("The token is revoked: it works nowhere any more."));
        assert!(list.contains(">revoked</span>"));
    }
);

on_both_databases!(
    a_token_lives_as_long_as_policy_allows_and_no_longer,
    |server| {
        policy_of_all(server, &json!({"max_token_days": 7}));
        let mut browser = Browser::of(&member(server, "maker", None));
        let form = browser.get("/console/me/tokens/new").expect(200).text;
        assert!(form.contains("max=\"7\" value=\"7\""), "{form}");
        let fields = |days| [("name", "One"), ("expires_in_days", days)];
        browser
            .submit("/console/me/tokens/new", &fields("8"))
            .expect(422);
        browser
            .submit("/console/me/tokens/new", &fields("7"))
            .expect(200);

        policy_of_all(server, &json!({"api_tokens": "blocked"}));
        let page = browser.get("/console/me").expect(200).text;
        assert!(page.contains("allows no API tokens"));
        assert!(!page.contains("href=\"/console/me/tokens/new\""));
        browser
            .submit("/console/me/tokens/new", &fields("7"))
            .expect(403);
    }
);

on_both_databases!(
    a_secret_that_is_pasted_into_any_search_leaves_the_address,
    |server| {
        let admin = member(server, "admin", Some("admin"));
        let session = admin.sign_in();
        let token = admin.create_token(&session, &json!({"name": "Laptop"}));
        let mut browser = Browser::of(&admin);
        for path in [
            "/console/people?q=",
            "/console/me?q=",
            "/console/products?q=",
            "/console/groups?q=",
            "/console/sign-in?next=",
            "/console/nowhere?x=",
        ] {
            let answer = browser.get(&format!("{path}{token}")).expect(303);
            let place = answer.header("location").expect("a place").to_owned();
            assert!(
                place.starts_with(path) && !place.contains(&token),
                "{place}"
            );
            assert!(!answer.text.contains(&token));
        }
        let own = browser.get(&format!("/console/me?q={token}")).expect(303);
        let place = own.header("location").expect("a place").to_owned();
        for place in [place.clone(), format!("{place}%E2%80%A6")] {
            let page = browser.get(&place).expect(200).text;
            assert!(page.contains("Laptop") && !page.contains(&token), "{page}");
        }
    }
);

on_both_databases!(
    tokens_that_a_successor_has_still_count_among_those_that_are_revoked,
    |server| {
        let person = member(server, "owner", None);
        let session = person.sign_in();
        person.create_token(&session, &json!({"name": "Laptop"}));
        let client = server.with_token(&session);
        let list = client.get("/account/v1/tokens").expect(200);
        let id = list.body["items"][0]["id"].as_str().expect("an id");
        let rotate = format!("/account/v1/tokens/{id}/rotate");
        client.post(&rotate, &json!({})).expect(201);
        let asked = Browser::of(&member(server, "admin", Some("admin")))
            .get(&format!("/console/people/{}/revoke-tokens", person.id))
            .expect(200)
            .text;
        assert!(
            asked.contains("2 API tokens of The owner end at once"),
            "{asked}"
        );
    }
);
