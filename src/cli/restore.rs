//! `restore`: puts a backup in the place of a database that is gone, and ends what may have ended since it was taken.
//!
//! All of it happens in a file beside that place, so that nothing half-restored can be served.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::audit::Actor;
use crate::clock::{Clock, Timestamp};
use crate::config::{MasterKey, Settings, without_secret};
use crate::credentials::CredentialError;
use crate::credentials::restoration::{self, Ended, Kept};
use crate::http::admin::view::setup_url;
use crate::sealed::Sealer;
use crate::secret::SecretKind;
use crate::store::credentials::Counts;
use crate::store::{
    DatabaseConnection, DatabaseUrl, StoreError, backup, migrate, savepoint, settings as stored,
    table_layout,
};

use super::CommandError;
use super::backup::refuse_damaged;
use super::confirm::confirm;
use super::context::CommandContext;
use super::files::PartialFile;
use super::output::{Output, print};
use super::startup::{self, Deployment, StartupError};

/// What is restored, and what is known not to have ended.
#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// The backup
    #[arg(
        required_unless_present = "by_other_means",
        conflicts_with = "by_other_means"
    )]
    file: Option<PathBuf>,
    /// The database has been restored already, by the tools of PostgreSQL: only ends what may have ended since
    #[arg(long)]
    by_other_means: bool,
    /// Confirms --by-other-means beforehand, which otherwise is asked for on the terminal
    #[arg(long, requires = "by_other_means")]
    yes: bool,
    /// Lets these go on working, because it is known that none of them was ended, and nobody left who had one,
    /// since the backup was taken
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND,…")]
    keep: Vec<Keep>,
    /// When the backup was taken, where it does not say so itself (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    taken_at: Option<Timestamp>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "write it as 2026-01-31T12:00:00Z".to_owned())
}

/// What may go on working.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Keep {
    ScimKeys,
    ApiKeys,
    UserTokens,
    ServiceAccountTokens,
    ServiceAccountKeys,
    ProductCredentials,
    Passwords,
    All,
}

impl Keep {
    fn kinds(self) -> Vec<SecretKind> {
        match self {
            Self::ScimKeys => vec![SecretKind::ScimKey],
            Self::ApiKeys => vec![SecretKind::AdminKey],
            Self::UserTokens => vec![SecretKind::UserToken],
            Self::ServiceAccountTokens => vec![SecretKind::ServiceAccountToken],
            Self::ServiceAccountKeys => vec![SecretKind::ServiceAccountKey],
            Self::ProductCredentials => vec![SecretKind::ProductCredential],
            Self::Passwords => Vec::new(),
            Self::All => SecretKind::ALL.to_vec(),
        }
    }
}

fn kept(keep: &[Keep]) -> Kept {
    Kept {
        kinds: keep.iter().copied().flat_map(Keep::kinds).collect(),
        passwords: keep
            .iter()
            .any(|one| matches!(one, Keep::Passwords | Keep::All)),
    }
}

/// What was restored and what has ended.
#[derive(Debug, Serialize)]
struct Report {
    backup_taken_at: Option<String>,
    revoked: Counts,
    passwords_removed: usize,
    /// For an owner, to set a password with.
    setup_url: Option<String>,
}

pub(super) fn run(
    arguments: &RestoreArguments,
    settings: Settings,
    output: Output,
) -> Result<(), CommandError> {
    let kept = kept(&arguments.keep);
    let base_url = settings.base_url(settings.listen);
    let (taken_at, ended) = if let Some(file) = &arguments.file {
        restore_file(file, &settings, &kept, arguments.taken_at)?
    } else {
        startup::refuse_absent(&settings)?;
        let what = format!(
            "this ends keys, tokens, sessions and passwords of the database {}",
            without_secret(&settings.database_url)
        );
        confirm(&what, arguments.yes)?;
        end_in_place(settings, kept, arguments.taken_at, output)?
    };
    show(taken_at, &ended, &base_url, output)
}

