//! How many rows a page of a list has, and which of what was found they are.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_row_is_not_shown_and_tells_of_another_page() {
        for (found, shown, next) in [(0, 0, None), (50, 50, None), (51, 50, Some("49"))] {
            let (rows, cursor) = first_rows((0..found).collect(), i32::to_string);
            assert_eq!((rows.len(), cursor.as_deref()), (shown, next));
        }
    }
}
