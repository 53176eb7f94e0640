//! One credential, as a path names it, and what is done with it alone: shown, changed, rotated, adopted, revoked. Keys, the
//! tokens of service accounts and the credentials of products have this in common.

use actix_web::HttpResponse;

use crate::credentials::keys::{self, KeyChange};
use crate::credentials::{Credential, CredentialError, Issued};
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::id::{CredentialId, ProductId, ServiceAccountId};

use super::super::State;
use super::super::problem::Problem;
use super::keys::{Rotation, check_rights};
use super::service_account_keys::check_right_to_give;
use super::{Admin, created, view};

/// A credential of a kind.
pub(in super::super) struct OneCredential {
    kind: SecretKind,
    id: CredentialId,
    holder: Holder,
}

/// Whose it has to be.
enum Holder {
    Anybody,
    Account(ServiceAccountId),
    Product(ProductId),
}

impl OneCredential {
    /// One of a kind, whoever has it.
    pub(in super::super) fn of_kind(kind: SecretKind, id: CredentialId) -> Self {
        Self {
            kind,
            id,
            holder: Holder::Anybody,
        }
    }

    /// The token of a service account.
    pub(super) fn of_account((account, id): (String, String)) -> Self {
        Self {
            kind: SecretKind::ServiceAccountToken,
            id: CredentialId::new(id),
            holder: Holder::Account(ServiceAccountId::new(account)),
        }
    }

    /// The public key of a service account.
    pub(super) fn of_account_key(account: ServiceAccountId, id: CredentialId) -> Self {
        Self {
            kind: SecretKind::ServiceAccountKey,
            id,
            holder: Holder::Account(account),
        }
    }

    /// The credential of a product.
    pub(super) fn of_product((product, id): (String, String)) -> Self {
        Self {
            kind: SecretKind::ProductCredential,
            id: CredentialId::new(id),
            holder: Holder::Product(ProductId::new(product)),
        }
    }

    /// It, where it is its holder's.
    fn find(&self, connection: &mut DatabaseConnection) -> Result<Credential, CredentialError> {
        let credential = keys::find(connection, self.kind, &self.id)?;
        let is_theirs = match &self.holder {
            Holder::Anybody => true,
            Holder::Account(account) => credential.service_account_id.as_ref() == Some(account),
            Holder::Product(product) => credential.product_id.as_ref() == Some(product),
        };
        if is_theirs {
            Ok(credential)
        } else {
            Err(CredentialError::NotFound("credential"))
        }
    }

    /// Where others of it are, below `/admin/v1`.
    fn collection(&self) -> String {
        match &self.holder {
            Holder::Account(account) => format!("service-accounts/{account}/tokens"),
            Holder::Product(product) => format!("products/{product}/credentials"),
            Holder::Anybody if self.kind == SecretKind::AdminKey => "api-keys".to_owned(),
            Holder::Anybody => "scim-keys".to_owned(),
        }
    }

    /// It as it is shown.
    pub(super) fn show(&self, admin: &Admin, state: &State) -> Result<HttpResponse, Problem> {
        let found = state
            .database
            .read_now(|connection| self.find(connection))?;
        Ok(HttpResponse::Ok().json(view::credential(&found, admin.now)))
    }

    /// Makes its successor, where its rights are among the caller's.
    pub(in super::super) async fn rotate_by(
        self,
        admin: Admin,
        state: &State,
        rotation: Rotation,
    ) -> Result<Issued, Problem> {
        let issued = admin
            .write(state, move |connection, admin| {
                let credential = self.find(connection)?;
                check_rights(connection, &credential, &admin.rights)?;
                keys::rotate(
                    connection,
                    self.kind,
                    &self.id,
                    rotation.overlap_hours,
                    rotation.expires_in_days,
                    &admin.actor,
                    admin.now,
                )
            })
            .await?;
        Ok(issued)
    }

    /// The same, with the secret in the answer.
    pub(super) async fn rotate(
        self,
        admin: Admin,
        state: &State,
        rotation: Rotation,
    ) -> Result<HttpResponse, Problem> {
        let (now, collection) = (admin.now, self.collection());
        let issued = self.rotate_by(admin, state, rotation).await?;
        let id = issued.credential.id.as_str();
        Ok(created(&collection, id, view::issued(&issued, now)))
    }

    /// Changes its name and limits, where its rights are among the caller's.
    pub(in super::super) async fn change_by(
        self,
        admin: Admin,
        state: &State,
        change: KeyChange,
    ) -> Result<Credential, Problem> {
        let changed = admin
            .write(state, move |connection, admin| {
                let credential = self.find(connection)?;
                check_rights(connection, &credential, &admin.rights)?;
                let (actor, now) = (&admin.actor, admin.now);
                keys::update(connection, self.kind, &self.id, &change, actor, now)
            })
            .await?;
        Ok(changed)
    }

    /// Answers for it from now on, where its rights are among the caller's: within a transaction of theirs.
    pub(super) fn adopt_within(
        &self,
        connection: &mut DatabaseConnection,
        admin: &Admin,
    ) -> Result<Credential, CredentialError> {
        let credential = self.find(connection)?;
        check_right_to_give(connection, &credential, &admin.rights)?;
        keys::adopt(connection, self.kind, &self.id, &admin.actor, admin.now)
    }

    /// The same, in a transaction of its own.
    pub(in super::super) async fn adopt_by(
        self,
        admin: Admin,
        state: &State,
    ) -> Result<Credential, Problem> {
        let adopted = admin
            .write(state, move |connection, admin| {
                self.adopt_within(connection, admin)
            })
            .await?;
        Ok(adopted)
    }

    /// The same, shown in the answer.
    pub(super) async fn adopt(self, admin: Admin, state: &State) -> Result<HttpResponse, Problem> {
        let now = admin.now;
        let adopted = self.adopt_by(admin, state).await?;
        Ok(HttpResponse::Ok().json(view::credential(&adopted, now)))
    }

    /// Ends it.
    pub(in super::super) async fn revoke_by(
        self,
        admin: Admin,
        state: &State,
    ) -> Result<(), Problem> {
        admin
            .write(state, move |connection, admin| {
                self.find(connection)?;
                let (actor, now) = (&admin.actor, admin.now);
                keys::revoke(
                    connection,
                    self.kind,
                    &self.id,
                    "revoked_by_admin",
                    actor,
                    now,
                )
            })
            .await?;
        Ok(())
    }

    /// The same, with nothing in the answer.
    pub(super) async fn revoke(self, admin: Admin, state: &State) -> Result<HttpResponse, Problem> {
        self.revoke_by(admin, state).await?;
        Ok(HttpResponse::NoContent().finish())
    }
}
