//! Enrolling: the secret is shown once and kept sealed, and counts when a code of it has been shown.

use portcullis::store::id::ResourceId;
use portcullis::store::{StoreError, second_factors};
use serde_json::{Value, json};

use super::{
    Authenticator, Enrolled, STEP, assert_is_barred, assert_is_open, member, pass, recorded,
    recovery_codes,
};

const PATH: &str = "/account/v1/second-factor";

on_both_databases!(
    a_session_alone_enrols_nothing_once_its_password_was_shown_a_while_ago,
    |server| {
        let ada = member(server, "ada");
        let session = ada.sign_in();
        let client = server.with_token(&session);
        let begun = client.post(PATH, &Value::Null).expect(201);
        let app = Authenticator::typed(&begun.text_at("/secret"));
        server.clock.advance_millis(5 * 60_000);

        client.post(PATH, &Value::Null).expect(403);
        let code = json!({"code": app.code(server.clock.now())});
        let confirm = format!("{PATH}/confirm");
        client.post(&confirm, &code).expect(403);
        assert_eq!(client.get(PATH).expect(200).body["enrolled"], false);

        let again = server.with_token(&ada.sign_in());
        again.post(&confirm, &code).expect(200);
    }
);

on_both_databases!(
    an_authenticator_counts_once_a_code_of_it_has_been_shown,
    |server| {
        let ada = member(server, "ada");
        let (session, elsewhere) = (ada.sign_in(), ada.sign_in());
        let client = server.with_token(&session);
        let state = json!({
            "enrolled": false, "enrolled_at": null, "required": false, "recovery_codes_left": 0
        });
        assert_eq!(client.get(PATH).expect(200).body, state);

        let begun = client.post(PATH, &Value::Null).expect(201);
        assert_eq!(begun.header("Cache-Control"), Some("no-store"));
        let secret = begun.text_at("/secret");
        assert_eq!(
            begun.text_at("/otpauth_uri"),
            format!(
                "otpauth://totp/Portcullis:ada%40example%2Eorg?secret={secret}&issuer=Portcullis\
                 &algorithm=SHA1&digits=6&period=30"
            )
        );
        assert!(begun.text_at("/qr_svg").starts_with("<svg"));
        assert_eq!(client.get(PATH).expect(200).body, state);
        assert_is_open(server, &elsewhere);
        assert_is_open(server, &ada.sign_in());

        let app = Authenticator::typed(&secret);
        let now = server.clock.now();
        let confirm = |code: &str| client.post(&format!("{PATH}/confirm"), &json!({"code": code}));
        confirm(&app.wrong_code(now)).expect(403);
        let code = app.code(now);
        let confirmed = confirm(&format!(" {} {} ", &code[..3], &code[3..])).expect(200);
        assert_eq!(confirmed.header("Cache-Control"), Some("no-store"));
        assert_eq!(recovery_codes(&confirmed).len(), 10);

        // Whoever knew the old session knows nothing of the new one; sessions without it are barred.
        client.get("/account/v1/session").expect(401);
        let renewed = confirmed.text_at("/token");
        assert_is_open(server, &renewed);
        assert_is_barred(server, &elsewhere);
        let client = server.with_token(&renewed);
        let state = client.get(PATH).expect(200).body;
        assert_eq!(state["enrolled"], true);
        assert_eq!(state["recovery_codes_left"], 10);
        client.post(PATH, &Value::Null).expect(409);
        assert_eq!(
            recorded(server, &ada.id),
            [
                "second_factor.begun",
                "second_factor.refused",
                "second_factor.enrolled"
            ]
        );
    }
);

