//! Service accounts: the accounts of programs. They have no password, no second factor and no mailbox, so they
//! never sign in; what authenticates them are tokens and registered keys of their own. A person answers for each.
//!
//! Disabling an account ends all it has, and enabling it brings nothing back. An account whose owner has left is
//! flagged by `lifecycle` and goes on working.

use serde_json::json;

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::policies::authentication::{self, ServiceAccountCreators};
use crate::policies::products::checked_name;
use crate::store::credentials::{self as table, Counts, Selection};
use crate::store::id::{ResourceId, ServiceAccountId};
use crate::store::service_accounts::{self as accounts, ServiceAccount};
use crate::store::{DatabaseConnection, StoreError};

use super::issue::{active_person, creator, refuse_without_role};
use super::{Creator, Credential, CredentialError};

/// The longest purpose, in characters.
const MAX_PURPOSE: usize = 1_000;
/// The longest part of an address before its domain.
const MAX_SLUG: usize = 48;

/// An account to be.
#[derive(Debug, Clone)]
pub struct NewServiceAccount {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Who answers for it; whoever makes it where nobody is named.
    pub owner: Option<ResourceId>,
}

/// What is changed of an account; the rest stays.
#[derive(Debug, Clone, Default)]
pub struct ServiceAccountChange {
    /// A new name. The address stays.
    pub name: Option<String>,
    /// What it is for now.
    pub purpose: Option<String>,
    /// Who answers for it from now on.
    pub owner: Option<ResourceId>,
}

