//! Issuing. A credential is made only for a person who is active when the transaction commits.

use ipnet::IpNet;

use crate::audit::{self, Action, Actor};
use crate::clock::Timestamp;
use crate::policies::authentication;
use crate::policies::networks::are_within;
use crate::policies::products::{self, checked_name};
use crate::policies::{Role, Scope, instances, lifetime, rate_limits, roles};
use crate::secret::{PlainSecret, SecretKind};
use crate::store::DatabaseConnection;
use crate::store::credentials as table;
use crate::store::directories::{self, DirectoryKind};
use crate::store::id::{DirectoryId, InstanceId, ProductId, ResourceId, ServiceAccountId};
use crate::store::resources::{self, Resource};

use super::registered_keys::SCIM_SCOPE;
use super::service_accounts::account_in_care;
use super::{Creator, Credential, CredentialError, event};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// What for.
    pub kind: SecretKind,
    /// What it is called.
    pub name: String,
    /// The directory of a SCIM key.
    pub directory_id: Option<DirectoryId>,
    /// The person of a user token.
    pub owner_id: Option<ResourceId>,
    /// The service account of its token.
    pub service_account_id: Option<ServiceAccountId>,
    /// The product of a product credential, or that a token is limited to.
    pub product_id: Option<ProductId>,
    /// The instances of the product that it is limited to; each where there are none.
    pub instance_ids: Vec<InstanceId>,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// Where it may be used from; anywhere where there are none.
    pub allowed_networks: Vec<IpNet>,
    /// How long it lives, in days; a year where nothing is said.
    pub expires_in_days: Option<i64>,
    /// How many requests a second it may make, where that is not the rate of its kind; 0 for no bound.
    pub requests_per_second: Option<u32>,
}

impl NewCredential {
    /// Of a kind and name, with nothing else said.
    #[must_use]
    pub fn new(kind: SecretKind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            directory_id: None,
            owner_id: None,
            service_account_id: None,
            product_id: None,
            instance_ids: Vec::new(),
            scopes: Vec::new(),
            allowed_networks: Vec::new(),
            expires_in_days: None,
            requests_per_second: None,
        }
    }
}

/// A credential and, this once, its secret.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The credential.
    pub credential: Credential,
    /// The secret.
    pub secret: PlainSecret,
}

/// Issues a SCIM key, an admin API key, a token of a person or of a service account, or a product credential.
///
/// # Errors
/// [`CredentialError::Invalid`] for a bad name, scope or lifetime; [`CredentialError::NotFound`] where
/// directory, product, instance, service account or person do not exist; [`CredentialError::Conflict`] where the
/// person or the service account is not active, or the account an orphan; [`CredentialError::Forbidden`] where
/// the actor may issue nothing, or the person may not use the product; when the database fails.
pub fn issue(
    connection: &mut DatabaseConnection,
    new: &NewCredential,
    actor: &Actor,
    now: Timestamp,
) -> Result<Issued, CredentialError> {
    let secret = PlainSecret::generate(new.kind)?;
    let credential = admit(connection, new, secret.public_prefix(), actor, now)?;
    table::insert(connection, &credential, &secret.hash())?;
    let event = event(Action::CredentialCreated, &credential)
        .with("expires_at", credential.expires_at.to_rfc3339())
        .with("scopes", credential.scopes.clone());
    audit::record(connection, actor, now, event)?;
    Ok(Issued { credential, secret })
}

/// The credential that is asked for, where it may be: whoever it is for and whoever asks are held, so that they
/// cannot leave between this and the commit. It is not stored yet.
///
/// # Errors
/// As [`issue`].
pub(super) fn admit(
    connection: &mut DatabaseConnection,
    new: &NewCredential,
    prefix: String,
    actor: &Actor,
    now: Timestamp,
) -> Result<Credential, CredentialError> {
    let name = checked_name(&new.name)?;
    let mut expires_at = lifetime::expiry(now, new.expires_in_days)?;
    let instance_ids = check_binding(connection, new)?;
    check_scopes(connection, new)?;
    if let Some(owner) = &new.owner_id {
        active_person(connection, owner)?;
        if new.kind == SecretKind::UserToken {
            expires_at = token_expiry(connection, owner, new.expires_in_days, now)?;
        }
    }
    let created_by = creator(connection, actor)?;
    if new.kind != SecretKind::UserToken {
        refuse_without_role(connection, actor)?;
    }
    // People are held before accounts, everywhere.
    if let Some(account) = &new.service_account_id {
        account_in_care(connection, account)?;
    }
    refuse_wider_networks(connection, &new.allowed_networks, actor)?;
    Ok(Credential {
        directory_id: new.directory_id.clone(),
        owner_id: new.owner_id.clone(),
        product_id: new.product_id.clone(),
        service_account_id: new.service_account_id.clone(),
        instance_ids,
        scopes: new.scopes.clone(),
        allowed_networks: new.allowed_networks.clone(),
        requests_per_second: rate_limits::checked(new.requests_per_second)?,
        ..Credential::of_kind(new.kind, prefix, name, created_by, now, expires_at)
    })
}

