//! P9 for every page of the console, taken from its own table: whoever lacks what it needs is turned away before
//! anything of the request is looked at.

use actix_web::http::Method;
use portcullis::http::console::page::{Access, ConsoleRoute};
use portcullis::http::console::routes;
use portcullis::policies::{Rights, Role};
use uuid::Uuid;

use crate::people::Leaver;
use crate::server::Answer;

use super::{Browser, member};

/// A thing that does not exist is named wherever the path has a parameter.
fn path_of(route: &ConsoleRoute) -> String {
    let segments = route.path.split('/').map(|segment| {
        let parameter = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match parameter.map(|parameter| parameter.split_once(':')) {
            None => segment.to_owned(),
            Some(Some((_, literal))) => literal.to_owned(),
            Some(None) => Uuid::now_v7().to_string(),
        }
    });
    format!("/console{}", segments.collect::<Vec<_>>().join("/"))
}

/// Opens a page, or sends a form that carries the right token and nothing else.
fn call(browser: &mut Browser, token: &str, route: &ConsoleRoute) -> Answer {
    if route.method == Method::GET {
        browser.get(&path_of(route))
    } else {
        browser.send(&path_of(route), &[("form_token", token)])
    }
}

fn assert_sent_to_sign_in(answer: &Answer, who: &str, route: &ConsoleRoute) {
    let place = answer.header("location").unwrap_or_default();
    let what = format!(
        "{who}: {} {}: {} {place}",
        route.method, route.path, answer.status
    );
    assert_eq!(answer.status, 303, "{what}");
    assert!(place.starts_with("/console/sign-in?next="), "{what}");
}

on_both_databases!(no_page_lets_in_who_lacks_what_it_needs, |server| {
    let leaver = Leaver::arrange(server, "everything");
    let others = [
        ("SCIM key", leaver.scim_key.secret.clone()),
        ("admin API key", server.admin_key.clone()),
        ("user token", leaver.tokens[0].clone()),
        ("product credential", leaver.product_key.secret.clone()),
        ("password link", leaver.link.clone()),
    ];
    let mut nobody = Browser::new(server);
    let mut plain = Browser::of(&member(server, "plain", None));
    let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
    let tokens = [plain.form_token(), auditor.form_token()];
    let auditor_rights = Rights::of_roles(&[Role::Auditor]);
    for route in routes() {
        assert_sent_to_sign_in(&call(&mut nobody, "", &route), "nobody", &route);
        for (who, secret) in &others {
            let mut browser = Browser::with_session(server, secret);
            assert_sent_to_sign_in(&call(&mut browser, "", &route), who, &route);
        }
        if matches!(route.access, Access::HalfWay | Access::SignedIn) {
            continue;
        }
        let what = format!("{} {}", route.method, route.path);
        let answer = call(&mut plain, &tokens[0], &route);
        assert_eq!(answer.status, 403, "without a role: {what}");
        if !route.access.admits(&auditor_rights) {
            let answer = call(&mut auditor, &tokens[1], &route);
            assert_eq!(answer.status, 403, "auditor: {what}");
        }
    }
});

on_both_databases!(
    an_auditor_changes_nothing_and_an_admin_reaches_every_page,
    |server| {
        let mut admin = Browser::of(&member(server, "admin", Some("admin")));
        let token = admin.form_token();
        let auditor = Rights::of_roles(&[Role::Auditor]);
        for route in routes() {
            let what = format!("{} {}", route.method, route.path);
            let changes = route.method == Method::POST;
            let is_own = matches!(route.access, Access::HalfWay | Access::SignedIn);
            assert!(
                !changes || is_own || !route.access.admits(&auditor),
                "{what}"
            );
            // Leaving is tried elsewhere.
            if route.path == "/sign-out" {
                continue;
            }
            let answer = call(&mut admin, &token, &route);
            assert!(
                ![401, 403, 405, 500, 503].contains(&answer.status),
                "{what}: {} {}",
                answer.status,
                answer.text
            );
        }
    }
);

on_both_databases!(
    nothing_of_the_console_is_cached_framed_or_lent_a_script,
    |server| {
        let mut nobody = Browser::new(server);
        let mut admin = Browser::of(&member(server, "admin", Some("admin")));
        let answers = [
            nobody.get("/console"),
            nobody.get("/console/"),
            nobody.get("/console/sign-in"),
            nobody.get("/console/no-such-page"),
            nobody.get("/console/setup?link=nothing"),
            nobody.send("/console/sign-in", &[("user_name", "x"), ("password", "y")]),
            admin.get("/console/"),
            admin.get("/console/keys"),
            admin.get(&format!("/console/keys/scim-keys/{}", Uuid::now_v7())),
            admin.submit("/console/me/tokens/new", &[("name", "One")]),
        ];
        for answer in answers {
            let header = |name| answer.header(name).unwrap_or_default().to_owned();
            let policy = header("content-security-policy");
            let text = &answer.text;
            assert_eq!(header("cache-control"), "no-store", "{text}");
            assert_eq!(header("x-frame-options"), "DENY", "{text}");
            assert_eq!(header("x-content-type-options"), "nosniff", "{text}");
            assert!(["same-origin", "no-referrer"].contains(&header("referrer-policy").as_str()));
            for part in [
                "default-src 'none'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
            ] {
                assert!(policy.contains(part), "{policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            for inline in [" style=", " onclick=", "<style", "<script>"] {
                assert!(!text.contains(inline), "{inline}: {text}");
            }
        }
        // What everybody may have is kept, under a name that changes with it.
        let page = nobody.get("/console/sign-in").text;
        let (_, rest) = page
            .split_once("href=\"/console/assets/")
            .expect("a style sheet");
        let name = rest.split('"').next().expect("it ends");
        let style = nobody.get(&format!("/console/assets/{name}")).expect(200);
        assert!(
            style
                .header("cache-control")
                .is_some_and(|text| text.contains("immutable"))
        );
    }
);

on_both_databases!(
    a_browser_that_asks_for_the_server_is_led_to_the_console_and_others_are_not,
    |server| {
        let anybody = server.anonymous();
        let ask = |method: &str, accept: &[&str]| {
            let headers: Vec<_> = accept.iter().map(|text| ("Accept", *text)).collect();
            let answer = anybody.request(method, "/", &headers, b"");
            let place = answer.header("location").map(str::to_owned);
            (answer.status, place)
        };
        let led = (303, Some("/console/".to_owned()));
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_eq!(ask("GET", &[browser]), led);
        assert_eq!(ask("HEAD", &[browser]), led);
        for (method, accept) in [
            ("GET", vec![]),
            ("GET", vec!["*/*"]),
            ("GET", vec!["application/json"]),
            ("POST", vec![browser]),
            ("DELETE", vec![browser]),
        ] {
            assert_eq!(ask(method, &accept), (404, None), "{method} {accept:?}");
        }
    }
);
