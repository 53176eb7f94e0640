//! Files of one JSON object on each line, and how far their writing has come.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use super::CommandError;
use super::context::CommandContext;

/// A bar for so many steps; the default one where the template is not understood.
pub(super) fn bar(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(steps).with_style(style)
}

/// Where lines go, and how many went.
pub(super) struct Lines<'a> {
    path: &'a Path,
    output: BufWriter<Box<dyn Write>>,
    count: u64,
}

impl<'a> Lines<'a> {
    /// A new file, for nobody else to read; an existing one stays as it is. `-` is standard output.
    pub(super) fn create(path: &'a Path) -> Result<Self, CommandError> {
        let output: Box<dyn Write> = if is_standard(path) {
            Box::new(io::stdout())
        } else {
            Box::new(create_private(path).map_err(|cause| failed(path, cause))?)
        };
        Ok(Self {
            path,
            output: BufWriter::new(output),
            count: 0,
        })
    }

    /// Writes a line.
    pub(super) fn write(&mut self, line: &str) -> Result<(), CommandError> {
        let written = writeln!(self.output, "{line}");
        written.map_err(|cause| failed(self.path, cause))?;
        self.count += 1;
        Ok(())
    }

    /// Makes sure that everything is written, and says what it was.
    pub(super) fn finish(
        mut self,
        what: &str,
        context: &CommandContext,
    ) -> Result<(), CommandError> {
        let flushed = self.output.flush();
        flushed.map_err(|cause| failed(self.path, cause))?;
        if is_standard(self.path) {
            return Ok(());
        }
        let (count, path) = (self.count, self.path.display());
        context
            .output
            .done(&format!("wrote {count} {what} to {path}"))
    }
}

/// Whether a path stands for standard input or output.
pub(super) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn failed(path: &Path, cause: io::Error) -> CommandError {
    CommandError::Io {
        what: format!("writing {}", path.display()),
        cause,
    }
}