/// Whoever holds a key that works from some networks alone makes none that works from others.
///
/// # Errors
/// [`CredentialError::Forbidden`]; when the database fails.
pub(super) fn refuse_wider_networks(
    connection: &mut DatabaseConnection,
    networks: &[IpNet],
    actor: &Actor,
) -> Result<(), CredentialError> {
    let Some(id) = &actor.credential_id else {
        return Ok(());
    };
    let own = table::find(connection, id)?.map(|credential| credential.allowed_networks);
    if own.is_none_or(|own| are_within(networks, &own)) {
        return Ok(());
    }
    Err(CredentialError::Forbidden(
        "your own credential works from some networks alone, and this one would work from others"
            .to_owned(),
    ))
}

/// When a token of a person expires that is issued now, where their policy lets them have it. A policy that
/// changes meanwhile is asked again whenever the token is used.
///
/// # Errors
/// [`CredentialError::Forbidden`] where API tokens are blocked; [`CredentialError::Invalid`] for more days than
/// the policy allows; when the database fails.
pub(super) fn token_expiry(
    connection: &mut DatabaseConnection,
    owner: &ResourceId,
    days: Option<i64>,
    now: Timestamp,
) -> Result<Timestamp, CredentialError> {
    let policy = authentication::effective(connection, owner, now)?;
    if policy.blocks_tokens() {
        return Err(CredentialError::Forbidden(format!(
            "API tokens are blocked by the policy {:?}",
            policy.name
        )));
    }
    let most = policy.settings.max_token_days;
    Ok(lifetime::expiry_within(now, days, most)?)
}

/// A signed-in person may have lost their role since the request was let in.
///
/// # Errors
/// [`CredentialError::Forbidden`]; when the database fails.
pub(super) fn refuse_without_role(
    connection: &mut DatabaseConnection,
    actor: &Actor,
) -> Result<(), CredentialError> {
    let Some(person) = &actor.person_id else {
        return Ok(());
    };
    if administers(connection, person)? {
        return Ok(());
    }
    Err(CredentialError::Forbidden(
        "only an owner or an admin may issue keys".to_owned(),
    ))
}

