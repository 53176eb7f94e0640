//! Times and numbers in words.

use maud::{Markup, html};

use crate::clock::Timestamp;

const DAY_MILLIS: i64 = 86_400_000;

/// A date and time in UTC.
pub(super) fn time(at: Timestamp) -> Markup {
    let text = at.to_rfc3339();
    let shown = text.get(..16).unwrap_or_default().replace('T', " ");
    html! { time datetime=(text) { (shown) " UTC" } }
}

/// A date and time in UTC to the millisecond, where that is what counts.
pub(super) fn instant(at: Timestamp) -> Markup {
    let text = at.to_rfc3339();
    html! { time datetime=(text) { (text) } }
}

/// How long ago something was, or how soon it will be; the exact time is in its title, and there alone: lists have
/// three of these in each row.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    html! { span title=(at.to_rfc3339()) { (distance(at, now)) } }
}

/// The same of something that may never have been.
pub(super) fn ago_or(at: Option<Timestamp>, now: Timestamp, never: &str) -> Markup {
    html! {
        @if let Some(at) = at { (ago(at, now)) } @else { span.muted { (never) } }
    }
}

/// The same as a text.
pub(super) fn distance(at: Timestamp, now: Timestamp) -> String {
    let millis = at.as_millis().saturating_sub(now.as_millis());
    let units = [
        (365 * DAY_MILLIS, "year"),
        (30 * DAY_MILLIS, "month"),
        (DAY_MILLIS, "day"),
        (3_600_000, "hour"),
        (60_000, "minute"),
    ];
    let length = millis.saturating_abs();
    // A month and a half is 45 days to whoever has to act by then.
    let unit = units
        .into_iter()
        .find(|(size, name)| length >= if *name == "month" { 2 * size } else { *size });
    let Some((size, name)) = unit else {
        return "just now".to_owned();
    };
    let number = length / size;
    let plural = if number == 1 { "" } else { "s" };
    if millis > 0 {
        format!("in {number} {name}{plural}")
    } else {
        format!("{number} {name}{plural} ago")
    }
}

/// So many of something: `1 key`, `2,000 keys`.
pub(super) fn counted(number: i64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// A number with commas between thousands.
pub(super) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text of an error as a sentence: with a capital and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    let mut sentence: String = first.into_iter().flatten().chain(characters).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let now = Timestamp::from_millis(1_000 * DAY_MILLIS);
        for (millis, told) in [
            (0, "just now"),
            (-90_000, "1 minute ago"),
            (-7_200_000, "2 hours ago"),
            (45 * DAY_MILLIS, "in 45 days"),
            (61 * DAY_MILLIS, "in 2 months"),
            (-800 * DAY_MILLIS, "2 years ago"),
        ] {
            assert_eq!(distance(now.plus_millis(millis), now), told);
        }
    }

    #[test]
    fn numbers_are_grouped_and_counted() {
        assert_eq!(counted(1, "key", "keys"), "1 key");
        assert_eq!(counted(0, "key", "keys"), "0 keys");
        assert_eq!(counted(1_234_567, "key", "keys"), "1,234,567 keys");
        assert_eq!(grouped(-1_000), "-1,000");
    }

    #[test]
    fn an_error_is_told_as_a_sentence() {
        assert_eq!(sentence("the key is gone"), "The key is gone.");
        assert_eq!(sentence("Gone."), "Gone.");
    }
}
