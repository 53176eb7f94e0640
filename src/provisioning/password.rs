//! `password` over SCIM: taken only where the directory allows it, hashed before any transaction begins, and
//! never part of a document.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::audit::{self, Action, Event};
use crate::credentials::CredentialError;
use crate::credentials::passwords::{HashedPassword, hash_any, set_by_identity_provider};
use crate::scim::ScimError;
use crate::scim::leniency::{Leniencies, Leniency};
use crate::store::DatabaseConnection;
use crate::store::resources::Resource;

use super::context::Context;
use super::error::ProvisioningError;

const PASSWORD: &str = "password";

/// The hashes of the passwords that a request holds, by the password.
#[derive(Clone, Default)]
pub struct Passwords(HashMap<String, HashedPassword>);

impl Passwords {
    /// Finds and hashes the passwords in a body, where the directory takes them. Slow by design: not for a
    /// thread that serves others, and not inside a transaction.
    ///
    /// # Errors
    /// 400 `invalidValue` for a password that is too long.
    pub fn prepare(context: &Context, body: &Value) -> Result<Self, ProvisioningError> {
        let mut found = Vec::new();
        if context.directory.password_allowed {
            collect(body, &mut found);
        }
        let mut hashes = HashMap::new();
        for password in found {
            let hash = hash_any(password).map_err(|error| match error {
                CredentialError::Invalid(detail) => ScimError::invalid_value(detail).into(),
                other => ProvisioningError::Credential(other),
            })?;
            hashes.insert(password.to_owned(), hash);
        }
        Ok(Self(hashes))
    }

    /// Takes the password out of a document that is about to be stored.
    ///
    /// # Errors
    /// 400 `invalidValue` where the directory's dialect is strict and takes no passwords.
    pub(super) fn take(
        &self,
        context: &Context,
        document: &mut Map<String, Value>,
        leniencies: &mut Leniencies,
    ) -> Result<Option<HashedPassword>, ScimError> {
        let Some(password) = document.shift_remove(PASSWORD) else {
            return Ok(None);
        };
        let hash = password.as_str().and_then(|password| self.0.get(password));
        match hash {
            Some(hash) if context.directory.password_allowed => Ok(Some(hash.clone())),
            _ if leniencies.take(Leniency::PasswordIgnored) => Ok(None),
            _ => Err(ScimError::invalid_value(
                "password is not taken over SCIM: the directory does not allow it",
            )),
        }
    }
}

/// The strings under a key, or at the path of an operation, that is named `password`.
fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            let path = members
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case("path"))
                .and_then(|(_, path)| path.as_str());
            let is_operation = path.is_some_and(is_password);
            for (key, inner) in members {
                let named = is_password(key) || (is_operation && key.eq_ignore_ascii_case("value"));
                match inner {
                    Value::String(text) if named => found.push(text),
                    _ => collect(inner, found),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, found)),
        _ => {}
    }
}

fn is_password(path: &str) -> bool {
    let name = path.rsplit(':').next().unwrap_or(path);
    name.eq_ignore_ascii_case(PASSWORD)
}

/// Sets the password of a person that was just written.
pub(super) fn set(
    connection: &mut DatabaseConnection,
    context: &Context,
    person: &Resource,
    password: Option<&HashedPassword>,
) -> Result<(), ProvisioningError> {
    let Some(password) = password.filter(|_| person.active) else {
        return Ok(());
    };
    let now = context.clock.now();
    if set_by_identity_provider(connection, &person.id, password, now)? {
        let event = Event::new(Action::PasswordSet)
            .within(&person.directory_id)
            .to("User", person.id.as_str(), person.label())
            .with("set_by", "identity_provider");
        audit::record(connection, &context.actor, now, event)?;
    }
    Ok(())
}
