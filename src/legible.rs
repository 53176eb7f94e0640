//! Names and texts of others, made harmless where people read them: control characters, which steer a terminal or
//! end a line, and format characters, which hide or reorder what stands around them, become visible.
//!
//! No markup, terminal or mail lives here, and nothing that is stored is changed: programs get it as it is.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether people see nothing of a character but what it does to its surroundings: control characters (C0, DEL, C1),
/// separators of lines and paragraphs, and format characters, such as those of the Unicode Bidirectional Algorithm
/// (UAX #9, section 2).
#[must_use]
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            // Spaces without width, joiners, marks of direction.
            | '\u{200b}'..='\u{200f}'
            // Separators; embeddings and overrides of direction.
            | '\u{2028}'..='\u{202e}'
            // Word joiner, invisible operators, isolates, and format characters that are not to be used any more.
            | '\u{2060}'..='\u{206f}'
            // Byte order mark, marks of annotations, tags.
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// What people see as it is.
    Seen(&'a str),
    /// A character of which [`is_unseen`] holds.
    Unseen(char),
}

/// A text in pieces, in their order.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = if is_unseen(first) {
            first.len_utf8()
        } else {
            rest.find(is_unseen).unwrap_or(rest.len())
        };
        let (piece, further) = rest.split_at(length);
        rest = further;
        Some(if is_unseen(first) {
            Piece::Unseen(first)
        } else {
            Piece::Seen(piece)
        })
    })
}

/// A text in one line, with its unseen characters as `\u{1b}`.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Seen(piece) => shown.push_str(piece),
            Piece::Unseen(character) => shown.extend(character.escape_unicode()),
        }
    }
    Cow::Owned(shown)
}

/// A document of HTML in which no text of others turns around what stands beside it, or differs from another unseen:
/// marks, embeddings, overrides and isolates of direction and spaces without width as `⟨U+202E⟩`. The joiners stay,
/// which some scripts and emoji are written with.
#[must_use]
pub fn in_order(html: String) -> String {
    let turns = |character: char| {
        matches!(character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if !html.contains(turns) {
        return html;
    }
    let mut shown = String::with_capacity(html.len());
    for character in html.chars() {
        if turns(character) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "⟨U+{:04X}⟩", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The text of a JSON document with what JSON leaves unseen within strings as `\u009b`: the same document.
#[must_use]
pub fn json_escaped(document: &str) -> Cow<'_, str> {
    // Between strings there are line feeds; within them JSON has escaped those.
    let is_left = |character: char| is_unseen(character) && !character.is_ascii_whitespace();
    if !document.contains(is_left) {
        return Cow::Borrowed(document);
    }
    let mut shown = String::with_capacity(document.len());
    for character in document.chars() {
        if is_left(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_hides_or_reorders_is_shown_and_all_else_stays() {
        for (text, shown) in [
            ("", ""),
            ("Zoë O’Hara-Ōta, 李小龍 👩", "Zoë O’Hara-Ōta, 李小龍 👩"),
            ("a\u{a0}b\\c\"", "a\u{a0}b\\c\""),
            ("שלום", "שלום"),
            ("\u{1b}[2J\u{1b}[31mred", "\\u{1b}[2J\\u{1b}[31mred"),
            ("\u{1b}]0;title\u{7}x", "\\u{1b}]0;title\\u{7}x"),
            ("\0\t\u{7f}", "\\u{0}\\u{9}\\u{7f}"),
            ("\u{80}\u{9b}31m\u{9f}", "\\u{80}\\u{9b}31m\\u{9f}"),
            ("a\r\nb", "a\\u{d}\\u{a}b"),
            ("a\u{85}b\u{2028}c\u{2029}", "a\\u{85}b\\u{2028}c\\u{2029}"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("\u{202a}\u{2066}x\u{2069}", "\\u{202a}\\u{2066}x\\u{2069}"),
            ("ad\u{200b}min\u{200f}", "ad\\u{200b}min\\u{200f}"),
            (
                "\u{2060}\u{feff}\u{ad}\u{61c}",
                "\\u{2060}\\u{feff}\\u{ad}\\u{61c}",
            ),
            ("x\u{e0041}", "x\\u{e0041}"),
        ] {
            assert_eq!(escaped(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_page_runs_in_one_direction_and_keeps_the_joiners() {
        for (html, shown) in [
            ("<p>שלום &amp; Zoë</p>", "<p>שלום &amp; Zoë</p>"),
            (
                "<p>نیک\u{200c}خواه 👩\u{200d}💻</p>",
                "<p>نیک\u{200c}خواه 👩\u{200d}💻</p>",
            ),
            ("<p>\u{202e}evil\u{202c}</p>", "<p>⟨U+202E⟩evil⟨U+202C⟩</p>"),
            ("a\u{200b}d\u{2067}m\u{feff}", "a⟨U+200B⟩d⟨U+2067⟩m⟨U+FEFF⟩"),
        ] {
            assert_eq!(in_order(html.to_owned()), shown);
        }
    }

    #[test]
    fn a_text_is_the_sum_of_its_pieces() {
        let found: Vec<Piece<'_>> = pieces("\u{202e}ab\n\nc").collect();
        let expected = [
            Piece::Unseen('\u{202e}'),
            Piece::Seen("ab"),
            Piece::Unseen('\n'),
            Piece::Unseen('\n'),
            Piece::Seen("c"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_escaped_document_is_ascii_where_it_was_unseen_and_reads_the_same() {
        let value =
            serde_json::json!({"name": "a\u{9b}\u{7f}\u{202e}\u{e0041}\u{1b}\n\"é", "n": 1});
        let document = serde_json::to_string_pretty(&value).unwrap();
        let shown = json_escaped(&document);
        let name = r#""a\u009b\u007f\u202e\udb40\udc41\u001b\n\"é""#;
        assert_eq!(shown, format!("{{\n  \"name\": {name},\n  \"n\": 1\n}}"));
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read, value);
    }
}
