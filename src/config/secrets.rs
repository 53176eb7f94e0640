//! Secrets that are given directly or in a file, as containers hand them over. Nothing here prints one.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::ConfigError;
use super::catalogue::SecretVariable;
use super::origins::{Origins, Source};

/// No secret is longer, in bytes; a file that is was not meant.
const LONGEST: u64 = 64 * 1024;

/// A secret that is said, and by whom.
pub(super) struct Said<'a> {
    /// What it is called where it is said directly.
    pub(super) name: &'a str,
    /// What it is.
    pub(super) text: Option<String>,
    /// Who said so.
    pub(super) source: Source,
}

/// The file that a secret is in, where one is named, and by whom.
pub(super) struct Named<'a> {
    /// The key of the setting that names it.
    pub(super) key: &'a str,
    /// Which file.
    pub(super) path: Option<&'a Path>,
    /// Who said so.
    pub(super) source: Source,
}

/// A setting that may hold a secret, or what is in the file that its `-file` setting names.
///
/// # Errors
/// As [`choose`].
pub(super) fn setting(
    origins: &Origins,
    key: &str,
    text: Option<String>,
    path: Option<&Path>,
) -> Result<Option<String>, ConfigError> {
    let id = key.replace('-', "_");
    let said = Said {
        name: key,
        text,
        source: origins.source(&id),
    };
    let file_key = format!("{key}-file");
    let named = Named {
        key: &file_key,
        path,
        source: origins.source(&format!("{id}_file")),
    };
    choose(said, &named)
}

/// A secret of the environment, or what is in the file that its `-file` setting names.
///
/// # Errors
/// As [`choose`].
pub(super) fn variable(
    origins: &Origins,
    secret: SecretVariable,
    path: Option<&Path>,
) -> Result<Option<String>, ConfigError> {
    let text = match std::env::var(secret.variable) {
        Ok(text) => Some(text).filter(|text| !text.is_empty()),
        Err(std::env::VarError::NotPresent) => None,
        Err(std::env::VarError::NotUnicode(_)) => {
            return Err(ConfigError::new(format_args!(
                "{} is no UTF-8 text",
                secret.variable
            )));
        }
    };
    let said = Said {
        name: secret.variable,
        text,
        source: Source::Environment,
    };
    let named = Named {
        key: secret.file_key,
        path,
        source: origins.source(&secret.file_key.replace('-', "_")),
    };
    choose(said, &named)
}

/// What is said by whoever goes first.
///
/// # Errors
/// When the same says both, and when the file cannot be read.
fn choose(said: Said<'_>, named: &Named<'_>) -> Result<Option<String>, ConfigError> {
    match (said.text, named.path) {
        (Some(_), Some(_)) if said.source == named.source => Err(ConfigError::new(format_args!(
            "{} and {} are both given: one of them says it",
            said.name, named.key
        ))),
        (Some(text), Some(_)) if said.source > named.source => Ok(Some(text)),
        (_, Some(path)) => read(named.key, path).map(Some),
        (text, None) => Ok(text),
    }
}

/// What is in a file, without line ends at its end.
fn read(key: &str, path: &Path) -> Result<String, ConfigError> {
    let refused = |why: &dyn std::fmt::Display| {
        ConfigError::new(format_args!("{key}: {} {why}", path.display()))
    };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text))
        .map_err(|error| match error.kind() {
            // The error of the library could not say more without showing some of it.
            std::io::ErrorKind::InvalidData => refused(&"is no UTF-8 text"),
            _ => refused(&format_args!("cannot be read: {error}")),
        })?;
    if text.len() as u64 > LONGEST {
        return Err(refused(&"is too long for a secret"));
    }
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.is_empty() {
        return Err(refused(&"is empty"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        text: Option<(&str, Source)>,
        path: Option<(&Path, Source)>,
    ) -> Result<Option<String>, String> {
        let said = Said {
            name: "database-url",
            text: text.map(|(text, _)| text.to_owned()),
            source: text.map_or(Source::Default, |(_, source)| source),
        };
        let named = Named {
            key: "database-url-file",
            path: path.map(|(path, _)| path),
            source: path.map_or(Source::Default, |(_, source)| source),
        };
        choose(said, &named).map_err(|error| error.to_string())
    }

    #[test]
    fn whoever_goes_first_says_the_secret_and_both_at_once_are_refused() {
        let path = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        std::fs::write(&path, "in the file\r\n\n").unwrap();
        let file = |source| Some((path.as_path(), source));
        let said = |source| Some(("said", source));
        let (environment, argument) = (Source::Environment, Source::Argument);
        assert_eq!(chosen(None, None), Ok(None));
        assert_eq!(chosen(said(environment), None), Ok(Some("said".to_owned())));
        let in_the_file = Ok(Some("in the file".to_owned()));
        assert_eq!(chosen(None, file(Source::File)), in_the_file);
        assert_eq!(chosen(said(Source::File), file(environment)), in_the_file);
        assert_eq!(
            chosen(said(argument), file(environment)),
            Ok(Some("said".to_owned()))
        );
        let both = "database-url and database-url-file are both given: one of them says it";
        assert_eq!(
            chosen(said(environment), file(environment)),
            Err(both.to_owned())
        );
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_taken_is_named_and_not_shown() {
        let path = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        let refused = || {
            let text = chosen(None, Some((&path, Source::File))).unwrap_err();
            assert!(text.contains(&path.display().to_string()), "{text}");
            text
        };
        assert!(refused().contains("cannot be read: No such file"));
        let long = "s3cret".repeat(20_000);
        let cases: [(&[u8], &str); 3] = [
            (b"\n\n", "is empty"),
            (b"s3cret\xff", "is no UTF-8 text"),
            (long.as_bytes(), "is too long for a secret"),
        ];
        for (content, message) in cases {
            std::fs::write(&path, content).unwrap();
            let text = refused();
            assert!(text.contains(message), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}