/// Of a database that is there already.
fn end_in_place(
    settings: Settings,
    kept: Kept,
    taken_at: Option<Timestamp>,
    output: Output,
) -> Result<(Option<Timestamp>, Ended), CommandError> {
    let context = CommandContext::of(Deployment::open_any(settings)?, output);
    let sealer = context.deployment.sealer();
    let taken_at = match taken_at {
        Some(taken_at) => Some(taken_at),
        None => context.read(known_time)?,
    };
    let (cause, now) = (context.cause(), context.now);
    let ended = context.write(move |connection| {
        restoration::end(connection, &sealer, &kept, taken_at, &cause.actor, now)
    })?;
    Ok((taken_at, ended))
}

fn show(
    taken_at: Option<Timestamp>,
    ended: &Ended,
    base_url: &str,
    output: Output,
) -> Result<(), CommandError> {
    let link = ended.owner_link.as_ref();
    let report = Report {
        backup_taken_at: taken_at.map(Timestamp::to_rfc3339),
        revoked: ended.revoked.clone(),
        passwords_removed: ended.passwords,
        setup_url: link.map(|link| setup_url(base_url, link.secret.expose())),
    };
    output.one(&report)?;
    if output.json {
        return Ok(());
    }
    print(
        "People who left since the backup was taken are active again, with nothing to sign in with. Give each \
         identity provider a new SCIM key (portcullis scim-key create), have it send everything again, and look \
         through roles, policies and webhooks: see docs/backup.md",
    )
}

/// When a database was as it is: what the backup says, or else the newest audit event.
fn known_time(connection: &mut DatabaseConnection) -> Result<Option<Timestamp>, StoreError> {
    match backup::taken_at(connection)? {
        Some(taken_at) => Ok(Some(taken_at)),
        None => backup::newest_event(connection),
    }
}

fn restore_file(
    file: &Path,
    settings: &Settings,
    kept: &Kept,
    taken_at: Option<Timestamp>,
) -> Result<(Option<Timestamp>, Ended), CommandError> {
    let DatabaseUrl::Sqlite(database) = DatabaseUrl::parse(&settings.database_url)? else {
        return Err(CommandError::Refused(
            "restore PostgreSQL with its own tools, then run portcullis restore --by-other-means: see docs/backup.md"
                .to_owned(),
        ));
    };
    refuse_occupied(&database, file)?;
    let (keys, sealer) = master_keys(settings)?;
    let (known_key, from_backup) = examine(file)?;
    if let Some(known) = &known_key {
        if !keys.iter().any(|key| key.fingerprint() == *known) {
            return Err(StartupError::OtherMasterKey.into());
        }
        sealer.follow(known);
    }
    let taken_at = taken_at.or(from_backup);

    let failed = |cause| CommandError::Io {
        what: format!("restoring to {}", database.display()),
        cause,
    };
    startup::create_private_directory_of(&database).map_err(failed)?;
    let partial = PartialFile::beside(&database).map_err(failed)?;
    // Copies the permissions too: those of the partial file are the ones that are wanted.
    let mut source = fs::File::open(file).map_err(failed)?;
    let mut target = fs::OpenOptions::new()
        .write(true)
        .open(partial.path())
        .map_err(failed)?;
    std::io::copy(&mut source, &mut target).map_err(failed)?;
    drop(target);

    // What is taken over is looked at again: the file may be another than the one that was.
    refuse_foreign_statements(&mut backup::open_unchanged(partial.path())?, file)?;
    let url = DatabaseUrl::Sqlite(partial.path().to_owned());
    migrate::run(&url)?;
    let mut connection = url.connect()?;
    let now = Clock::system().now();
    let actor = Actor::command_line();
    let ended = savepoint::<_, CredentialError>(&mut connection, |connection| {
        restoration::end(connection, &sealer, kept, taken_at, &actor, now)
    })?;
    backup::settle(&mut connection)?;
    drop(connection);
    partial.put_in_place().map_err(failed)?;
    Ok((taken_at, ended))
}

/// Restoring never replaces anything: only the master key, settings and the backup itself may be there.
fn refuse_occupied(database: &Path, file: &Path) -> Result<(), CommandError> {
    let parent = database
        .parent()
        .filter(|path| !path.as_os_str().is_empty());
    let directory = parent.unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(directory) else {
        return Ok(());
    };
    let backup = fs::canonicalize(file).unwrap_or_default();
    let may_be_there = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_settings = path
            .extension()
            .is_some_and(|extension| extension == "toml");
        let is_key = name == "master.key" || name == "master.key.previous";
        // Of the file system, where the directory is a volume of its own.
        let is_of_volume = name == "lost+found";
        is_key
            || is_settings
            || is_of_volume
            || fs::canonicalize(path).is_ok_and(|path| path == backup)
    };
    let mut paths = entries.flatten().map(|entry| entry.path());
    match paths.find(|path| !may_be_there(path)) {
        None => Ok(()),
        Some(path) => Err(CommandError::Refused(format!(
            "{} is there: a backup is restored into a directory with nothing but master.key in it",
            path.display()
        ))),
    }
}

