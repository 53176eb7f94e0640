//! Public keys as their holders give them: JWK, JWK Set or PEM. ES256, `EdDSA` (Ed25519) and RS256 with
//! 2048 bits at least; each key has one algorithm, which nothing that is signed with it can choose.
//!
//! However a key was written, it is kept in one form, so that one key has one thumbprint (RFC 7638).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use crate::secret::HashedSecret;

use super::CredentialError;

/// The longest `kid` that a holder may give a key.
const MAX_KEY_ID: usize = 256;
/// The most keys of one set.
const MAX_SET: usize = 10;
/// The members of a JWK that only its holder may know (RFC 7518 section 6), and those of symmetric keys.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// What a key is asked to be, where it is not.
const ACCEPTED: &str = "give an EC key on P-256 (ES256), an Ed25519 key (EdDSA) or an RSA key of 2048 to 8192 bits (RS256)";

/// The algorithms that assertions may be signed with, as JWA names them.
pub const ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "RS256"];

/// A public key that may be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The `kid` that its holder gave it, or else its thumbprint.
    pub key_id: String,
    /// The SHA-256 of the key (RFC 7638), in base64url.
    pub thumbprint: String,
    /// The one algorithm that it verifies.
    pub algorithm: Algorithm,
    /// The key as a JWK.
    pub jwk: Jwk,
}

impl PublicKey {
    /// Reads a JWK (RFC 7517).
    ///
    /// # Errors
    /// [`CredentialError::Invalid`] for anything that is not one acceptable public key.
    pub fn from_jwk(value: &Value) -> Result<Self, CredentialError> {
        if let Some(member) = PRIVATE_MEMBERS
            .iter()
            .find(|member| value.get(**member).is_some())
        {
            return Err(invalid(format_args!(
                "the JWK has the member {member:?}, which is part of a secret key: it has to be replaced by a \
                 new one, of which only the public part is given here"
            )));
        }
        let jwk: Jwk = serde_json::from_value(value.clone())
            .map_err(|_| invalid(format_args!("this is no JWK of a public key: {ACCEPTED}")))?;
        if jwk
            .common
            .public_key_use
            .as_ref()
            .is_some_and(|purpose| *purpose != PublicKeyUse::Signature)
        {
            return Err(invalid(format_args!(
                "the JWK's use is not \"sig\": give a key that is for signatures"
            )));
        }
        let key = Self::canonical(&jwk.algorithm, jwk.common.key_id.as_deref())?;
        let named = value.get("alg").and_then(Value::as_str);
        if let Some(named) = named.filter(|named| *named != key.algorithm_name()) {
            return Err(invalid(format_args!(
                "the JWK's alg is {named:?}, but such a key is for {}",
                key.algorithm_name()
            )));
        }
        Ok(key)
    }

    /// Reads a JWK Set (RFC 7517 section 5).
    ///
    /// # Errors
    /// [`CredentialError::Invalid`] where one of its keys is not acceptable, or where there are none or too many.
    pub fn from_key_set(value: &Value) -> Result<Vec<Self>, CredentialError> {
        let keys = value.get("keys").and_then(Value::as_array);
        let keys = keys
            .filter(|keys| (1..=MAX_SET).contains(&keys.len()))
            .ok_or_else(|| {
                invalid(format_args!(
                    "a JWK Set has the member \"keys\" with 1 to {MAX_SET} keys"
                ))
            })?;
        keys.iter().map(Self::from_jwk).collect()
    }

    /// Reads a public key in PEM: `SubjectPublicKeyInfo`, or PKCS#1 for RSA.
    ///
    /// # Errors
    /// [`CredentialError::Invalid`] for anything that is not one acceptable public key.
    pub fn from_pem(text: &str) -> Result<Self, CredentialError> {
        let text = text.trim();
        if text.contains("PRIVATE KEY-----") {
            return Err(invalid(format_args!(
                "this is a private key: it has to be replaced by a new one, of which only the public key is \
                 given here"
            )));
        }
        let is_public = [
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN RSA PUBLIC KEY-----",
        ]
        .iter()
        .any(|label| text.starts_with(label));
        let bytes = text.as_bytes();
        let key = DecodingKey::from_ec_pem(bytes)
            .or_else(|_| DecodingKey::from_ed_pem(bytes))
            .or_else(|_| DecodingKey::from_rsa_pem(bytes));
        match key.and_then(|key| Jwk::from_decoding_key(&key, None)) {
            Ok(jwk) if is_public => Self::canonical(&jwk.algorithm, None),
            _ => Err(invalid(format_args!(
                "this is no public key in PEM, which begins with -----BEGIN PUBLIC KEY-----: {ACCEPTED}"
            ))),
        }
    }

    /// What verifies a signature of this key.
    ///
    /// # Errors
    /// Never for a key that was made by the functions above.
    pub fn decoding_key(&self) -> Result<DecodingKey, CredentialError> {
        DecodingKey::from_jwk(&self.jwk).map_err(|_| CredentialError::Signing)
    }

