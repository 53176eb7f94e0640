//! A role that rests is told of in the console: before a deprovisioning, meanwhile, and before the reactivation.

use crate::people::{group, map_to_admin};

use super::{Browser, member};

on_both_databases!(
    the_console_tells_a_role_that_rests_from_one_that_is_lost,
    |server| {
        let ada = member(server, "ada", Some("auditor"));
        map_to_admin(server, &group(&server.scim(), "Operators", &[&ada.id]));
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let place = format!("/console/people/{}", ada.id);
        let leaving = format!("{place}/deprovision");

        let asked = browser.get(&leaving).expect(200).text;
        assert!(asked.contains("loses the role auditor."), "{asked}");
        let rests = "The role admin, which the group Operators gives, rests while they are inactive, and is theirs \
                     again when they are reactivated.";
        assert!(asked.contains(rests), "{asked}");
        assert!(
            asked.contains("brings nothing else of this back"),
            "{asked}"
        );
        browser.submit(&leaving, &[]).expect(303);

        let shown = browser.get(&place).expect(200).text;
        assert!(
            shown.contains("by a group; rests while they are inactive"),
            "{shown}"
        );
        let asked = browser.get(&format!("{place}/reactivate")).expect(200).text;
        let again = "They have the role <strong>admin</strong> again at once, which the group Operators gives.";
        assert!(asked.contains(again), "{asked}");
        browser
            .submit(&format!("{place}/reactivate"), &[])
            .expect(303);
        let shown = browser.get(&place).expect(200).text;
        assert!(!shown.contains("rests while they are inactive"), "{shown}");

        // Whoever has no role by a group is told of none.
        let grace = member(server, "grace", None);
        let place = format!("/console/people/{}", grace.id);
        let asked = browser
            .get(&format!("{place}/deprovision"))
            .expect(200)
            .text;
        assert!(
            asked.contains("brings none of this back") && !asked.contains("rests"),
            "{asked}"
        );
        browser
            .submit(&format!("{place}/deprovision"), &[])
            .expect(303);
        let asked = browser.get(&format!("{place}/reactivate")).expect(200).text;
        assert!(!asked.contains("the role"), "{asked}");
    }
);
