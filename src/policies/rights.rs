//! What a caller of the admin interface may do, and that nobody gives away more than they have.

use super::PolicyError;
use super::roles::{Role, scopes_of};
use super::scopes::Scope;

/// The rights of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    scopes: Vec<Scope>,
    is_owner: bool,
}

impl Rights {
    /// Of the command line: whoever may write the database has every right anyway.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            scopes: Scope::ALL.to_vec(),
            is_owner: true,
        }
    }

    /// Of a person with these roles.
    #[must_use]
    pub fn of_roles(roles: &[Role]) -> Self {
        Self {
            scopes: scopes_of(roles),
            is_owner: roles.contains(&Role::Owner),
        }
    }

    /// Of an admin API key with these scopes. A key is never an owner.
    #[must_use]
    pub fn of_key(scopes: &[String]) -> Self {
        Self {
            // A stored name that is no scope gives no right.
            scopes: scopes
                .iter()
                .filter_map(|name| Scope::from_name(name))
                .collect(),
            is_owner: false,
        }
    }

    /// Whether they include this scope.
    #[must_use]
    pub fn include(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Holds the scopes of a key against these rights.
    ///
    /// # Errors
    /// [`PolicyError::Forbidden`] where the key would have, or has, a right that the caller has not.
    pub fn check_key(&self, scopes: &[String]) -> Result<(), PolicyError> {
        let beyond = scopes
            .iter()
            .find(|name| !Scope::from_name(name).is_some_and(|scope| self.include(scope)));
        match beyond {
            None => Ok(()),
            Some(name) => Err(PolicyError::Forbidden(format!(
                "{name} is not among your own rights, so no key with it can be yours to give"
            ))),
        }
    }

    /// The roles that the caller may grant, and so may let others sign in with.
    #[must_use]
    pub fn grantable_roles(&self) -> Vec<Role> {
        Role::ALL
            .into_iter()
            .filter(|role| self.check_roles(&[*role]).is_ok())
            .collect()
    }

    /// Holds the roles of somebody against these rights, before the caller grants them or takes over how
    /// that person signs in.
    ///
    /// # Errors
    /// [`PolicyError::Forbidden`] where a role has rights that the caller has not; the owner role is only an
    /// owner's.
    pub fn check_roles(&self, roles: &[Role]) -> Result<(), PolicyError> {
        if roles.contains(&Role::Owner) && !self.is_owner {
            return Err(PolicyError::Forbidden(
                "this is for an owner alone, signed in or at the command line".to_owned(),
            ));
        }
        match scopes_of(roles)
            .into_iter()
            .find(|scope| !self.include(*scope))
        {
            None => Ok(()),
            Some(scope) => Err(PolicyError::Forbidden(format!(
                "the role has the right {}, which you have not",
                scope.name()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scopes: &[Scope]) -> Vec<String> {
        scopes.iter().map(|scope| scope.name().to_owned()).collect()
    }

    #[test]
    fn nobody_gives_away_more_than_they_have() {
        let all = Rights::of_key(&names(&Scope::ALL));
        let few = Rights::of_key(&names(&[Scope::ApiKeysWrite, Scope::UsersRead]));
        let owner = Rights::of_roles(&[Role::Owner]);
        assert!(few.check_key(&names(&[Scope::UsersRead])).is_ok());
        assert!(few.check_key(&names(&[Scope::UsersWrite])).is_err());
        assert!(all.check_key(&["everything".to_owned()]).is_err());
        assert!(few.check_roles(&[]).is_ok());
        assert!(few.check_roles(&[Role::Auditor]).is_err());
        assert!(all.check_roles(&[Role::Admin]).is_ok());
        assert!(all.check_roles(&[Role::Owner]).is_err());
        assert!(owner.check_roles(&[Role::Owner]).is_ok());
        let admin = Rights::of_roles(&[Role::Admin]);
        assert!(admin.check_roles(&[Role::Owner]).is_err());
        assert_eq!(few.grantable_roles(), []);
        assert_eq!(admin.grantable_roles(), [Role::Admin, Role::Auditor]);
        assert_eq!(owner.grantable_roles(), Role::ALL);
    }
}