    /// What stands in the database where a secret's hash does: the thumbprint itself.
    ///
    /// # Errors
    /// Never for a key that was made by the functions above.
    pub fn hash(&self) -> Result<HashedSecret, CredentialError> {
        let digest = URL_SAFE_NO_PAD.decode(&self.thumbprint);
        let digest = digest.ok().and_then(|digest| digest.try_into().ok());
        let digest: [u8; 32] = digest.ok_or(CredentialError::Signing)?;
        Ok(HashedSecret::of_thumbprint(digest))
    }

    /// The algorithm, as JWA names it.
    #[must_use]
    pub fn algorithm_name(&self) -> &'static str {
        match self.algorithm {
            Algorithm::ES256 => "ES256",
            Algorithm::EdDSA => "EdDSA",
            _ => "RS256",
        }
    }

    fn canonical(
        parameters: &AlgorithmParameters,
        key_id: Option<&str>,
    ) -> Result<Self, CredentialError> {
        let unacceptable = || invalid(format_args!("this key cannot be used: {ACCEPTED}"));
        let (algorithm, key) = match parameters {
            AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
                let (x, y) = (decoded(&point.x)?, decoded(&point.y)?);
                if x.len() != 32 || y.len() != 32 {
                    return Err(unacceptable());
                }
                let point = [&[4][..], &x, &y].concat();
                let is_on_curve = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).is_ok();
                is_on_curve.then(|| (Algorithm::ES256, DecodingKey::from_ec_der(&point)))
            }
            AlgorithmParameters::OctetKeyPair(point) if point.curve == EllipticCurve::Ed25519 => {
                let point = decoded(&point.x)?;
                let is_sound = point.len() == 32 && ParsedPublicKey::new(&ED25519, &point).is_ok();
                is_sound.then(|| (Algorithm::EdDSA, DecodingKey::from_ed_der(&point)))
            }
            AlgorithmParameters::RSA(key) => {
                let (n, e) = (number(&decoded(&key.n)?), number(&decoded(&key.e)?));
                let is_sound = RSA_BITS.contains(&bits(&n)) && is_rsa_key(&n, &e);
                is_sound.then(|| {
                    let key = DecodingKey::from_rsa_raw_components(&n, &e);
                    (Algorithm::RS256, key)
                })
            }
            _ => None,
        }
        .ok_or_else(unacceptable)?;
        let mut jwk = Jwk::from_decoding_key(&key, Some(algorithm)).map_err(|_| unacceptable())?;
        let thumbprint = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(|_| unacceptable())?;
        let key_id = checked_key_id(key_id.unwrap_or(&thumbprint))?;
        jwk.common.key_id = Some(key_id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            key_id,
            thumbprint,
            algorithm,
            jwk,
        })
    }
}

/// The algorithm that JWA names so.
#[must_use]
pub fn algorithm_of_name(name: &str) -> Option<Algorithm> {
    match name {
        "ES256" => Some(Algorithm::ES256),
        "EdDSA" => Some(Algorithm::EdDSA),
        "RS256" => Some(Algorithm::RS256),
        _ => None,
    }
}

fn checked_key_id(text: &str) -> Result<String, CredentialError> {
    let is_fit = (1..=MAX_KEY_ID).contains(&text.len()) && !text.chars().any(char::is_control);
    if is_fit {
        return Ok(text.to_owned());
    }
    Err(invalid(format_args!(
        "the JWK's kid must be 1 to {MAX_KEY_ID} bytes without control characters"
    )))
}

fn decoded(text: &str) -> Result<Vec<u8>, CredentialError> {
    URL_SAFE_NO_PAD
        .decode(text.trim_end_matches('='))
        .map_err(|_| invalid(format_args!("the JWK's numbers must be base64url")))
}

/// Without the zeros that some put before it.
fn number(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect()
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| {
        number.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or_default()
    })
}

/// Odd numbers, an exponent that is neither 1 nor huge, and the library takes them.
fn is_rsa_key(n: &[u8], e: &[u8]) -> bool {
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    is_odd(n)
        && is_odd(e)
        && (2..=33).contains(&bits(e))
        && RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .is_ok()
}

