//! Lines of the log on their way to standard error. They are gathered for a moment and written together, so that ten
//! thousand requests a second are not as many writes; warnings and errors go out at once, after what came before them.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// For how long lines are gathered at the most.
const MOMENT: Duration = Duration::from_millis(20);
/// How many bytes are gathered at the most.
const MOST: usize = 64 * 1024;

/// The lines that have not been written yet.
#[derive(Clone, Default)]
pub(super) struct LogLines(Arc<Gathered>);

#[derive(Default)]
struct Gathered {
    bytes: Mutex<Vec<u8>>,
    has_some: Condvar,
}

impl LogLines {
    /// Starts the thread that writes what was gathered.
    pub(super) fn start() -> Self {
        let lines = Self::default();
        let gathered = Arc::clone(&lines.0);
        std::thread::spawn(move || {
            loop {
                gathered.wait();
                std::thread::sleep(MOMENT);
                write_out(gathered.lock());
            }
        });
        lines
    }

    /// Writes what was gathered: at the end of the program.
    pub(super) fn flush(&self) {
        write_out(self.0.lock());
    }
}

impl Gathered {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self) {
        let is_empty = |bytes: &mut Vec<u8>| bytes.is_empty();
        drop(self.has_some.wait_while(self.lock(), is_empty));
    }

    fn add(&self, line: &[u8], at_once: bool) {
        let mut bytes = self.lock();
        if bytes.is_empty() {
            self.has_some.notify_one();
        }
        bytes.extend_from_slice(line);
        if at_once || bytes.len() >= MOST {
            write_out(bytes);
        }
    }
}

/// Under the lock, so that lines stay in their order. There is nobody to tell where this fails.
fn write_out(mut bytes: MutexGuard<'_, Vec<u8>>) {
    let _ = io::stderr().write_all(&bytes);
    bytes.clear();
}

/// What one event is written to.
pub(super) struct Line<'a> {
    gathered: &'a Gathered,
    at_once: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.gathered.add(line, self.at_once);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogLines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            gathered: &self.0,
            at_once: true,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        Line {
            gathered: &self.0,
            at_once: *metadata.level() <= Level::WARN,
        }
    }
}
