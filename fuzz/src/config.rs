//! The TOML file of settings.

use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use clap::{Args as _, Command, FromArgMatches as _};
use portcullis::config::{Options, ParseError, parse};

/// Written anew for each input; read at once, so that nothing but its name stays.
static FILE: LazyLock<Mutex<PathBuf>> = LazyLock::new(|| {
    let name = format!("portcullis-fuzz-{}.toml", std::process::id());
    Mutex::new(std::env::temp_dir().join(name))
});

/// A file gives settings, or an error of one line that names the file or the setting.
pub fn run(data: &[u8]) {
    let file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    std::fs::write(&*file, data).expect("it can be written");
    let command = Options::augment_args(Command::new("portcullis").no_binary_name(true));
    let arguments = ["--config".into(), file.clone().into_os_string()];
    let parsed = parse(command, arguments);
    std::fs::remove_file(&*file).expect("it was written");
    let name = file.to_string_lossy();
    match parsed {
        Err(ParseError::Arguments(error)) => panic!("the arguments are good: {error}"),
        Err(ParseError::Setting(error)) => {
            let text = error.to_string();
            assert!(text.contains(&*name), "{text} does not name the file");
            assert!(!text.contains('\n'), "{text:?} is more than a line");
        }
        // Further files would be read where the settings name such.
        Ok(_) if data.windows(5).any(|window| window == b"-file") => {}
        Ok((matches, _)) => {
            let options = Options::from_arg_matches(&matches).expect("clap has taken them");
            if let Err(error) = options.settings() {
                let text = error.to_string();
                assert!(!text.contains('\n'), "{text:?} is more than a line");
            }
        }
    }
}
