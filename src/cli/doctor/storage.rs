//! Where the files are: on which file system, with how much room, and for whom to read.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::config::Settings;
use crate::store::DatabaseUrl;

use super::findings::Findings;

/// Below so many bytes, the disk is as good as full.
const LEAST_ROOM: u64 = 64 * 1024 * 1024;
/// Below so many bytes, somebody should make room.
const LITTLE_ROOM: u64 = 1024 * 1024 * 1024;

/// What others than the owner may do, in the bits of a mode.
const GROUP_AND_OTHERS: u32 = 0o077;
/// What those may do who are not of its group either.
const OTHERS: u32 = 0o007;

/// What a kind of file system means for the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileSystem {
    OnDisk,
    /// It is gone when the machine restarts.
    InMemory,
    /// Locks and shared memory do not work as SQLite needs them.
    Network,
    /// It is gone with the container.
    ContainerLayer,
}

/// By the number that the kernel gives it (`statfs(2)`).
fn file_system(magic: u64) -> FileSystem {
    match magic {
        // tmpfs, ramfs.
        0x0102_1994 | 0x8584_58f6 => FileSystem::InMemory,
        // NFS, SMB, CIFS, SMB2, 9P, AFS, Ceph, Lustre.
        0x6969 | 0x517b | 0xff53_4d42 | 0xfe53_4d42 | 0x0102_1997 | 0x5346_414f | 0x00c3_6400
        | 0x0bd0_0bd0 => FileSystem::Network,
        // overlayfs.
        0x794c_7630 => FileSystem::ContainerLayer,
        _ => FileSystem::OnDisk,
    }
}

pub(super) fn examine(settings: &Settings, findings: &mut Findings) {
    if let Ok(DatabaseUrl::Sqlite(path)) = DatabaseUrl::parse(&settings.database_url)
        && path.exists()
    {
        let parent = path.parent().filter(|path| !path.as_os_str().is_empty());
        let directory = parent.unwrap_or(Path::new("."));
        examine_file_system(directory, findings);
        examine_room(directory, findings);
        examine_files(directory, &path, findings);
    }
}

fn examine_file_system(directory: &Path, findings: &mut Findings) {
    const CHECK: &str = "file system";
    let shown = directory.display();
    let magic = match rustix::fs::statfs(directory) {
        // The type of the field differs between machines; each kind is positive.
        Ok(state) => u64::try_from(state.f_type).unwrap_or_default() & 0xffff_ffff,
        Err(error) => {
            return findings.remark(
                CHECK,
                format_args!("{shown} cannot be asked: {error}"),
                "see that it is on a disk of this machine",
            );
        }
    };
    match file_system(magic) {
        FileSystem::OnDisk => findings.good(CHECK, format_args!("{shown} is on a disk")),
        FileSystem::InMemory => findings.problem(
            CHECK,
            format_args!("{shown} is in memory: all is lost when the machine restarts"),
            "set data-dir to a directory on a disk",
        ),
        FileSystem::Network => findings.problem(
            CHECK,
            format_args!("{shown} is on a network file system, on which SQLite corrupts data"),
            "set data-dir to a disk of this machine, or database-url to a PostgreSQL",
        ),
        FileSystem::ContainerLayer => findings.remark(
            CHECK,
            format_args!("{shown} is in a layer of a container, and goes with it"),
            "mount a volume there",
        ),
    }
}

fn examine_room(directory: &Path, findings: &mut Findings) {
    const CHECK: &str = "disk space";
    const TO_DO: &str = "make room: when there is none, every write is answered with 503";
    // What cannot be asked was said of the file system.
    let Ok(state) = rustix::fs::statvfs(directory) else {
        return;
    };
    let free = state.f_bavail.saturating_mul(state.f_frsize);
    let shown = format!("{} MiB are free", free / (1024 * 1024));
    if free < LEAST_ROOM {
        findings.problem(CHECK, shown, TO_DO);
    } else if free < LITTLE_ROOM {
        findings.remark(CHECK, shown, TO_DO);
    } else {
        findings.good(CHECK, shown);
    }
}

/// The database's files, and whose they are.
fn examine_files(directory: &Path, database: &Path, findings: &mut Findings) {
    const CHECK: &str = "files";
    let Ok(owner) = directory.metadata().map(|metadata| metadata.uid()) else {
        return;
    };
    let name = database.file_name().unwrap_or_default().to_string_lossy();
    for suffix in ["", "-wal", "-shm"] {
        let path = database.with_file_name(format!("{name}{suffix}"));
        let Ok(metadata) = path.metadata() else {
            continue;
        };
        examine_one(CHECK, &path, &metadata, owner, findings);
    }
    if let Ok(metadata) = directory.join("master.key").metadata() {
        examine_owner(
            CHECK,
            &directory.join("master.key"),
            &metadata,
            owner,
            findings,
        );
    }
    findings.good_unless_found(CHECK, "they are their owner's alone");
}

/// Who may do anything with a file beside whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Openness {
    /// Nobody; or the file is not there, which is said elsewhere.
    Nobody,
    /// Those of its group.
    Group,
    /// Everybody.
    Others,
    /// Everybody, and only so may this process, which is not its owner: as containers hand files over.
    OthersAndSo,
}

/// Who may do anything with a file.
pub(super) fn openness(path: &Path) -> Openness {
    let Ok(metadata) = path.metadata() else {
        return Openness::Nobody;
    };
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    let mode = metadata.permissions().mode();
    match (mode & GROUP_AND_OTHERS, mode & OTHERS) {
        (0, _) => Openness::Nobody,
        // Its group is how this process reads it.
        (_, 0) if !is_ours => Openness::Nobody,
        (_, 0) => Openness::Group,
        _ if is_ours => Openness::Others,
        _ => Openness::OthersAndSo,
    }
}

/// Whether others than its owner may do anything with a file that is there.
pub(super) fn is_open_to_others(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & GROUP_AND_OTHERS != 0)
}

fn examine_one(
    check: &'static str,
    path: &Path,
    metadata: &Metadata,
    owner: u32,
    findings: &mut Findings,
) {
    if is_open_to_others(path) {
        findings.problem(
            check,
            format_args!("{} can be read by others", path.display()),
            format_args!("chmod 600 {}", path.display()),
        );
    }
    examine_owner(check, path, metadata, owner, findings);
}

/// A command that was run as another user leaves files that the server cannot open.
fn examine_owner(
    check: &'static str,
    path: &Path,
    metadata: &Metadata,
    owner: u32,
    findings: &mut Findings,
) {
    if metadata.uid() != owner {
        findings.problem(
            check,
            format_args!(
                "{} belongs to user {}, its directory to user {owner}",
                path.display(),
                metadata.uid()
            ),
            format_args!(
                "chown {owner} {}, and run commands as that user",
                path.display()
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_that_lose_data_are_known() {
        let cases = [
            (0xef53, FileSystem::OnDisk),
            (0x5846_5342, FileSystem::OnDisk),
            (0x0102_1994, FileSystem::InMemory),
            (0x6969, FileSystem::Network),
            (0xff53_4d42, FileSystem::Network),
            (0x794c_7630, FileSystem::ContainerLayer),
        ];
        for (magic, expected) in cases {
            assert_eq!(file_system(magic), expected, "{magic:#x}");
        }
        // The kernel's own, in memory on every Linux.
        if let Ok(state) = rustix::fs::statfs("/dev/shm") {
            let magic = u64::try_from(state.f_type).unwrap();
            assert_eq!(file_system(magic), FileSystem::InMemory);
        }
    }
}
