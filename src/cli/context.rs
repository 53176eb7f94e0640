//! What every command against the local database works with.

use crate::audit::Actor;
use crate::clock::{Clock, Timestamp};
use crate::config::Settings;
use crate::http;
use crate::lifecycle::Cause;
use crate::policies::PolicyError;
use crate::provisioning::people::Surroundings;
use crate::store::directories::{self, Directory};
use crate::store::id::DirectoryId;
use crate::store::{DatabaseConnection, StoreError, TransactionError};

use super::CommandError;
use super::output::Output;
use super::startup::{Deployment, refuse_absent};

/// The opened deployment, and how to show answers.
pub(super) struct CommandContext {
    pub(super) deployment: Deployment,
    pub(super) output: Output,
    pub(super) now: Timestamp,
}

impl CommandContext {
    /// Of a database that is made where there is none.
    pub(super) fn open(settings: Settings, output: Output) -> Result<Self, CommandError> {
        Ok(Self::of(Deployment::open(settings)?, output))
    }

    /// Of a database that is there: where a setting leads elsewhere, nothing is made, and what is asked for is not
    /// done to the wrong one.
    pub(super) fn open_existing(settings: Settings, output: Output) -> Result<Self, CommandError> {
        refuse_absent(&settings)?;
        Self::open(settings, output)
    }

    pub(super) fn of(deployment: Deployment, output: Output) -> Self {
        Self {
            deployment,
            output,
            now: Clock::system().now(),
        }
    }

    /// The command line acts, now.
    pub(super) fn cause(&self) -> Cause {
        Cause {
            actor: Actor::command_line(),
            requested_at: self.now,
            now: self.now,
        }
    }

    pub(super) fn surroundings(&self) -> Surroundings {
        self.deployment.surroundings()
    }

    pub(super) fn base_url(&self) -> String {
        let settings = &self.deployment.settings;
        settings.base_url(settings.listen)
    }

    pub(super) fn read<T, E>(
        &self,
        body: impl FnOnce(&mut DatabaseConnection) -> Result<T, E>,
    ) -> Result<T, CommandError>
    where
        E: From<StoreError>,
        CommandError: From<E>,
    {
        Ok(self.deployment.database.read_now(body)?)
    }

    pub(super) fn write<T, E>(
        &self,
        body: impl Fn(&mut DatabaseConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, CommandError>
    where
        T: Send + 'static,
        E: TransactionError,
        CommandError: From<E>,
    {
        Ok(self.deployment.database.write_blocking(body)?)
    }

    /// A directory by its id or its name.
    pub(super) fn directory(&self, named: &str) -> Result<Directory, CommandError> {
        self.read(|connection| {
            let id = DirectoryId::new(named);
            let found = match directories::find(connection, &id)? {
                Some(found) => Some(found),
                None => directories::find_by_name(connection, named)?,
            };
            found.ok_or(PolicyError::NotFound("directory"))
        })
    }
}

impl Deployment {
    /// What the operations on people are told.
    pub(super) fn surroundings(&self) -> Surroundings {
        let settings = &self.settings;
        let base_url = settings.base_url(settings.listen);
        http::State::new(
            self.database.clone(),
            self.registry.clone(),
            self.settings.clone(),
            Clock::system(),
            &self.master_key,
            &base_url,
        )
        .surroundings()
    }
}
