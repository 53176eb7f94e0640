//! Forms that are refused: shown again with what was filled in, and why; and addresses that cannot be understood.

use serde_json::json;

use crate::people::PASSWORD;
use crate::server::Answer;

use super::{Browser, member};

/// The form of a page, which is the one after its heading.
fn form_of<'a>(page: &'a str, action: &str) -> &'a str {
    let beginning = format!("<form method=\"post\" action=\"{action}\">");
    let (_, form) = page.split_once(&beginning).expect("the page has the form");
    form.split("</form>").next().expect("it ends")
}

fn alert(page: &str) -> &str {
    let (_, rest) = page.split_once("role=\"alert\">").expect("it says why");
    rest.split("</p>").next().expect("it ends")
}

on_both_databases!(
    a_form_that_is_refused_is_shown_again_with_its_values,
    |server| {
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let place = "/console/service-accounts/new";
        let fields = [
            ("name", "<Nightly> & \"daily\""),
            ("purpose", "Builds & checks"),
            ("owner", "nobody at all"),
        ];
        let refused = browser.submit(place, &fields).expect(422);
        assert!(
            refused.text.contains("<nav class=\"sections\""),
            "the page is whole"
        );
        let form = form_of(&refused.text, place);
        assert_eq!(
            alert(form),
            "There is no person that is called &quot;nobody at all&quot;."
        );
        for (name, value) in [
            ("name", "&lt;Nightly&gt; &amp; &quot;daily&quot;"),
            ("owner", "nobody at all"),
        ] {
            let field = form
                .split('<')
                .find(|tag| tag.contains(&format!("name=\"{name}\"")))
                .expect("the form has the field");
            assert!(field.contains(&format!("value=\"{value}\"")), "{field}");
        }
        assert!(form.contains("Builds &amp; checks"), "{form}");

        let mut mended = fields;
        mended[2] = ("owner", "admin");
        browser.submit(place, &mended).expect(303);
    }
);

on_both_databases!(the_field_that_a_reason_is_about_is_marked, |server| {
    let mut browser = Browser::of(&member(server, "writer", None));
    let place = "/console/me/tokens/new";
    for days in ["9999", "ten"] {
        let fields = [("name", "Laptop"), ("expires_in_days", days)];
        let refused = browser.submit(place, &fields).expect(422);
        let form = form_of(&refused.text, place);
        let field = form
            .split('<')
            .find(|tag| tag.contains("name=\"expires_in_days\""))
            .expect("the form has the field");
        assert!(field.contains("aria-invalid=\"true\""), "{field}");
        assert!(field.contains("aria-describedby=\"refused\""), "{field}");
        assert!(field.contains(&format!("value=\"{days}\"")), "{field}");
        assert!(form.contains("value=\"Laptop\""), "{form}");
        assert!(!form.contains("invalid digit"), "not in the parser's words");
    }
});

on_both_databases!(
    a_wrong_password_is_told_above_the_form_and_shown_nowhere,
    |server| {
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        server.clock.advance_millis(5 * 60_000);
        let place = "/console/keys/api-keys/new";
        let fields = [
            ("name", "Deploys"),
            ("scopes", "users:read"),
            ("expires_in_days", "30"),
            ("own_password", "not the password at all"),
        ];
        let refused = browser.submit(place, &fields).expect(403);
        let form = form_of(&refused.text, place);
        assert_eq!(
            alert(form),
            "The password is not right; nothing was changed."
        );
        assert!(form.contains("value=\"Deploys\""), "{form}");
        assert!(form.contains("name=\"own_password\""), "{form}");
        assert!(!refused.text.contains("not the password at all"));
        let chosen = form
            .split('<')
            .find(|tag| tag.contains("value=\"users:read\""))
            .expect("the form has the scope");
        assert!(chosen.contains("checked"), "{chosen}");

        let mut right = fields;
        right[3] = ("own_password", PASSWORD);
        let made = browser.submit(place, &right).expect(200);
        assert!(made.text.contains("id=\"secret\""));
    }
);

