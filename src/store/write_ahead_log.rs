//! SQLite's write-ahead log on the disk. A commit is in the file once SQLite has answered, and on the disk once the
//! file has been synced. SQLite would do that itself (`synchronous=FULL`); the writer has it done beside the next
//! transactions, and is told when. What SQLite needs to keep the database whole, it syncs itself (`NORMAL`).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What the commits of a connection are written to.
pub trait Disk: Send + Sync + 'static {
    /// Comes back when all that was written before is on the disk.
    ///
    /// # Errors
    /// When that is not so; what is there is not known then.
    fn sync(&self) -> io::Result<()>;
}

/// The file beside the database. SQLite holds no lock on it that would end with ours, and keeps the same one for as
/// long as any connection is open.
#[derive(Debug)]
pub struct WriteAheadLog {
    path: PathBuf,
    file: OnceLock<File>,
}

impl WriteAheadLog {
    /// That of a database. It need not be there before the first commit.
    #[must_use]
    pub fn of(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        Self {
            path: path.into(),
            file: OnceLock::new(),
        }
    }

    /// A new file is on the disk when its directory is, too.
    fn open(&self) -> io::Result<File> {
        let file = File::open(&self.path)?;
        let parent = self.path.parent();
        let directory = parent.filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(file)
    }
}

impl Disk for WriteAheadLog {
    fn sync(&self) -> io::Result<()> {
        if let Some(file) = self.file.get() {
            return file.sync_data();
        }
        let file = self.open()?;
        self.file.get_or_init(|| file).sync_data()
    }
}
