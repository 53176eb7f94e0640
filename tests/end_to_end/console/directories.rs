//! A directory in the console: changed by those who may, with what was forgiven its identity provider.

use serde_json::json;

use crate::people::{PASSWORD, patch_of};

use super::{Browser, member};

on_both_databases!(
    a_directory_is_changed_so_that_its_guide_is_that_of_the_identity_provider,
    |server| {
        let admin = member(server, "admin", Some("admin"));
        let somebody = member(server, "somebody", None);
        let mut browser = Browser::of(&admin);
        let place = format!("/console/directories/{}", server.directory_id);
        let page = browser.get(&place).expect(200).text;
        assert!(page.contains("Tell your identity provider the base URL below."));
        assert!(!page.contains("What was forgiven it"), "{page}");
        let operations = json!([{"op": "replace", "path": "active", "value": "True"}]);
        server
            .scim()
            .patch(&somebody.path(), &patch_of(&operations))
            .expect(200);
        let page = browser.get(&place).expect(200).text;
        assert!(
            page.contains("What was forgiven it") && page.contains(">boolean as string</td>"),
            "{page}"
        );

        let change = format!("{place}/change");
        assert!(page.contains(&format!("href=\"{change}\"")), "{page}");
        server.clock.advance_millis(5 * 60_000);
        let form = browser.get(&change).expect(200).text;
        assert!(
            form.contains("<option value=\"lenient\" selected>"),
            "{form}"
        );
        let fields = [("name", "Entra of the house"), ("dialect", "entra")];
        browser.submit(&change, &fields).expect(403);
        let shown = [&fields[..], &[("own_password", PASSWORD)]].concat();
        let nowhere = [("name", "Entra"), ("dialect", "nonsense")];
        let confirmed = [&nowhere[..], &[("own_password", PASSWORD)]].concat();
        browser.submit(&change, &confirmed).expect(422);
        browser.submit(&change, &shown).expect(303);
        let path = format!("/directories/{}", server.directory_id);
        let directory = server.admin().get(&path).expect(200).body;
        assert_eq!(directory["name"], "Entra of the house");
        assert_eq!(directory["dialect"], "entra");
        assert_eq!(directory["password_allowed"], false);
        let page = browser.get(&place).expect(200).text;
        assert!(page.contains("In the Entra admin center"), "{page}");
    }
);

on_both_databases!(
    an_auditor_sees_a_directory_and_does_not_change_it,
    |server| {
        let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
        let place = format!("/console/directories/{}", server.directory_id);
        let page = auditor.get(&place).expect(200).text;
        assert!(!page.contains(&format!("{place}/change")), "{page}");
        auditor
            .submit(&format!("{place}/change"), &[("name", "Mine")])
            .expect(403);
    }
);
