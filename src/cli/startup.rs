//! From settings to an open database, loaded schemas and a master key that is the right one.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use crate::config::{MasterKey, MasterKeyError, Settings};
use crate::credentials::resealing::MASTER_KEY_CHECK;
use crate::legible::escaped;
use crate::scim::path::AttributePath;
use crate::scim::schema::Registry;
use crate::scim::schema::SchemaError;
use crate::sealed::Sealer;
use crate::store::{
    Database, DatabaseConnection, DatabaseUrl, SqlDialect, StoreError, backup, settings,
};

/// Connections that read from SQLite: more than cores, since an answer that a slow client takes in pieces
/// keeps one for itself.
const SQLITE_READERS: u32 = 16;

/// Why the process could not start its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartupError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// Another master key made this database's data.
    #[error(
        "the master key is not the one that this database was set up with; every node needs the same \
         (PORTCULLIS_MASTER_KEY, or a copy of master.key in the data directory)"
    )]
    OtherMasterKey,
    /// A directory or file of schemas could not be read.
    #[error("schemas: {0} cannot be read")]
    SchemaFile(String, #[source] std::io::Error),
    /// A schema document cannot be taken.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// An attribute is to be indexed that no resource type has.
    #[error("indexed-attributes has {0:?}, which no resource type has")]
    IndexedAttribute(String),
    /// The replica is one of another database.
    #[error("replica-url is not a replica of this database: it was set up with another master key")]
    OtherReplica,
    /// The database is a backup that was put in place without a restoration.
    #[error(
        "the database is a backup, in which credentials work that were revoked after it was taken: run portcullis \
         restore FILE, or portcullis restore --by-other-means where it is in place already"
    )]
    IsBackup,
    /// There is no database yet.
    #[error("there is no database at {0}: portcullis init")]
    NoDatabase(String),
    /// There is no master key either.
    #[error(
        "there is no master.key in {0}: set data-dir to where it is, or PORTCULLIS_MASTER_KEY, or run portcullis init"
    )]
    NoMasterKey(String),
    /// The database's file or its directory cannot be made.
    #[error("data-dir: {0} cannot be made")]
    DataDir(String, #[source] std::io::Error),
}

impl StartupError {
    /// Whether a setting is to blame, and not the surroundings.
    pub(super) fn is_setting(&self) -> bool {
        match self {
            Self::Store(error) => matches!(error, StoreError::Address(_)),
            Self::MasterKey(MasterKeyError::Random(_)) => false,
            _ => true,
        }
    }
}

/// What every command works with.
pub(super) struct Deployment {
    pub(super) settings: Arc<Settings>,
    pub(super) database: Database,
    pub(super) registry: Arc<Registry>,
    pub(super) master_key: MasterKey,
    /// The fingerprint of the master key that holds: this one, or the previous one until it is rotated.
    pub(super) holding_master_key: String,
}

impl Deployment {
    /// Migrates and opens the database, which must be no backup: what was revoked since would work again.
    pub(super) fn open(settings: Settings) -> Result<Self, StartupError> {
        let deployment = Self::open_any(settings)?;
        if deployment.database.read_now(backup::taken_at)?.is_some() {
            return Err(StartupError::IsBackup);
        }
        Ok(deployment)
    }

    /// The same, be it a backup.
    pub(super) fn open_any(mut settings: Settings) -> Result<Self, StartupError> {
        let registry = load_registry(settings.schemas.as_deref())?;
        check_indexed_attributes(&registry, &settings.indexed_attributes)?;
        let url = database_url(&settings)?;
        let master_key = match &settings.master_key {
            Some(key) => key.clone(),
            None => MasterKey::load_or_create(&settings.data_dir)?,
        };
        if settings.previous_master_key.is_none() {
            settings.previous_master_key = MasterKey::load_previous(&settings.data_dir)?;
        }
        let connections = match url.dialect() {
            SqlDialect::Sqlite => SQLITE_READERS,
            SqlDialect::Postgres => settings.limits.postgres_connections,
        };
        let database = Database::migrate_and_open(url, connections)?.with_limits(&settings.limits);
        let known = check_master_key(
            &database,
            &master_key,
            settings.previous_master_key.as_ref(),
        )?;
        Ok(Self {
            settings: Arc::new(settings),
            database,
            registry: Arc::new(registry),
            master_key,
            holding_master_key: known,
        })
    }

    /// Reads lists from the replica, where there is one.
    pub(super) fn use_replica(&mut self) -> Result<(), StartupError> {
        let Some(url) = &self.settings.replica_url else {
            return Ok(());
        };
        self.database = self
            .database
            .clone()
            .with_replica(DatabaseUrl::parse(url)?)?;
        let known = self
            .database
            .read_replica_now(|connection| settings::find(connection, MASTER_KEY_CHECK));
        let previous = self.settings.previous_master_key.as_ref();
        let is_ours = |known: &str| {
            let mut keys = previous.into_iter().chain([&self.master_key]);
            keys.any(|key| key.fingerprint() == known)
        };
        match known {
            Ok(Some(Some(known))) if !is_ours(&known) => Err(StartupError::OtherReplica),
            Ok(_) => Ok(()),
            // It may be there later, or have to catch up first; until then the primary is read.
            Err(error) => {
                tracing::warn!(cause = chain(&error), "the replica cannot be read");
                Ok(())
            }
        }
    }

