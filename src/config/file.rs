//! The TOML file: its keys are those of the [`catalogue`](super::catalogue), its values the texts that an
//! argument would have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::catalogue::{SettingDefinition, nearest};

/// What a file says.
#[derive(Debug)]
pub(super) struct FileValues {
    path: PathBuf,
    /// By the id of the setting.
    values: BTreeMap<String, FileValue>,
}

/// What it says of one setting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileValue {
    /// One text; of a list, one for each.
    pub(super) texts: Vec<String>,
    /// The line, from 1.
    pub(super) line: usize,
}

impl FileValues {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML, or has a key that no setting has; the text names file and line.
    pub(super) fn read(path: &Path, catalogue: &[SettingDefinition]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigError::new(format_args!("{} cannot be read: {error}", path.display()))
        })?;
        let values = Reader {
            text: &text,
            catalogue,
        }
        .values()
        .map_err(|(line, message)| {
            ConfigError::new(format_args!("{} line {line}: {message}", path.display()))
        })?;
        Ok(Self {
            path: path.to_owned(),
            values,
        })
    }

    /// What it says of a setting, by the id of that.
    pub(super) fn get(&self, id: &str) -> Option<&FileValue> {
        self.values.get(id)
    }

    /// Everything that it says.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &FileValue)> {
        self.values.iter().map(|(id, value)| (id.as_str(), value))
    }

    /// Which file it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// What is wrong, and in which line.
type Wrong = (usize, String);

struct Reader<'a> {
    text: &'a str,
    catalogue: &'a [SettingDefinition],
}

impl Reader<'_> {
    fn values(&self) -> Result<BTreeMap<String, FileValue>, Wrong> {
        let document = DeTable::parse(self.text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            (self.line(start), error.message().replace('\n', " "))
        })?;
        let mut values = BTreeMap::new();
        for (key, value) in document.get_ref() {
            match value.get_ref() {
                DeValue::Table(table) if self.is_section(key.get_ref()) => {
                    for (inner, value) in table {
                        self.take(Some(key.get_ref()), inner, value, &mut values)?;
                    }
                }
                _ => self.take(None, key, value, &mut values)?,
            }
        }
        Ok(values)
    }

    fn take(
        &self,
        section: Option<&str>,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        values: &mut BTreeMap<String, FileValue>,
    ) -> Result<(), Wrong> {
        let line = self.line(key.span().start);
        let name: &str = key.get_ref();
        let known = self
            .catalogue
            .iter()
            .find(|setting| setting.key == name && setting.section.as_deref() == section);
        let setting = known.ok_or_else(|| (line, self.unknown(section, name)))?;
        let texts = texts(setting, value.get_ref()).map_err(|message| (line, message))?;
        values.insert(setting.id.clone(), FileValue { texts, line });
        Ok(())
    }

    fn unknown(&self, section: Option<&str>, name: &str) -> String {
        let place = section.map_or_else(String::new, |section| format!(" in [{section}]"));
        let elsewhere = self.catalogue.iter().find(|setting| setting.key == name);
        if let Some(setting) = elsewhere {
            return match &setting.section {
                Some(section) => format!("{name} belongs in [{section}]"),
                None => format!("{name} belongs at the top of the file, before any [table]"),
            };
        }
        let sections = self
            .catalogue
            .iter()
            .filter_map(|one| one.section.as_deref());
        let keys = self.catalogue.iter().map(|one| one.key.as_str());
        let known = keys.chain(sections.filter(|_| section.is_none()));
        match nearest(name, known) {
            Some(nearest) if self.is_section(nearest) => {
                format!("there is no setting {name}{place}; the nearest is [{nearest}]")
            }
            Some(nearest) => format!("there is no setting {name}{place}; the nearest is {nearest}"),
            None => format!(
                "there is no setting {name}{place}; `portcullis config reference` lists those that there are"
            ),
        }
    }

    fn is_section(&self, name: &str) -> bool {
        let mut sections = self.catalogue.iter().map(|one| one.section.as_deref());
        sections.any(|section| section == Some(name))
    }

    fn line(&self, position: usize) -> usize {
        let before = self.text.get(..position).unwrap_or_default();
        before.matches('\n').count() + 1
    }
}