on_both_databases!(
    what_was_chosen_from_a_list_is_chosen_still_after_a_wrong_password,
    |server| {
        let leaver = crate::people::Leaver::arrange(server, "leaver");
        let path = format!("/users/{}/deprovision", leaver.person.id);
        server.admin().post(&path, &json!({})).expect(200);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        server.clock.advance_millis(5 * 60_000);
        let key = leaver.scim_key.id.as_str();
        let place = format!("/console/orphans/adopt?id={key}");
        let fields = [("id", key), ("own_password", "a guess")];
        let refused = browser.submit(&place, &fields).expect(403);
        let form = form_of(&refused.text, &place);
        assert!(
            form.contains(&format!("name=\"id\" type=\"hidden\" value=\"{key}\"")),
            "{form}"
        );
        let fields = [("id", key), ("own_password", PASSWORD)];
        browser.submit(&place, &fields).expect(303);
    }
);

on_both_databases!(
    a_token_that_is_refused_keeps_its_product_scopes_and_instances,
    |server| {
        let products = server.admin();
        let new = json!({"name": "Wiki", "scopes": ["pages:read", "pages:write"]});
        let product = products.post("/products", &new).expect(201).id();
        let new = json!({"name": "Berlin", "url": "https://berlin.example.org"});
        let path = format!("/products/{product}/instances");
        let instance = products.post(&path, &new).expect(201).id();
        let person = member(server, "maker", None);
        let mut browser = Browser::of(&person);
        let place = format!("/console/me/tokens/new?product={product}");
        let page = browser.get(&place).expect(200).text;
        form_of(&page, &place);

        let fields = [
            ("name", "Laptop"),
            ("product", product.as_str()),
            ("scopes", "pages:read"),
            ("instances", instance.as_str()),
            ("expires_in_days", "9999"),
        ];
        let refused = browser.submit(&place, &fields).expect(422).text;
        let form = form_of(&refused, &place);
        assert!(
            form.contains(&format!(
                "name=\"product\" type=\"hidden\" value=\"{product}\""
            )),
            "{form}"
        );
        for (value, is_chosen) in [
            ("pages:read", true),
            ("pages:write", false),
            (instance.as_str(), true),
        ] {
            let wanted = format!("value=\"{value}\"");
            let tag = form.split('<').find(|tag| tag.contains(&wanted));
            let tag = tag.expect("the form has the box");
            assert_eq!(tag.contains("checked"), is_chosen, "{tag}");
        }
        let mut mended = fields;
        mended[4] = ("expires_in_days", "30");
        browser.submit(&place, &mended).expect(200);
        let session = server.with_token(&person.sign_in());
        let list = session.get("/account/v1/tokens").expect(200).body;
        let token = &list["items"][0];
        assert_eq!(
            (
                &token["product_id"],
                &token["scopes"],
                &token["instance_ids"]
            ),
            (&json!(product), &json!(["pages:read"]), &json!([instance]))
        );

        // Whoever has to sign in again meanwhile comes back to the same choice.
        browser.cookie = None;
        let answer = browser.send(&place, &fields).expect(303);
        let next = format!(
            "/console/sign-in?next=%2Fconsole%2Fme%2Ftokens%2Fnew%3Fproduct%3D{}",
            product.replace('-', "%2D")
        );
        assert_eq!(leads_to(&answer), next);
    }
);

on_both_databases!(
    a_change_of_a_policy_that_was_previewed_is_previewed_again,
    |server| {
        let made = server.admin().post("/policies", &json!({"name": "Trial"}));
        let place = format!("/console/policies/{}", made.expect(201).id());
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        server.clock.advance_millis(5 * 60_000);
        let fields = [
            ("api_tokens", "blocked"),
            ("second_factor", "optional"),
            ("max_token_days", "30"),
            ("session_hours", "12"),
            ("idle_minutes", "60"),
            ("own_password", "a guess"),
        ];
        let change = format!("{place}/change");
        let refused = browser.submit(&change, &fields).expect(403);
        let form = form_of(&refused.text, &change);
        assert_eq!(
            alert(form),
            "The password is not right; nothing was changed."
        );
        assert!(
            form.contains("name=\"api_tokens\" type=\"hidden\" value=\"blocked\""),
            "{form}"
        );

        // What cannot be previewed is on the form that it comes from.
        let mut wrong = fields;
        wrong[2] = ("max_token_days", "many");
        let preview = format!("{place}/preview");
        let refused = browser.submit(&preview, &wrong).expect(422);
        let form = form_of(&refused.text, &preview);
        assert!(form.contains("value=\"many\""), "{form}");
        assert!(form.contains("aria-invalid=\"true\""), "{form}");
    }
);