/// Makes an account, with an address under this domain.
///
/// # Errors
/// [`CredentialError::Invalid`] for a bad name or purpose, or where nobody would answer for it;
/// [`CredentialError::NotFound`] and [`CredentialError::Conflict`] for an owner who is not there or not active;
/// [`CredentialError::Conflict`] for a name that is taken; [`CredentialError::Forbidden`] where the actor may
/// make none; when the database fails.
pub fn create(
    connection: &mut DatabaseConnection,
    new: &NewServiceAccount,
    domain: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<ServiceAccount, CredentialError> {
    let name = checked_name(&new.name)?;
    let purpose = checked_purpose(&new.purpose)?;
    let maker = creator(connection, actor)?;
    refuse_without_role(connection, actor)?;
    if let Some(maker) = &maker {
        refuse_by_policy(connection, maker, now)?;
    }
    let owner = answerable(connection, new.owner.as_ref(), maker)?;
    let id = ServiceAccountId::generate();
    let account = ServiceAccount {
        address: free_address(connection, &name, domain, &id)?,
        id,
        name,
        purpose,
        owner: Some(owner),
        active: true,
        created_at: now,
        modified_at: now,
        disabled_at: None,
        orphaned_at: None,
        orphaned_reason: None,
    };
    accounts::insert(connection, &account).map_err(taken)?;
    let event = event(Action::ServiceAccountCreated, &account)
        .with("address", account.address.as_str())
        .with(
            "owner_id",
            json!(account.owner.as_ref().map(|owner| &owner.id)),
        );
    audit::record(connection, actor, now, event)?;
    Ok(account)
}

/// What the policy of the maker says of making service accounts.
fn refuse_by_policy(
    connection: &mut DatabaseConnection,
    maker: &Creator,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let policy = authentication::effective(connection, &maker.id, now)?;
    match policy.settings.service_account_creators {
        ServiceAccountCreators::Admins => Ok(()),
        ServiceAccountCreators::Nobody => Err(CredentialError::Forbidden(format!(
            "the policy {:?} lets nobody make service accounts",
            policy.name
        ))),
    }
}

/// Changes an account. Whoever is named as its owner takes it over: it is an orphan no more.
///
/// # Errors
/// As [`create`]; [`CredentialError::NotFound`] where there is no such account.
pub fn update(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
    change: &ServiceAccountChange,
    actor: &Actor,
    now: Timestamp,
) -> Result<ServiceAccount, CredentialError> {
    creator(connection, actor)?;
    refuse_without_role(connection, actor)?;
    // People are held before accounts, everywhere.
    let owner = match &change.owner {
        None => None,
        Some(person) => Some(answerable(connection, Some(person), None)?),
    };
    let mut account = held(connection, id)?;
    if let Some(name) = &change.name {
        account.name = checked_name(name)?;
    }
    if let Some(purpose) = &change.purpose {
        account.purpose = checked_purpose(purpose)?;
    }
    if let Some(owner) = owner {
        hand_over(connection, &mut account, owner)?;
    }
    account.modified_at = now;
    accounts::update(connection, &account).map_err(taken)?;
    let event = event(Action::ServiceAccountUpdated, &account).with(
        "owner_id",
        json!(account.owner.as_ref().map(|owner| &owner.id)),
    );
    audit::record(connection, actor, now, event)?;
    Ok(account)
}

/// Makes a person, or the actor, the one who answers for an orphaned account and looks after what it has.
///
/// # Errors
/// [`CredentialError::NotFound`]; [`CredentialError::Conflict`] for an account that is no orphan;
/// [`CredentialError::Invalid`] where nobody would answer for it; [`CredentialError::Forbidden`] where the actor
/// may adopt nothing; when the database fails.
pub fn adopt(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
    owner: Option<&ResourceId>,
    actor: &Actor,
    now: Timestamp,
) -> Result<ServiceAccount, CredentialError> {
    let adopter = creator(connection, actor)?;
    refuse_without_role(connection, actor)?;
    let owner = answerable(connection, owner, adopter)?;
    let mut account = held(connection, id)?;
    if account.orphaned_at.is_none() {
        return Err(CredentialError::Conflict(
            "the service account is not orphaned".to_owned(),
        ));
    }
    let left_by = account.owner.clone();
    hand_over(connection, &mut account, owner)?;
    account.modified_at = now;
    accounts::update(connection, &account)?;
    let mut event = event(Action::ServiceAccountAdopted, &account);
    if let Some(left_by) = left_by {
        event = event
            .with("left_by", left_by.id.as_str())
            .with("left_by_user_name", left_by.user_name);
    }
    audit::record(connection, actor, now, event)?;
    Ok(account)
}

/// Disables an account: all that authenticates it is revoked, for good. Doing it again ends what is left.
///
/// # Errors
/// [`CredentialError::NotFound`]; when the database fails.
pub fn disable(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
    actor: &Actor,
    now: Timestamp,
) -> Result<ServiceAccount, CredentialError> {
    let mut account = held(connection, id)?;
    let was_active = account.active;
    if was_active {
        account.active = false;
        account.disabled_at = Some(now);
        account.modified_at = now;
        accounts::update(connection, &account)?;
    }
    let revoked = table::revoke_of_account(connection, id, "service_account_disabled", now)?;
    if was_active || !revoked.is_empty() {
        let event = event(Action::ServiceAccountDisabled, &account).with("revoked", json!(revoked));
        audit::record(connection, actor, now, event)?;
    }
    Ok(account)
}

/// Enables an account again. It has nothing to authenticate with until it is given something new.
///
/// # Errors
/// [`CredentialError::NotFound`]; [`CredentialError::Forbidden`] where the actor may not; when the database
/// fails.
pub fn enable(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
    actor: &Actor,
    now: Timestamp,
) -> Result<ServiceAccount, CredentialError> {
    creator(connection, actor)?;
    refuse_without_role(connection, actor)?;
    let mut account = held(connection, id)?;
    if !account.active {
        account.active = true;
        account.disabled_at = None;
        account.modified_at = now;
        accounts::update(connection, &account)?;
        let event = event(Action::ServiceAccountEnabled, &account);
        audit::record(connection, actor, now, event)?;
    }
    Ok(account)
}

/// Deletes an account, revokes all that authenticates it, and counts that.
///
/// # Errors
/// [`CredentialError::NotFound`]; when the database fails.
pub fn delete(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
    actor: &Actor,
    now: Timestamp,
) -> Result<Counts, CredentialError> {
    let account = held(connection, id)?;
    let revoked = table::revoke_of_account(connection, id, "service_account_deleted", now)?;
    accounts::delete(connection, id)?;
    let event = event(Action::ServiceAccountDeleted, &account).with("revoked", json!(revoked));
    audit::record(connection, actor, now, event)?;
    Ok(revoked)
}

/// One account.
///
/// # Errors
/// [`CredentialError::NotFound`]; when the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
) -> Result<ServiceAccount, CredentialError> {
    accounts::find(connection, id)?.ok_or(CredentialError::NotFound("service account"))
}

/// What an account can authenticate with now, which whoever takes it over must be entitled to.
///
/// # Errors
/// When the database fails.
pub fn working_credentials(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
) -> Result<Vec<Credential>, CredentialError> {
    let selection = Selection {
        service_account: Some(id.clone()),
        ..Selection::default()
    };
    let found = table::list(connection, &selection, None, i64::MAX)?;
    Ok(found
        .into_iter()
        .filter(|credential| credential.revoked_at.is_none())
        .collect())
}

