//! Lists of people and of groups, as the admin interface and the console have them: all in the order in which they
//! came, or those that begin with a text.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::store::DatabaseConnection;
use crate::store::directories;
use crate::store::id::DirectoryId;
use crate::store::resource_search::{self, Beginning, Place};
use crate::store::resources::{self, Resource};

use super::super::problem::{Problem, ProblemKind};

/// What a list of people or groups is narrowed by.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub(in super::super) struct Narrowed {
    /// Of this directory only
    pub(in super::super) directory_id: Option<String>,
    /// Of those only whose user name, display name, e-mail address or external id begins with this
    pub(in super::super) search: Option<String>,
}

/// What the members of something are narrowed by.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub(super) struct Searched {
    /// Those only whose user name, display name, e-mail address or external id begins with this
    pub(super) search: Option<String>,
}

/// One of a list, and the cursor with which the list goes on after it.
pub(in super::super) struct Listed {
    /// The person or group.
    pub(in super::super) resource: Resource,
    /// What follows is asked for with this.
    pub(in super::super) cursor: String,
}

impl Narrowed {
    /// So many after a cursor. `user_name` narrows to those whose user name begins so, in the order in which they
    /// came.
    ///
    /// # Errors
    /// 400 for a cursor that is none of such a list; 422 where both texts are given; when the database fails.
    pub(in super::super) fn page(
        &self,
        connection: &mut DatabaseConnection,
        resource_type: &str,
        user_name: Option<&str>,
        cursor: Option<&str>,
        fetch: i64,
    ) -> Result<Vec<Listed>, Problem> {
        let directory = self.directory_id.as_deref().map(DirectoryId::new);
        let text = self.search.as_deref().map(str::trim).unwrap_or_default();
        if text.is_empty() {
            let directory = directory.as_ref();
            let found = resources::list(
                connection,
                directory,
                resource_type,
                user_name,
                cursor,
                fetch,
            )?;
            let listed = found.into_iter().map(|resource| Listed {
                cursor: resource.id.to_string(),
                resource,
            });
            return Ok(listed.collect());
        }
        if user_name.is_some() {
            return Err(Problem::invalid_value(
                "search and user_name are not looked for at once: give one of them",
            ));
        }
        let within = directories::list(connection)?
            .into_iter()
            .map(|one| one.id)
            .filter(|id| directory.as_ref().is_none_or(|wanted| wanted == id));
        let wanted = Beginning {
            directories: within.collect(),
            resource_types: vec![resource_type.to_owned()],
            text: text.to_owned(),
            within: None,
        };
        let after = cursor.map(place_of).transpose()?;
        let limit = usize::try_from(fetch).unwrap_or(usize::MAX);
        let found = resource_search::beginning(connection, &wanted, after.as_ref(), limit)?;
        let listed = found.into_iter().map(|(resource, place)| Listed {
            resource,
            cursor: cursor_of(&place),
        });
        Ok(listed.collect())
    }
}

/// The cursor of a place in what was found.
pub(super) fn cursor_of(place: &Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {}", place.id, place.matched))
}

/// The place that a cursor names.
///
/// # Errors
/// 400 for what is no such cursor.
pub(super) fn place_of(cursor: &str) -> Result<Place, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    // PostgreSQL takes no text with it.
    let text = text.filter(|text| !text.contains('\0'));
    text.as_deref()
        .and_then(|text| text.split_once(' '))
        .map(|(id, matched)| Place {
            matched: matched.to_owned(),
            id: id.to_owned(),
        })
        .ok_or_else(|| {
            Problem::new(
                ProblemKind::InvalidRequest,
                "cursor is none of this list: begin it anew",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_its_place_and_nothing_else_does() {
        let place = Place {
            matched: "ada lovelace".to_owned(),
            id: "0193".to_owned(),
        };
        assert_eq!(place_of(&cursor_of(&place)).unwrap(), place);
        for cursor in [
            "",
            "0193",
            "%",
            &URL_SAFE_NO_PAD.encode("1 a\0b"),
            &URL_SAFE_NO_PAD.encode([0xff]),
        ] {
            assert!(place_of(cursor).is_err(), "{cursor}");
        }
    }
}
