//! A second factor that is lost, or whose person leaves.

use serde_json::{Value, json};

use super::{Enrolled, assert_is_open, member, pass, recorded};
use crate::people::PASSWORD;

on_both_databases!(
    an_admin_resets_it_and_the_person_is_told_and_signed_out,
    |server| {
        let ada = Enrolled::arrange(server, "ada");
        let half = ada.begin_sign_in();
        let path = format!("/users/{}/second-factor", ada.person.id);
        assert_eq!(server.admin().get(&path).expect(200).body["enrolled"], true);
        let impact = format!("{path}/impact");
        let would_end = json!({
            "revoked": {"session": 2},
            "recovery_codes": ada.recovery_codes.len(),
            "required": false,
        });
        assert_eq!(server.admin().get(&impact).expect(200).body, would_end);
        server.admin().delete(&path).expect(204);
        let event = server
            .admin()
            .get("/audit-events?action=second_factor.reset");
        let event = event.expect(200).body["items"][0].clone();
        assert_eq!(event["detail"]["sessions_ended"], 2, "{event}");
        server.admin().get(&impact).expect(404);

        server
            .with_token(&ada.session)
            .get("/account/v1/session")
            .expect(401);
        pass(server, &half, &ada.code()).expect(401);
        pass(server, &half, &ada.recovery_codes[0]).expect(401);
        let answer = ada.person.sign_in_with(PASSWORD).expect(201);
        assert_eq!(answer.body["second_factor"], "not_required");
        assert_is_open(server, &answer.text_at("/token"));
        assert_eq!(
            server.admin().get(&path).expect(200).body["enrolled"],
            false
        );
        server.admin().delete(&path).expect(404);
        server
            .admin()
            .delete("/users/nobody/second-factor")
            .expect(404);

        assert_eq!(
            recorded(server, &ada.person.id),
            [
                "second_factor.begun",
                "second_factor.enrolled",
                "second_factor.reset"
            ]
        );
        let notices = server.admin().get("/notices?limit=1000").expect(200);
        let told = notices.body["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|notice| notice["kind"] == "second_factor_reset")
            .map(|notice| &notice["detail"]["user_id"])
            .collect::<Vec<_>>();
        assert_eq!(told, [&json!(ada.person.id)]);
    }
);

on_both_databases!(nobody_resets_it_for_somebody_with_more_rights, |server| {
    let owner = member(server, "owner");
    let assign = json!({"user_id": owner.id, "role": "owner"});
    // An owner alone makes an owner.
    server
        .admin()
        .post("/roles/assignments", &assign)
        .expect(403);
    let id = portcullis::store::id::ResourceId::new(owner.id.clone());
    let now = server.clock.now();
    server
        .database
        .write_blocking(move |connection| {
            portcullis::policies::roles::assign(
                connection,
                &id,
                portcullis::policies::Role::Owner,
                &portcullis::audit::Actor::command_line(),
                now,
            )
        })
        .expect("a role can be granted");
    let owner = Enrolled::of(owner);
    let path = format!("/users/{}/second-factor", owner.person.id);
    server.admin().delete(&path).expect(403);
    assert_is_open(server, &owner.session);
    assert_eq!(server.admin().get(&path).expect(200).body["enrolled"], true);
});

on_both_databases!(it_goes_with_the_person_and_does_not_come_back, |server| {
    let ada = Enrolled::arrange(server, "ada");
    let path = format!("/users/{}", ada.person.id);
    server
        .admin()
        .post(&format!("{path}/deprovision"), &Value::Null)
        .expect(200);
    server
        .admin()
        .post(&format!("{path}/reactivate"), &Value::Null)
        .expect(200);
    let state = server
        .admin()
        .get(&format!("{path}/second-factor"))
        .expect(200)
        .body;
    assert_eq!(
        state,
        json!({"enrolled": false, "enrolled_at": null, "required": false, "recovery_codes_left": 0})
    );
    ada.person
        .set_password(&ada.person.password_link(), PASSWORD)
        .expect(204);
    let answer = ada.person.sign_in_with(PASSWORD).expect(201);
    assert_eq!(answer.body["second_factor"], "not_required");
});