on_both_databases!(a_form_from_elsewhere_fills_nothing_in, |server| {
    let mut browser = Browser::of(&member(server, "victim", None));
    let token = browser.form_token();
    browser.origin = Some("https://evil.example".to_owned());
    let fields = [
        ("name", "Planted"),
        ("expires_in_days", "9999"),
        ("form_token", token.as_str()),
    ];
    let refused = browser.send("/console/me/tokens/new", &fields).expect(403);
    assert!(!refused.text.contains("Planted"), "{}", refused.text);
});

/// Where an answer leads to.
fn leads_to(answer: &Answer) -> &str {
    answer.header("location").expect("it leads somewhere")
}

on_both_databases!(
    a_form_that_is_sent_after_the_session_leads_to_the_sign_in_and_back,
    |server| {
        let person = member(server, "sleeper", None);
        let mut browser = Browser::of(&person);
        let token = browser.form_token();
        let cookie = browser.cookie.clone();
        let others = Browser::of(&person).submit("/console/me/sessions/end-others", &[]);
        others.expect(303);
        browser.cookie = cookie;
        let fields = [("name", "Late"), ("form_token", token.as_str())];
        let answer = browser.send("/console/me/tokens/new", &fields).expect(303);
        assert_eq!(
            leads_to(&answer),
            "/console/sign-in?next=%2Fconsole%2Fme%2Ftokens%2Fnew&ended=true"
        );
        // A form of another address: back to the page that it was on.
        let referer = format!("{}/console/me/second-factor", server.base_url);
        for (come_from, next) in [
            (referer.as_str(), "%2Fconsole%2Fme%2Fsecond%2Dfactor"),
            ("https://evil.example/steal", "%2Fconsole%2F"),
        ] {
            let headers = [
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("Origin", server.base_url.as_str()),
                ("Referer", come_from),
            ];
            let path = "/console/me/second-factor/remove";
            let answer = browser
                .request("POST", path, &headers, "code=1")
                .expect(303);
            assert_eq!(
                leads_to(&answer),
                format!("/console/sign-in?next={next}&ended=true")
            );
        }
    }
);

on_both_databases!(
    an_address_that_is_not_understood_is_told_of_in_plain_words,
    |server| {
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        for path in [
            "/console/sign-in?ended=perhaps",
            "/console/service-accounts?orphaned=perhaps",
            "/console/people?q=a&q=b",
            "/console/orphans?kind=a&kind=b",
        ] {
            let answer = browser.get(path).expect(400);
            assert_eq!(
                alert(&answer.text),
                "What follows the question mark in the address is not understood: open the page anew, and choose again.",
                "{path}"
            );
            assert!(answer.text.contains("href=\"/console/\""), "{path}");
        }
    }
);

on_both_databases!(a_form_that_is_too_long_is_told_of_on_a_page, |server| {
    let mut browser = Browser::new(server);
    let long = "x".repeat(300_000);
    for path in ["/console/sign-in", "/console/setup"] {
        let answer = browser.send(path, &[("user_name", &long)]).expect(413);
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/html; charset=utf-8"), "{path}");
        assert!(
            alert(&answer.text).contains("at most") || alert(&answer.text).contains("too long")
        );
    }
    let answer = browser
        .get(&format!("/console/?q={}", "x".repeat(60_000)))
        .expect(414);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        answer
            .header("content-security-policy")
            .is_some_and(|policy| policy.contains("style-src 'self'"))
    );
});