/// The master key and the one before it. Without the key that it was made under, much of a database is of no use;
/// none is made.
fn master_keys(settings: &Settings) -> Result<(Vec<MasterKey>, Sealer), CommandError> {
    let known = match &settings.master_key {
        Some(key) => Some(key.clone()),
        None => MasterKey::load(&settings.data_dir).map_err(StartupError::from)?,
    };
    let Some(key) = known else {
        return Err(CommandError::Refused(format!(
            "a backup does not hold the master key: put master.key into {} first, or set PORTCULLIS_MASTER_KEY",
            settings.data_dir.display()
        )));
    };
    let previous = match &settings.previous_master_key {
        Some(key) => Some(key.clone()),
        None => MasterKey::load_previous(&settings.data_dir).map_err(StartupError::from)?,
    };
    let sealer = Sealer::new(&key, previous.as_ref());
    let keys = [key].into_iter().chain(previous).collect();
    Ok((keys, sealer))
}

/// A database that was copied while it was open has its last changes in a file beside it.
fn refuse_unfinished(file: &Path) -> Result<(), CommandError> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    match fs::metadata(&log) {
        Ok(found) if found.len() > 0 => Err(CommandError::Refused(format!(
            "{} holds changes that are not in the copy yet: make a backup of the database with portcullis backup, \
             or stop its server in peace before it is copied",
            Path::new(&log).display()
        ))),
        _ => Ok(()),
    }
}

/// The fingerprint of the master key that a backup was made under, and when it was taken; refuses what cannot be
/// restored.
fn examine(file: &Path) -> Result<(Option<String>, Option<Timestamp>), CommandError> {
    if !file.is_file() {
        return Err(CommandError::Refused(format!(
            "there is no file {}",
            file.display()
        )));
    }
    let absolute = std::path::absolute(file).map_err(|cause| CommandError::Io {
        what: format!("reading {}", file.display()),
        cause,
    })?;
    refuse_unfinished(&absolute)?;
    let mut copy = backup::open_unchanged(&absolute)?;
    refuse_foreign_statements(&mut copy, file)?;
    refuse_damaged(&mut copy)?;
    let key = stored::find(&mut copy, crate::credentials::resealing::MASTER_KEY_CHECK)?;
    Ok((key, known_time(&mut copy)?))
}

/// What a file says of itself is data, and no statement of it may run here: its tables have to be those of its
/// version, with nothing beside them.
fn refuse_foreign_statements(
    copy: &mut DatabaseConnection,
    file: &Path,
) -> Result<(), CommandError> {
    if table_layout::has_foreign_notes(copy)? {
        return Err(CommandError::Refused(format!(
            "{} notes its migrations in something that is no table of Portcullis",
            file.display()
        )));
    }
    let state = migrate::state(copy)?;
    if let Some(newest) = state.unknown.last() {
        return Err(CommandError::Refused(format!(
            "the backup is of a newer release, which has migrated it to version {newest}: restore it with that \
             release"
        )));
    }
    if state.applied.is_empty() {
        return Err(CommandError::Refused(format!(
            "{} is no backup of Portcullis",
            file.display()
        )));
    }
    let differences = table_layout::differences(copy, &state.applied)?;
    if differences.is_empty() {
        return Ok(());
    }
    Err(CommandError::Refused(format!(
        "the tables of the backup are not those of its version, and what was added could run statements here: {}",
        differences.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_is_named() {
        assert_eq!(kept(&[]), Kept::default());
        let some = kept(&[Keep::ScimKeys, Keep::Passwords]);
        assert_eq!(
            (some.kinds, some.passwords),
            (vec![SecretKind::ScimKey], true)
        );
        let all = kept(&[Keep::All]);
        assert_eq!(
            (all.kinds.len(), all.passwords),
            (SecretKind::ALL.len(), true)
        );
    }
}