fn texts(setting: &SettingDefinition, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let refused = |kind: &str| {
        let kinds = if setting.is_list {
            "a text or an array of texts"
        } else {
            "one value"
        };
        format!("{} must be {kinds}, and not {kind}", setting.key)
    };
    match value {
        DeValue::Array(items) if setting.is_list => items
            .iter()
            .map(|item| text(item.get_ref()).ok_or_else(|| refused("an array of something else")))
            .collect(),
        value => match text(value) {
            Some(text) if text.trim().is_empty() => Err(format!(
                "{} is empty: take the line away where nothing is to be said",
                setting.key
            )),
            Some(text) => Ok(vec![text]),
            None => Err(refused(value.type_str())),
        },
    }
}

fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => match number.radix() {
            10 => Some(number.as_str().replace('_', "")),
            _ => None,
        },
        DeValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::catalogue;
    use super::*;

    fn values(text: &str) -> Result<BTreeMap<String, FileValue>, Wrong> {
        let catalogue = catalogue();
        Reader {
            text,
            catalogue: &catalogue,
        }
        .values()
    }

    #[test]
    fn each_value_becomes_the_text_of_an_argument() {
        let text = "listen = \"127.0.0.1:1\"\ntrusted-proxies = [\"10.0.0.0/8\", \"::1\"]\n\
            indexed-attributes = []\n\n[limits]\nmax-body = 8_000_000\n\
            [notifications]\nallow-private-webhooks = true\nmail-to = \"a@example.org,b@example.org\"\n";
        let values = values(text).unwrap();
        let found: Vec<_> = values
            .iter()
            .map(|(id, value)| (id.as_str(), value.texts.join("|"), value.line))
            .collect();
        let expected = [
            ("allow_private_webhooks", "true", 8),
            ("indexed_attributes", "", 3),
            ("listen", "127.0.0.1:1", 1),
            ("mail_to", "a@example.org,b@example.org", 9),
            ("max_body", "8000000", 6),
            ("trusted_proxies", "10.0.0.0/8|::1", 2),
        ];
        assert_eq!(
            found,
            expected.map(|(id, text, line)| (id, text.to_owned(), line))
        );
    }

    #[test]
    fn what_cannot_be_taken_is_named_with_its_line_and_the_nearest_that_can() {
        let cases = [
            (
                "\nlissten = 1",
                2,
                "there is no setting lissten; the nearest is listen",
            ),
            (
                "[limit]\nmax-body = 1",
                1,
                "there is no setting limit; the nearest is [limits]",
            ),
            (
                "[limits]\nmax-bodyy = 1",
                2,
                "there is no setting max-bodyy in [limits]; the nearest is max-body",
            ),
            ("max-body = 1", 1, "max-body belongs in [limits]"),
            (
                "[limits]\nlisten = \"x\"",
                2,
                "listen belongs at the top of the file, before any [table]",
            ),
            (
                "qqq = 1",
                1,
                "there is no setting qqq; `portcullis config reference` lists those that there are",
            ),
            ("config = \"x\"", 1, "there is no setting config"),
            (
                "listen = [\"a\"]",
                1,
                "listen must be one value, and not array",
            ),
            (
                "trusted-proxies = [[1]]",
                1,
                "trusted-proxies must be a text or an array of texts, and not an array of something else",
            ),
            ("listen = 1.5", 1, "listen must be one value, and not float"),
            (
                "listen = \" \"",
                1,
                "listen is empty: take the line away where nothing is to be said",
            ),
            ("a = 1\nlimits = 5", 1, "there is no setting a"),
        ];
        for (text, line, message) in cases {
            let (found_line, found) = values(text).unwrap_err();
            assert!(found.starts_with(message), "{text:?}: {found}");
            assert_eq!(found_line, line, "{text:?}: {found}");
            assert!(!found.contains('\n'), "{found}");
        }
        let (line, message) = values("listen = \"a\"\nlisten = \"b\"\n").unwrap_err();
        assert!(message.contains("duplicate"), "{message}");
        assert_eq!(line, 2);
    }
}