fn invalid(text: std::fmt::Arguments<'_>) -> CredentialError {
    CredentialError::Invalid(text.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // The keys of RFC 7515 appendix A.3, RFC 8037 appendix A.2 and RFC 7638 section 3.1.
    fn ec() -> Value {
        json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        })
    }

    fn ed() -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        })
    }

    const MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    fn rsa() -> Value {
        json!({"kty": "RSA", "n": MODULUS, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
    }

    fn refusal(value: &Value) -> String {
        PublicKey::from_jwk(value).unwrap_err().to_string()
    }

    #[test]
    fn each_kind_of_key_has_one_algorithm_and_the_thumbprint_of_the_rfc() {
        let cases = [
            (ec(), Algorithm::ES256, None),
            (
                ed(),
                Algorithm::EdDSA,
                Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
            ),
            (
                rsa(),
                Algorithm::RS256,
                Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
            ),
        ];
        for (jwk, algorithm, thumbprint) in cases {
            let key = PublicKey::from_jwk(&jwk).unwrap();
            assert_eq!(key.algorithm, algorithm);
            assert_eq!(algorithm_of_name(key.algorithm_name()), Some(algorithm));
            assert!(thumbprint.is_none_or(|thumbprint| thumbprint == key.thumbprint));
            let named = jwk["kid"].as_str().unwrap_or(&key.thumbprint);
            assert_eq!(key.key_id, named);
            let stored = serde_json::to_value(&key.jwk).unwrap();
            assert_eq!(PublicKey::from_jwk(&stored).unwrap(), key);
        }
    }

    #[test]
    fn one_key_has_one_thumbprint_however_it_is_written() {
        let key = PublicKey::from_jwk(&rsa()).unwrap();
        let modulus = URL_SAFE_NO_PAD.decode(MODULUS).unwrap();
        let padded = URL_SAFE_NO_PAD.encode([&[0][..], &modulus].concat());
        let mut same = rsa();
        same["n"] = json!(padded);
        same["e"] = json!("AAEAAQ");
        assert_eq!(PublicKey::from_jwk(&same).unwrap(), key);
        let mut same = ec();
        same["x"] = json!(format!("{}=", same["x"].as_str().unwrap()));
        assert_eq!(
            PublicKey::from_jwk(&same).unwrap(),
            PublicKey::from_jwk(&ec()).unwrap()
        );
    }

    #[test]
    fn a_secret_key_is_refused_and_named_as_one() {
        for member in PRIVATE_MEMBERS {
            let mut jwk = ec();
            jwk[member] = json!("AQAB");
            assert!(refusal(&jwk).contains("secret"), "{member}");
        }
        let symmetric = json!({"kty": "oct", "k": "c2VjcmV0"});
        assert!(refusal(&symmetric).contains("secret"));
        let pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
        let refused = PublicKey::from_pem(pem).unwrap_err().to_string();
        assert!(refused.contains("private"), "{refused}");
    }

    #[test]
    fn what_is_weak_broken_or_for_something_else_is_refused() {
        let with = |mut jwk: Value, member: &str, value: Value| {
            jwk[member] = value;
            jwk
        };
        let short = URL_SAFE_NO_PAD.encode([&[0xff; 127][..], &[1]].concat());
        for jwk in [
            json!({}),
            json!("text"),
            json!({"kty": "EC", "crv": "P-256"}),
            with(ec(), "crv", json!("P-384")),
            with(
                ec(),
                "y",
                json!("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1"),
            ),
            with(ec(), "x", json!("AAAA")),
            with(ec(), "alg", json!("ES384")),
            with(ec(), "alg", json!("none")),
            with(ec(), "use", json!("enc")),
            with(ec(), "kid", json!("")),
            with(ec(), "kid", json!("a\u{0}b")),
            with(ed(), "crv", json!("X25519")),
            with(ed(), "x", json!("AAAA")),
            with(rsa(), "n", json!(short)),
            with(rsa(), "e", json!("AQ")),
            with(rsa(), "e", json!("Ag")),
            with(rsa(), "n", json!("not base64url!")),
            with(rsa(), "alg", json!("HS256")),
            with(rsa(), "alg", json!("PS256")),
        ] {
            assert!(PublicKey::from_jwk(&jwk).is_err(), "{jwk}");
        }
    }

    #[test]
    fn a_set_is_taken_whole_or_not_at_all() {
        let set = |keys: &[Value]| PublicKey::from_key_set(&json!({"keys": keys}));
        assert_eq!(set(&[ec(), ed(), rsa()]).unwrap().len(), 3);
        assert!(set(&[]).is_err());
        assert!(set(&[ec(), json!({"kty": "oct", "k": "AA"})]).is_err());
        assert!(set(&vec![ec(); MAX_SET + 1]).is_err());
        assert!(PublicKey::from_key_set(&ec()).is_err());
    }

    #[test]
    fn pem_that_holds_no_public_key_is_refused() {
        for pem in [
            "",
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        ] {
            assert!(PublicKey::from_pem(pem).is_err(), "{pem}");
        }
    }

    #[test]
    fn a_public_key_in_pem_is_the_same_key_as_its_jwk() {
        // The Ed25519 key above, as SubjectPublicKeyInfo (RFC 8410 section 4).
        let x = URL_SAFE_NO_PAD.decode(ed()["x"].as_str().unwrap()).unwrap();
        let prefix = [
            0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
        ];
        let der = [&prefix[..], &x].concat();
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        let key = PublicKey::from_pem(&pem).unwrap();
        assert_eq!(key, PublicKey::from_jwk(&ed()).unwrap());
    }
}
