//! Public keys as their holders give them: JWK, JWK Set, PEM.

use portcullis::credentials::CredentialError;
use portcullis::credentials::public_keys::PublicKey;
use serde_json::Value;

/// A key has one form and one thumbprint however it was written, and nothing secret is in it.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let read = match serde_json::from_str::<Value>(text) {
        Ok(value) if value.get("keys").is_some() => PublicKey::from_key_set(&value),
        Ok(value) => PublicKey::from_jwk(&value).map(|key| vec![key]),
        Err(_) => PublicKey::from_pem(text).map(|key| vec![key]),
    };
    match read {
        Ok(keys) => keys.iter().for_each(is_sound),
        Err(error) => assert!(
            matches!(error, CredentialError::Invalid(_)),
            "a failure of ours: {error}"
        ),
    }
}

fn is_sound(key: &PublicKey) {
    let written = serde_json::to_value(&key.jwk).expect("it can be written");
    let again = PublicKey::from_jwk(&written).expect("what is written is a key");
    assert_eq!(&again, key);
    key.decoding_key().expect("it verifies");
    key.hash().expect("it has a thumbprint");
    for secret in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert!(written.get(secret).is_none(), "{secret} is secret");
    }
}