on_both_databases!(
    neither_secret_nor_codes_are_kept_in_the_clear_or_put_on_record,
    |server| {
        let ada = member(server, "ada");
        let session = ada.sign_in();
        let begun = server
            .with_token(&session)
            .post(PATH, &Value::Null)
            .expect(201)
            .text_at("/secret");
        let id = ResourceId::new(ada.id.clone());
        let stored = server
            .database
            .read_now(|connection| second_factors::find_for_update(connection, &id))
            .map_err(|error: StoreError| error.to_string())
            .expect("the database works")
            .expect("enrolling has begun");
        let app = Authenticator::typed(&begun);
        assert!(!stored.secret.as_str().contains(&begun));
        let opened = server
            .state
            .sealer
            .open("second_factor_secret", &ada.id, &stored.secret)
            .expect("the server reads it back");
        assert_eq!(opened.expose(), app.secret);
        // Moved to somebody else, it opens for nobody.
        assert!(
            server
                .state
                .sealer
                .open("second_factor_secret", &server.admin_id, &stored.secret)
                .is_err()
        );

        let code = app.code(server.clock.now());
        let confirmed = server
            .with_token(&session)
            .post(&format!("{PATH}/confirm"), &json!({"code": code}))
            .expect(200);
        let record = server.admin().get("/audit-events/export").expect(200).text;
        for secret in recovery_codes(&confirmed).iter().chain([&begun, &code]) {
            assert!(!record.contains(&format!("\"{secret}\"")), "{secret}");
        }
    }
);

on_both_databases!(it_is_removed_with_a_code_and_not_without, |server| {
    let ada = Enrolled::arrange(server, "ada");
    let client = server.with_token(&ada.session);
    let remove = |code: &str| client.post(&format!("{PATH}/remove"), &json!({"code": code}));
    remove(&ada.app.wrong_code(server.clock.now())).expect(403);
    remove("").expect(403);
    client.get(PATH).expect(200);
    remove(&ada.code()).expect(204);
    assert_eq!(client.get(PATH).expect(200).body["enrolled"], false);
    let answer = ada.person.sign_in_with(crate::people::PASSWORD).expect(201);
    assert_eq!(answer.body["second_factor"], "not_required");
    assert_is_open(server, &answer.text_at("/token"));
});

on_both_databases!(
    a_recovery_code_works_once_until_there_are_new_ones,
    |server| {
        let ada = Enrolled::arrange(server, "ada");
        let [first, second, ..] = ada.recovery_codes.as_slice() else {
            panic!("there are ten");
        };
        let session = ada.begin_sign_in();
        let passed = pass(server, &session, &first.to_lowercase()).expect(200);
        assert_is_open(server, &passed.text_at("/token"));
        pass(server, &ada.begin_sign_in(), first).expect(403);
        let client = server.with_token(&passed.text_at("/token"));
        assert_eq!(client.get(PATH).expect(200).body["recovery_codes_left"], 9);

        let renew =
            |code: &str| client.post(&format!("{PATH}/recovery-codes"), &json!({"code": code}));
        renew("000000000000").expect(403);
        let renewed = recovery_codes(&renew(&ada.code()).expect(200));
        assert_eq!(renewed.len(), 10);
        pass(server, &ada.begin_sign_in(), second).expect(403);
        pass(server, &ada.begin_sign_in(), &renewed[0]).expect(200);
        server.clock.advance_millis(STEP);
        assert_eq!(
            recorded(server, &ada.person.id),
            [
                "second_factor.begun",
                "second_factor.enrolled",
                "second_factor.passed",
                "second_factor.refused",
                "second_factor.refused",
                "recovery_codes.renewed",
                "second_factor.refused",
                "second_factor.passed",
            ]
        );
    }
);

on_both_databases!(
    recovery_codes_of_one_person_are_nothing_to_another,
    |server| {
        let ada = Enrolled::arrange(server, "ada");
        let grace = Enrolled::arrange(server, "grace");
        pass(server, &grace.begin_sign_in(), &ada.recovery_codes[0]).expect(403);
        pass(server, &grace.begin_sign_in(), &ada.code()).expect(403);
        pass(server, &grace.begin_sign_in(), &grace.code()).expect(200);
    }
);
