//! Lists: a page of items and, where there are more, the cursor of the next.

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::config::Limits;

use super::super::problem::{Problem, ProblemKind};

/// What every list takes in its query.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct PageQuery {
    /// How many to show at most
    #[param(minimum = 1)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before
    cursor: Option<String>,
}

impl PageQuery {
    /// How many items to show, and after which to begin.
    pub(in super::super) fn window(&self, limits: &Limits) -> Result<Window, Problem> {
        let limit = self.limit.unwrap_or(limits.default_page_size);
        if limit == 0 {
            return Err(Problem::new(
                ProblemKind::InvalidRequest,
                "limit must be at least 1",
            ));
        }
        Ok(Window {
            limit: limit.min(limits.max_page_size),
            cursor: self.cursor.clone(),
        })
    }
}

/// A place in a list.
#[derive(Debug, Clone)]
pub struct Window {
    limit: u32,
    cursor: Option<String>,
}

impl Window {
    /// How many to ask the store for: one more than is shown tells whether there are more.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// After, or for lists of the newest first before, which item to begin.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The page of what the store gave after a walk that may have stopped early: then the next begins there, however
    /// few were found.
    #[must_use]
    pub fn page_of_walk<S, T>(
        &self,
        found: Vec<S>,
        stopped_at: Option<String>,
        id: impl Fn(&S) -> String,
        show: impl Fn(&S) -> T,
    ) -> Page<T> {
        let page = self.page(found, id, show);
        Page {
            next_cursor: page.next_cursor.or(stopped_at),
            ..page
        }
    }

    /// The page of what the store gave.
    #[must_use]
    pub fn page<S, T>(
        &self,
        mut found: Vec<S>,
        id: impl Fn(&S) -> String,
        show: impl Fn(&S) -> T,
    ) -> Page<T> {
        let shown = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = found.len() > shown;
        found.truncate(shown);
        Page {
            items: found.iter().map(show).collect(),
            next_cursor: found.last().filter(|_| more).map(id),
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    /// What is shown.
    pub items: Vec<T>,
    /// What to send as `cursor` for more; null where there is no more.
    pub next_cursor: Option<String>,
}

/// A list that is short enough to be shown whole.
pub(super) fn whole<T: Serialize>(items: Vec<T>) -> HttpResponse {
    HttpResponse::Ok().json(Page {
        items,
        next_cursor: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_the_next_only_where_there_is_more() {
        for (found, shown, next) in [
            (vec![], 0, None),
            (vec![1, 2], 2, None),
            (vec![1, 2, 3], 2, Some("2".to_owned())),
        ] {
            let window = Window {
                limit: 2,
                cursor: None,
            };
            assert_eq!(window.fetch(), 3);
            let page = window.page(found, i32::to_string, |item| *item);
            assert_eq!((page.items.len(), page.next_cursor), (shown, next));
        }
    }

    #[test]
    fn a_limit_is_never_beyond_the_greatest_and_never_nothing() {
        let limits = Limits::default();
        let query = |limit| PageQuery {
            limit,
            cursor: None,
        };
        let fetch = |limit| query(limit).window(&limits).unwrap().fetch();
        assert_eq!(fetch(None), 101);
        assert_eq!(fetch(Some(5)), 6);
        assert_eq!(fetch(Some(u32::MAX)), 1_001);
        assert!(query(Some(0)).window(&limits).is_err());
    }
}
