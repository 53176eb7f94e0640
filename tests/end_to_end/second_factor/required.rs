//! A policy that requires the second factor bars sessions without it at the next request (P10).

use serde_json::{Value, json};

use super::{Enrolled, assert_is_barred, assert_is_open, enrol, member, pass};
use crate::people::PASSWORD;

const DEFAULT: &str = "/policies/00000000-0000-7000-8000-000000000001";

on_both_databases!(
    requiring_it_bars_sessions_without_it_until_their_person_enrols,
    |server| {
        let ada = member(server, "ada");
        let grace = Enrolled::arrange(server, "grace");
        let session = ada.sign_in();
        assert_is_open(server, &session);
        server
            .admin()
            .patch(DEFAULT, &json!({"second_factor": "required"}))
            .expect(200);

        assert_is_barred(server, &session);
        assert_is_open(server, &grace.session);
        let signed_in = ada.sign_in_with(PASSWORD).expect(201);
        assert_eq!(signed_in.body["second_factor"], "enrolment_required");
        assert_is_barred(server, &signed_in.text_at("/token"));
        pass(server, &session, "123456").expect(409);
        let state = server
            .with_token(&session)
            .get("/account/v1/second-factor")
            .expect(200)
            .body;
        assert_eq!(
            (&state["required"], &state["enrolled"]),
            (&json!(true), &json!(false))
        );

        let (_, confirmed) = enrol(server, &session);
        assert_is_open(server, &confirmed.text_at("/token"));
        // What was opened before has not passed it.
        assert_is_barred(server, &signed_in.text_at("/token"));
    }
);

on_both_databases!(
    allowing_it_to_be_left_out_lets_the_same_sessions_in_again,
    |server| {
        let ada = member(server, "ada");
        let session = ada.sign_in();
        let set = |value: &str| {
            server
                .admin()
                .patch(DEFAULT, &json!({"second_factor": value}))
                .expect(200);
        };
        set("required");
        assert_is_barred(server, &session);
        set("optional");
        assert_is_open(server, &session);
    }
);

on_both_databases!(tokens_and_keys_have_no_second_factor, |server| {
    let ada = member(server, "ada");
    let session = ada.sign_in();
    let product = server
        .admin()
        .post("/products", &json!({"name": "One", "scopes": ["read"]}))
        .expect(201)
        .id();
    let key = server
        .admin()
        .post(
            &format!("/products/{product}/credentials"),
            &json!({"name": "Gate"}),
        )
        .expect(201)
        .text_at("/secret");
    let token = ada.create_token(&session, &json!({"name": "One"}));
    server
        .admin()
        .patch(DEFAULT, &json!({"second_factor": "required"}))
        .expect(200);
    assert_eq!(
        crate::people::introspect(server, &key, &token)["active"],
        true
    );
    server.scim().get("/Users?count=0").expect(200);
    // A session is nothing to introspect, and less so half of one.
    assert_eq!(
        crate::people::introspect(server, &key, &session)["active"],
        Value::Bool(false)
    );
});
