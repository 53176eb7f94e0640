//! The set-up page: a one-time link is out of the address as soon as it is opened, and gone once it is used.

use crate::people::{PASSWORD, Person};
use crate::server::TestServer;

use super::{Browser, hidden};

fn newcomer(server: &TestServer) -> Person<'_> {
    Person::create(server, &server.directory_id, &server.scim_key, "newcomer")
}

on_both_databases!(
    a_one_time_link_leaves_the_address_as_soon_as_it_is_opened,
    |server| {
        let person = newcomer(server);
        let link = person.password_link();
        let address = format!("/console/setup?link={link}");
        let mut browser = Browser::new(server);
        let opened = browser.get(&address).expect(303);
        assert_eq!(opened.header("location"), Some("/console/setup"));
        assert_eq!(opened.header("cache-control"), Some("no-store"));
        assert_eq!(opened.header("referrer-policy"), Some("no-referrer"));
        assert!(!opened.text.contains(&link), "{}", opened.text);
        let kept = format!(
            "portcullis_setup={link}; Path=/console/setup; HttpOnly; SameSite=Lax; Max-Age=900"
        );
        assert_eq!(opened.header("set-cookie"), Some(kept.as_str()));

        let page = browser.get("/console/setup").expect(200);
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("set-cookie"), None);
        assert_eq!(hidden(&page.text, "link"), link);
        Browser::new(server).get("/console/setup").expect(404);

        let fields = [
            ("link", link.as_str()),
            ("password", PASSWORD),
            ("repeated", PASSWORD),
        ];
        let gone = "portcullis_setup=; Path=/console/setup; HttpOnly; SameSite=Lax; Max-Age=0";
        let done = browser.send("/console/setup", &fields).expect(200);
        assert_eq!(done.header("set-cookie"), Some(gone));
        browser.get("/console/setup").expect(404);
        // It leads to a sign-in that knows the directory, which they need not.
        let (_, place) = done
            .text
            .split_once("href=\"/console/sign-in?")
            .expect("a way on");
        let query = place.split('"').next().expect("it ends");
        let sign_in = Browser::new(server).get(&format!("/console/sign-in?{query}"));
        let known = format!("name=\"directory\" value=\"{}\"", person.directory_name);
        assert!(sign_in.text.contains(&known), "{}", sign_in.text);
        assert!(sign_in.text.contains("<details open"), "{}", sign_in.text);
        Browser::new(server).sign_in(&person).expect(303);

        // Once more, it is opened, and sets nothing.
        browser.get(&address).expect(303);
        let again = browser.send("/console/setup", &fields).expect(404);
        assert_eq!(again.header("set-cookie"), Some(gone));
    }
);

on_both_databases!(nothing_but_a_link_is_kept_by_the_set_up_page, |server| {
    let person = newcomer(server);
    let link = person.password_link();
    person.set_password(&link, PASSWORD).expect(204);
    for text in ["nothing", "", server.admin_key.as_str(), &person.sign_in()] {
        let answer = Browser::new(server)
            .get(&format!("/console/setup?link={text}"))
            .expect(404);
        assert_eq!(answer.header("set-cookie"), None, "{text}");
        let mut browser = Browser::new(server);
        browser.cookie = Some(format!("portcullis_setup={text}"));
        browser.get("/console/setup").expect(404);
    }
});

on_both_databases!(
    over_tls_an_opened_link_is_sent_over_tls_alone,
    |server| {
        // What is behind the proxy that its clients reach over TLS.
        let server = &TestServer::start_beside(server);
        let link = newcomer(server).password_link();
        let opened = Browser::new(server)
            .get(&format!("/console/setup?link={link}"))
            .expect(303);
        let kept = format!(
            "__Secure-portcullis_setup={link}; Path=/console/setup; Secure; HttpOnly; SameSite=Lax; Max-Age=900"
        );
        assert_eq!(opened.header("set-cookie"), Some(kept.as_str()));
    },
    |settings| settings.public_url = Some("https://portcullis.example.org".to_owned())
);