fn administers(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<bool, CredentialError> {
    Ok(roles::roles_of(connection, person)?
        .iter()
        .any(|role| matches!(role, Role::Owner | Role::Admin)))
}

/// Somebody who is there and may, stands behind what the actor gives to others, until the transaction ends.
///
/// # Errors
/// [`CredentialError::Forbidden`] where the actor is an orphaned key or has lost their role;
/// [`CredentialError::Conflict`] where they are not active; when the database fails.
pub fn refuse_nobodys(
    connection: &mut DatabaseConnection,
    actor: &Actor,
) -> Result<(), CredentialError> {
    creator(connection, actor)?;
    refuse_without_role(connection, actor)
}

/// The person who acts, as they are called now. Their row is held, so that they cannot leave between this
/// and the commit.
///
/// # Errors
/// [`CredentialError::Conflict`] where they are not active; [`CredentialError::Forbidden`] where the actor is
/// an orphaned key; when the database fails.
pub(super) fn creator(
    connection: &mut DatabaseConnection,
    actor: &Actor,
) -> Result<Option<Creator>, CredentialError> {
    let Some(person) = &actor.person_id else {
        return inherited_creator(connection, actor);
    };
    let person = active_person(connection, person)?;
    Ok(Some(Creator {
        id: person.id,
        user_name: person.user_name,
        display_name: person.display_name,
    }))
}

/// What a key makes is its maker's doing: an admin API key cannot hide who stands behind it. A key that its
/// maker left behind makes nothing: what it made would be nobody's, and nobody would be told of it.
fn inherited_creator(
    connection: &mut DatabaseConnection,
    actor: &Actor,
) -> Result<Option<Creator>, CredentialError> {
    let Some(id) = &actor.credential_id else {
        return Ok(None);
    };
    let maker = table::find(connection, id)?.and_then(|credential| credential.created_by);
    if let Some(maker) = &maker {
        resources::lock_shared(connection, &maker.id)?;
    }
    // Read once the maker is held, so that one who leaves meanwhile has flagged it.
    if let Some(key) = table::find(connection, id)?
        && !is_answered_for(connection, &key)?
    {
        return Err(CredentialError::Forbidden(
            "an orphaned key makes, adopts and rotates nothing: somebody who is there must adopt it first"
                .to_owned(),
        ));
    }
    Ok(maker)
}

/// Whether somebody who is there and may answers for a key. Its flag says so where it has one; a key that somebody
/// else has rotated has none, and whoever made it and has left may still know its secret while it works.
///
/// # Errors
/// When the database fails.
pub fn is_answered_for(
    connection: &mut DatabaseConnection,
    key: &Credential,
) -> Result<bool, CredentialError> {
    if key.orphaned_at.is_some() {
        return Ok(false);
    }
    let Some(maker) = &key.created_by else {
        return Ok(true);
    };
    let person = resources::find_any(connection, &maker.id)?;
    Ok(person.is_some_and(|person| person.active) && administers(connection, &maker.id)?)
}

/// A person who is active, and stays so until the transaction ends.
///
/// # Errors
/// [`CredentialError::NotFound`], [`CredentialError::Conflict`] where they are not active; when the database
/// fails.
pub(super) fn active_person(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Resource, CredentialError> {
    let person = resources::lock_shared(connection, person)?
        .filter(|person| person.user_name.is_some())
        .ok_or(CredentialError::NotFound("user"))?;
    if !person.active {
        return Err(CredentialError::Conflict(
            "the user is not active".to_owned(),
        ));
    }
    Ok(person)
}

/// What a credential is bound to must be there. Gives the instances, each once.
pub(super) fn check_binding(
    connection: &mut DatabaseConnection,
    new: &NewCredential,
) -> Result<Vec<InstanceId>, CredentialError> {
    if new.kind == SecretKind::ScimKey || new.directory_id.is_some() {
        let directory = match &new.directory_id {
            None => None,
            Some(id) => directories::find(connection, id)?,
        };
        let directory = directory.ok_or(CredentialError::NotFound("directory"))?;
        if directory.kind == DirectoryKind::Local {
            return Err(CredentialError::Invalid(
                "the local directory takes no SCIM keys: its people are made by admins".to_owned(),
            ));
        }
    }
    let is_of_account = matches!(
        new.kind,
        SecretKind::ServiceAccountToken | SecretKind::ServiceAccountKey
    );
    if is_of_account && new.service_account_id.is_none() {
        return Err(CredentialError::NotFound("service account"));
    }
    let Some(product) = &new.product_id else {
        return if new.instance_ids.is_empty() {
            Ok(Vec::new())
        } else {
            Err(CredentialError::Invalid(
                "instance_ids are those of a product: name the product_id too".to_owned(),
            ))
        };
    };
    let product = products::find(connection, product)?;
    if let Some(owner) = &new.owner_id
        && !products::is_open_to(connection, &product, owner)?
    {
        return Err(CredentialError::Forbidden(format!(
            "the product {:?} is for the people of certain groups, and this person is in none of them",
            product.name
        )));
    }
    Ok(instances::checked_ids(
        connection,
        &product.id,
        &new.instance_ids,
    )?)
}

pub(super) fn check_scopes(
    connection: &mut DatabaseConnection,
    new: &NewCredential,
) -> Result<(), CredentialError> {
    let unknown = match (new.kind, &new.product_id) {
        // What it may do in the directory that it is bound to, it may do there alone.
        (SecretKind::ServiceAccountKey, None) if new.directory_id.is_some() => {
            new.scopes.iter().find(|scope| *scope != SCIM_SCOPE)
        }
        // Without a product, a service account's scopes are those of the admin interface.
        (SecretKind::AdminKey, _)
        | (SecretKind::ServiceAccountToken | SecretKind::ServiceAccountKey, None) => new
            .scopes
            .iter()
            .find(|scope| Scope::from_name(scope).is_none()),
        (
            SecretKind::UserToken | SecretKind::ServiceAccountToken | SecretKind::ServiceAccountKey,
            Some(product),
        ) => {
            let product = products::find(connection, product)?;
            new.scopes
                .iter()
                .find(|scope| !product.scopes.contains(scope))
        }
        (SecretKind::UserToken, None) => new.scopes.first(),
        _ => None,
    };
    match unknown {
        None => Ok(()),
        Some(scope) => Err(CredentialError::Invalid(format!(
            "{scope:?} is not a scope that this credential can have"
        ))),
    }
}