    /// Encrypts what is stored and has to be read back.
    pub(super) fn sealer(&self) -> Sealer {
        let previous = self.settings.previous_master_key.as_ref();
        let sealer = Sealer::new(&self.master_key, previous);
        sealer.follow(&self.holding_master_key);
        sealer
    }
}

/// The address of the database; SQLite's file and its directory are made where there are none, for nobody else
/// on the machine to read. What SQLite puts beside the file gets the file's permissions.
pub(super) fn database_url(settings: &Settings) -> Result<DatabaseUrl, StartupError> {
    let url = DatabaseUrl::parse(&settings.database_url)?;
    if let DatabaseUrl::Sqlite(path) = &url {
        create_private(path)
            .map_err(|cause| StartupError::DataDir(path.display().to_string(), cause))?;
    }
    Ok(url)
}

fn create_private(path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    create_private_directory_of(path)?;
    match file.write(true).create_new(true).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes the directory that a file is to be in, where there is none, for nobody else to look into.
pub(super) fn create_private_directory_of(path: &Path) -> std::io::Result<()> {
    let mut directory = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
    match path.parent().filter(|path| !path.as_os_str().is_empty()) {
        Some(parent) => directory.recursive(true).create(parent),
        None => Ok(()),
    }
}

/// The same without making anything; SQLite would make a file where there is none.
pub(super) fn existing_database_url(settings: &Settings) -> Result<DatabaseUrl, StartupError> {
    let url = DatabaseUrl::parse(&settings.database_url)?;
    match &url {
        DatabaseUrl::Sqlite(path) if !path.exists() => {
            Err(StartupError::NoDatabase(path.display().to_string()))
        }
        _ => Ok(url),
    }
}

/// Refuses settings that lead to no deployment: a SQLite file that is not there, or no master key.
pub(super) fn refuse_absent(settings: &Settings) -> Result<(), StartupError> {
    existing_database_url(settings)?;
    if settings.master_key.is_none() && MasterKey::load(&settings.data_dir)?.is_none() {
        return Err(StartupError::NoMasterKey(
            settings.data_dir.display().to_string(),
        ));
    }
    Ok(())
}

/// The built-in schemas and those of the directory, in the order of the files' names.
pub(super) fn load_registry(directory: Option<&Path>) -> Result<Registry, StartupError> {
    let mut documents = Vec::new();
    if let Some(directory) = directory {
        let unreadable = |path: &Path| {
            let path = path.display().to_string();
            move |cause| StartupError::SchemaFile(path, cause)
        };
        let entries = std::fs::read_dir(directory).map_err(unreadable(directory))?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(unreadable(directory))?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                paths.push(path);
            }
        }
        paths.sort();
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(unreadable(&path))?;
            documents.push((path.display().to_string(), text));
        }
    }
    Ok(Registry::load(&documents)?)
}

pub(super) fn check_indexed_attributes(
    registry: &Registry,
    paths: &[String],
) -> Result<(), StartupError> {
    let is_known = |path: &AttributePath| {
        let mut types = registry.resource_types().iter();
        types.any(|resource_type| resource_type.resolve(path).is_some())
    };
    match paths
        .iter()
        .find(|text| !AttributePath::parse(text).is_ok_and(|path| is_known(&path)))
    {
        None => Ok(()),
        Some(unknown) => Err(StartupError::IndexedAttribute(unknown.clone())),
    }
}

/// The fingerprint of the master key that holds, which must be one of these. An empty database takes the first.
fn check_master_key(
    database: &Database,
    key: &MasterKey,
    previous: Option<&MasterKey>,
) -> Result<String, StartupError> {
    let fingerprint = key.fingerprint();
    let find = |connection: &mut DatabaseConnection| settings::find(connection, MASTER_KEY_CHECK);
    let mut known = database.read_now(find)?;
    if known.is_none() {
        let fingerprint = fingerprint.clone();
        database.write_blocking(move |connection| {
            settings::set_once(connection, MASTER_KEY_CHECK, &fingerprint)
        })?;
        // Another node may have been faster.
        known = database.read_now(find)?;
    }
    known
        .filter(|known| {
            let is_previous = previous.is_some_and(|key| key.fingerprint() == *known);
            *known == fingerprint || is_previous
        })
        .ok_or(StartupError::OtherMasterKey)
}

/// Whether a database that has been migrated was set up with one of these master keys, or with none yet.
pub(super) fn is_key_of(
    connection: &mut DatabaseConnection,
    keys: &[MasterKey],
) -> Result<bool, StoreError> {
    let known = settings::find(connection, MASTER_KEY_CHECK)?;
    Ok(known.is_none_or(|known| keys.iter().any(|key| key.fingerprint() == known)))
}

/// An error with its causes in one line; it may hold what is stored.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let further = error.to_string();
        if !text.ends_with(&further) {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {further}");
        }
        cause = error.source();
    }
    escaped(text.replace('\n', " ").trim_end()).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_on_the_machine_reads_the_database() {
        let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        let path = directory.join("portcullis.sqlite");
        for _ in 0..2 {
            create_private(&path).unwrap();
        }
        let database = Database::migrate_and_open(DatabaseUrl::Sqlite(path), 1).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        drop(database);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
