//! When a credential stands, at every instant that decides it; from outside, clocks are not that exact.

use std::net::IpAddr;

use super::verify::{Refusal, is_allowed_from, stands};
use super::view::status;
use super::{Account, Credential, Found, LastUse, Owner};
use crate::clock::Timestamp;
use crate::secret::{PlainSecret, SecretKind};
use crate::store::id::{CredentialId, DirectoryId, ResourceId, ServiceAccountId};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn before() -> Timestamp {
    NOW.plus_millis(-1)
}

fn after() -> Timestamp {
    NOW.plus_millis(1)
}

fn credential() -> Credential {
    let secret = PlainSecret::generate(SecretKind::ScimKey).unwrap();
    Credential::new(&secret, "Key".to_owned(), None, before(), after())
}

fn owner(active: bool) -> Owner {
    Owner {
        id: ResourceId::generate(),
        directory_id: DirectoryId::generate(),
        user_name: None,
        display_name: None,
        active,
    }
}

/// The outcome by its name, and the status that is shown at the same instant.
fn standing(credential: &Credential, owner: Option<&Owner>) -> (&'static str, &'static str) {
    standing_of_account(credential, owner, None)
}

fn standing_of_account(
    credential: &Credential,
    owner: Option<&Owner>,
    account: Option<&Account>,
) -> (&'static str, &'static str) {
    let found = Found {
        credential: credential.clone(),
        owner: owner.cloned(),
        service_account: account.cloned(),
        directory: None,
    };
    let outcome = stands(&found, NOW);
    let name = outcome.as_ref().map_or_else(Refusal::name, |()| "stands");
    (name, status(credential, NOW))
}

#[test]
fn a_credential_stands_until_the_instant_that_ends_it() {
    let set = |change: fn(&mut Credential)| {
        let mut credential = credential();
        change(&mut credential);
        standing(&credential, None)
    };
    assert_eq!(set(|_| {}), ("stands", "active"));
    assert_eq!(set(|it| it.expires_at = NOW), ("expired", "expired"));
    assert_eq!(set(|it| it.expires_at = before()), ("expired", "expired"));
    assert_eq!(
        set(|it| it.idle_expires_at = Some(after())),
        ("stands", "active")
    );
    assert_eq!(
        set(|it| it.idle_expires_at = Some(NOW)),
        ("expired", "expired")
    );
    // Revocation is no matter of time: a clock that is behind brings nothing back.
    assert_eq!(
        set(|it| it.revoked_at = Some(after())),
        ("revoked", "revoked")
    );
    assert_eq!(
        set(|it| {
            it.revoked_at = Some(before());
            it.expires_at = before();
        }),
        ("revoked", "revoked")
    );
    let successor = |it: &mut Credential| it.successor_id = Some(CredentialId::generate());
    let mut rotated = credential();
    successor(&mut rotated);
    assert_eq!(standing(&rotated, None), ("stands", "rotated"));
    rotated.retires_at = Some(after());
    assert_eq!(standing(&rotated, None), ("stands", "rotated"));
    rotated.retires_at = Some(NOW);
    assert_eq!(standing(&rotated, None), ("revoked", "rotated"));
    // An orphan goes on working.
    assert_eq!(
        set(|it| it.orphaned_at = Some(before())),
        ("stands", "active")
    );
}

/// P1: even where the cascade has not reached a row.
#[test]
fn what_belongs_to_somebody_who_is_gone_or_not_active_does_not_stand() {
    let (present, absent) = (owner(true), owner(false));
    let owned = Credential {
        owner_id: Some(present.id.clone()),
        ..credential()
    };
    assert_eq!(standing(&owned, Some(&present)).0, "stands");
    assert_eq!(standing(&owned, Some(&absent)).0, "owner_inactive");
    assert_eq!(standing(&owned, None).0, "owner_inactive");

    let account = |active| Account {
        id: ServiceAccountId::generate(),
        name: "Deployment".to_owned(),
        address: "deployment@service-accounts.invalid".to_owned(),
        active,
    };
    let token = Credential {
        service_account_id: Some(account(true).id),
        ..credential()
    };
    let of_account = |account: Option<&Account>| standing_of_account(&token, None, account).0;
    assert_eq!(of_account(Some(&account(true))), "stands");
    assert_eq!(of_account(Some(&account(false))), "owner_inactive");
    assert_eq!(of_account(None), "owner_inactive");
}

#[test]
fn an_address_that_is_not_known_is_within_no_network() {
    let anywhere = credential();
    let bound = Credential {
        allowed_networks: vec![
            "192.0.2.0/24".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ],
        ..credential()
    };
    let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    assert!(is_allowed_from(&anywhere, None));
    assert!(is_allowed_from(&anywhere, address("203.0.113.1")));
    assert!(!is_allowed_from(&bound, None));
    for (text, allowed) in [
        ("192.0.2.0", true),
        ("192.0.2.255", true),
        ("192.0.3.0", false),
        ("2001:db8::1", true),
        ("2001:db9::1", false),
        // Whoever asks turns mapped addresses into what they mean.
        ("::ffff:192.0.2.1", false),
    ] {
        assert_eq!(is_allowed_from(&bound, address(text)), allowed, "{text}");
    }
}

#[test]
fn of_many_uses_the_last_is_written_once_in_the_order_of_the_credentials() {
    let uses = LastUse::default();
    let (first, second) = (CredentialId::generate(), CredentialId::generate());
    uses.note(&second, before(), None);
    uses.note(&first, before(), None);
    let address = Some("192.0.2.1".parse().unwrap());
    uses.note(&first, NOW, address);
    let drained = uses.drain();
    assert!(first < second);
    assert_eq!(drained, [(first, NOW, address), (second, before(), None)]);
    assert_eq!(uses.drain(), []);
}