/// An account that is active, and stays so until the transaction ends. Whoever calls has held the people it
/// needs before.
///
/// # Errors
/// [`CredentialError::NotFound`]; [`CredentialError::Conflict`] where it is not active; when the database fails.
pub fn active_account(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
) -> Result<ServiceAccount, CredentialError> {
    let account = accounts::lock_shared(connection, id)?
        .ok_or(CredentialError::NotFound("service account"))?;
    if !account.active {
        return Err(CredentialError::Conflict(
            "the service account is disabled".to_owned(),
        ));
    }
    Ok(account)
}

/// Like [`active_account`], for what is made anew: an account that nobody answers for is given nothing more.
///
/// # Errors
/// As [`active_account`]; [`CredentialError::Conflict`] for an orphan.
pub fn account_in_care(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
) -> Result<ServiceAccount, CredentialError> {
    let account = active_account(connection, id)?;
    if account.orphaned_at.is_some() {
        return Err(CredentialError::Conflict(
            "the service account is orphaned: adopt it first".to_owned(),
        ));
    }
    Ok(account)
}

fn held(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
) -> Result<ServiceAccount, CredentialError> {
    accounts::find_for_update(connection, id)?.ok_or(CredentialError::NotFound("service account"))
}

fn hand_over(
    connection: &mut DatabaseConnection,
    account: &mut ServiceAccount,
    owner: Creator,
) -> Result<(), StoreError> {
    if account.orphaned_at.is_some() {
        table::adopt_of_account(connection, &account.id, Some(&owner))?;
    }
    account.orphaned_at = None;
    account.orphaned_reason = None;
    account.owner = Some(owner);
    Ok(())
}

/// The person who is named, or else whoever acts: somebody who is there has to answer for an account.
fn answerable(
    connection: &mut DatabaseConnection,
    named: Option<&ResourceId>,
    actor: Option<Creator>,
) -> Result<Creator, CredentialError> {
    let Some(named) = named else {
        return actor.ok_or_else(|| {
            CredentialError::Invalid(
                "owner_id is missing: name the person who answers for the service account"
                    .to_owned(),
            )
        });
    };
    let person = active_person(connection, named)?;
    Ok(Creator {
        id: person.id,
        user_name: person.user_name,
        display_name: person.display_name,
    })
}

fn checked_purpose(purpose: &str) -> Result<String, CredentialError> {
    let purpose = purpose.trim();
    let is_clean = !purpose
        .chars()
        .any(|letter| letter.is_control() && letter != '\n');
    if (1..=MAX_PURPOSE).contains(&purpose.chars().count()) && is_clean {
        return Ok(purpose.to_owned());
    }
    Err(CredentialError::Invalid(format!(
        "purpose must be 1 to {MAX_PURPOSE} characters: it tells whoever finds the account what it is for"
    )))
}

/// An address that no account has: the name in it, and where that is taken the end of the identifier too.
fn free_address(
    connection: &mut DatabaseConnection,
    name: &str,
    domain: &str,
    id: &ServiceAccountId,
) -> Result<String, CredentialError> {
    let slug = slug(name);
    let address = format!("{slug}@{domain}");
    if accounts::find_by_address(connection, &address)?.is_none() {
        return Ok(address);
    }
    let random = id.as_str().rsplit('-').next().unwrap_or_default();
    Ok(format!("{slug}-{random}@{domain}"))
}

/// What can stand before the `@` of an address, of any name.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= MAX_SLUG {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        return "account".to_owned();
    }
    slug.to_owned()
}

fn event(action: Action, account: &ServiceAccount) -> Event {
    Event::new(action).to("service_account", account.id.as_str(), Some(&account.name))
}

fn taken(error: StoreError) -> CredentialError {
    match error.unique_violation() {
        Some(_) => CredentialError::Conflict("another service account has that name".to_owned()),
        None => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_made_of_the_letters_and_digits_of_any_name() {
        for (name, expected) in [
            ("Nightly build", "nightly-build"),
            ("CI / CD (prod)", "ci-cd-prod"),
            ("  ...  ", "account"),
            ("Müller", "m-ller"),
            ("部署", "account"),
        ] {
            assert_eq!(slug(name), expected, "{name}");
        }
        assert!(slug(&"long name ".repeat(50)).len() <= MAX_SLUG);
    }

    #[test]
    fn a_purpose_says_something() {
        assert_eq!(checked_purpose(" Deploys.\n").unwrap(), "Deploys.");
        for bad in ["", "  ", "\u{7}", &"x".repeat(MAX_PURPOSE + 1)] {
            assert!(checked_purpose(bad).is_err(), "{bad:?}");
        }
    }
}
