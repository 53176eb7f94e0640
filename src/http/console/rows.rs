//! How many rows a page of a list has, and which of what was found they are.

use maud::{Markup, html};

use crate::store::walk::{STEPS, Walked};

use super::words::grouped;

/// How many rows a page has. One more is asked for, which tells whether there is another page.
pub(super) const ROWS: i64 = 50;

/// The rows that are shown of what was found, and the cursor of the next page, where there is one: that of the last row.
pub(super) fn first_rows<T>(
    mut found: Vec<T>,
    cursor: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let rows = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = found.len() > rows;
    found.truncate(rows);
    let next = found.last().filter(|_| more).map(cursor);
    (found, next)
}

/// The same of a walk, and whether it has stopped before it had found as many: the next page goes on from there.
pub(super) fn rows_of_walk<T>(
    walked: Walked<T, String>,
    cursor: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>, bool) {
    let (found, next) = first_rows(walked.found, cursor);
    let is_cut = next.is_none() && walked.stopped_at.is_some();
    (found, next.or(walked.stopped_at), is_cut)
}

/// What is said where a walk has stopped.
pub(super) fn looked_through(what: &str) -> Markup {
    html! {
        p.muted {
            "The next " (grouped(STEPS)) " " (what) " were looked through for that. There are more, which the next "
            "page looks through."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_that_stopped_goes_on_from_there_and_says_so() {
        let walked = |number: i64, stopped_at: Option<&str>| Walked {
            found: (0..number).collect::<Vec<i64>>(),
            stopped_at: stopped_at.map(str::to_owned),
        };
        for (found, stop, shown, next, is_cut) in [
            (0, None, 0, None, false),
            (3, Some("s"), 3, Some("s"), true),
            (51, None, 50, Some("49"), false),
        ] {
            let (rows, cursor, cut) = rows_of_walk(walked(found, stop), i64::to_string);
            assert_eq!((rows.len(), cursor.as_deref(), cut), (shown, next, is_cut));
        }
    }

    #[test]
    fn a_further_row_is_not_shown_and_tells_of_another_page() {
        for (found, shown, next) in [(0, 0, None), (50, 50, None), (51, 50, Some("49"))] {
            let (rows, cursor) = first_rows((0..found).collect(), i32::to_string);
            assert_eq!((rows.len(), cursor.as_deref()), (shown, next));
        }
    }
}
