//! Files that appear whole or not at all, and are their owner's alone.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file beside the place that it is for, removed unless it gets there.
pub(super) struct PartialFile {
    path: PathBuf,
    target: PathBuf,
}

impl PartialFile {
    /// An empty one, which only its owner can read.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn beside(target: &Path) -> io::Result<Self> {
        let target = std::path::absolute(target)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = target.with_file_name(format!(".{name}.{}.partial", uuid::Uuid::now_v7()));
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Self { path, target })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place once it is on disk; never over something that is there.
    ///
    /// # Errors
    /// When something is there, or it cannot be written.
    pub(super) fn put_in_place(self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        // A link refuses what is there; renaming would replace it. The name beside goes with this value.
        std::fs::hard_link(&self.path, &self.target)?;
        match self.target.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            // What cannot be removed is named so that it is seen to be of no use.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_appears_whole_and_never_over_another() {
        let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory).unwrap();
        let target = directory.join("backup");
        let file = PartialFile::beside(&target).unwrap();
        std::fs::write(file.path(), "whole").unwrap();
        assert!(!target.exists());
        file.put_in_place().unwrap();
        let second = PartialFile::beside(&target).unwrap();
        std::fs::write(second.path(), "another").unwrap();
        let refused = second.put_in_place().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        drop(PartialFile::beside(&directory.join("abandoned")).unwrap());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "whole");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
        let mode = target.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
