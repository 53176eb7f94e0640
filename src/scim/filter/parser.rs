//! The parser: recursive descent, bounded in depth, with the position of what it could not take.

use super::{Filter, Literal, Operator};
use crate::scim::ScimError;
use crate::scim::path::{AttributePath, is_path_character};

/// The longest filter, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;
/// The deepest nesting of parentheses, brackets and `not`.
pub const MAX_DEPTH: usize = 32;
/// The most comparisons.
pub const MAX_COMPARISONS: usize = 200;

/// A text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter is not valid at position {position}: {expected}")]
pub struct FilterError {
    /// Where, as a count of characters before it.
    pub position: usize,
    /// What would have been accepted there.
    pub expected: String,
}

impl From<FilterError> for ScimError {
    fn from(error: FilterError) -> Self {
        Self::invalid_filter(error.to_string())
    }
}

/// Parses a filter.
///
/// # Errors
/// [`FilterError`] with position and expectation.
pub fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser::new(text)?;
    let filter = parser.alternatives(0, false)?;
    parser.skip_spaces();
    if parser.rest().is_empty() {
        Ok(filter)
    } else {
        parser.refuse("`and`, `or` or the end was expected")
    }
}

/// Parses the filter between the brackets of a path, from the start of `text`; gives the filter and what
/// follows the closing bracket.
pub(crate) fn parse_value_filter(text: &str) -> Result<(Filter, &str), FilterError> {
    let mut parser = Parser::new(text)?;
    let filter = parser.alternatives(1, true)?;
    parser.skip_spaces();
    if !parser.take_character(']') {
        return parser.refuse("`]` was expected");
    }
    Ok((filter, parser.rest()))
}

struct Parser<'a> {
    text: &'a str,
    /// Bytes before the next character.
    offset: usize,
    comparisons: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, FilterError> {
        let parser = Self {
            text,
            offset: 0,
            comparisons: 0,
        };
        if text.len() > MAX_LENGTH {
            return parser.refuse(&format!("a filter has at most {MAX_LENGTH} bytes"));
        }
        Ok(parser)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or("")
    }

    fn refuse<T>(&self, expected: &str) -> Result<T, FilterError> {
        let before = self.text.get(..self.offset).unwrap_or("");
        Err(FilterError {
            position: before.chars().count(),
            expected: expected.to_owned(),
        })
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.offset += rest.len() - rest.trim_start().len();
    }

    fn take_character(&mut self, character: char) -> bool {
        let found = self.rest().starts_with(character);
        if found {
            self.offset += character.len_utf8();
        }
        found
    }

    /// The word that follows, without taking it.
    fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|next| !is_path_character(next))
            .unwrap_or(rest.len());
        rest.get(..end).unwrap_or("")
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let start = self.offset;
        self.skip_spaces();
        let found = self.peek_word().eq_ignore_ascii_case(keyword);
        if found {
            self.offset += keyword.len();
        } else {
            self.offset = start;
        }
        found
    }

    /// `and` binds tighter than `or` (RFC 7644 section 3.4.2.2).
    fn alternatives(&mut self, depth: usize, in_brackets: bool) -> Result<Filter, FilterError> {
        let first = self.conjunction(depth, in_brackets)?;
        let mut parts = vec![first];
        while self.take_keyword("or") {
            parts.push(self.conjunction(depth, in_brackets)?);
        }
        Ok(single_or(parts, Filter::Or))
    }

    fn conjunction(&mut self, depth: usize, in_brackets: bool) -> Result<Filter, FilterError> {
        let first = self.term(depth, in_brackets)?;
        let mut parts = vec![first];
        while self.take_keyword("and") {
            parts.push(self.term(depth, in_brackets)?);
        }
        Ok(single_or(parts, Filter::And))
    }

    fn term(&mut self, depth: usize, in_brackets: bool) -> Result<Filter, FilterError> {
        self.skip_spaces();
        if depth > MAX_DEPTH {
            return self.refuse(&format!("a filter nests at most {MAX_DEPTH} deep"));
        }
        if self.take_character('(') {
            return self.parenthesised(depth, in_brackets);
        }
        let word = self.peek_word();
        if word.eq_ignore_ascii_case("not") {
            let start = self.offset;
            self.offset += word.len();
            self.skip_spaces();
            if self.take_character('(') {
                let inner = self.parenthesised(depth, in_brackets)?;
                return Ok(Filter::Not(Box::new(inner)));
            }
            self.offset = start;
        }
        self.expression(depth, in_brackets)
    }

    fn parenthesised(&mut self, depth: usize, in_brackets: bool) -> Result<Filter, FilterError> {
        let inner = self.alternatives(depth + 1, in_brackets)?;
        self.skip_spaces();
        if self.take_character(')') {
            Ok(inner)
        } else {
            self.refuse("`and`, `or` or `)` was expected")
        }
    }

    fn expression(&mut self, depth: usize, in_brackets: bool) -> Result<Filter, FilterError> {
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return self.refuse(&format!(
                "a filter has at most {MAX_COMPARISONS} comparisons"
            ));
        }
        let path = self.path()?;
        if self.rest().starts_with('[') {
            if in_brackets {
                return self.refuse("brackets do not nest");
            }
            self.offset += 1;
            return self.value_path(path, depth);
        }
        self.comparison(path)
    }

    fn path(&mut self) -> Result<AttributePath, FilterError> {
        let word = self.peek_word();
        match AttributePath::parse(word) {
            Ok(path) => {
                self.offset += word.len();
                Ok(path)
            }
            Err(_) => self.refuse("an attribute path, `not` or `(` was expected"),
        }
    }

    /// `emails[type eq "work"]`, and Entra ID's `emails[type eq "work"].value eq "…"`, which means an
    /// element of which both hold.
    fn value_path(&mut self, path: AttributePath, depth: usize) -> Result<Filter, FilterError> {
        let inner = self.alternatives(depth + 1, true)?;
        self.skip_spaces();
        if !self.take_character(']') {
            return self.refuse("`and`, `or` or `]` was expected");
        }
        let filter = if self.take_character('.') {
            let sub_path = self.path()?;
            let comparison = self.comparison(sub_path)?;
            Filter::And(vec![inner, comparison])
        } else {
            inner
        };
        Ok(Filter::ValuePath {
            path,
            filter: Box::new(filter),
        })
    }

    fn comparison(&mut self, path: AttributePath) -> Result<Filter, FilterError> {
        self.skip_spaces();
        let word = self.peek_word();
        if word.eq_ignore_ascii_case("pr") {
            self.offset += word.len();
            return Ok(Filter::Present(path));
        }
        let Some(operator) = Operator::from_name(word) else {
            return self.refuse("one of eq ne co sw ew pr gt ge lt le was expected");
        };
        self.offset += word.len();
        self.skip_spaces();
        let value = self.literal()?;
        Ok(Filter::Compare {
            path,
            operator,
            value,
        })
    }

    /// A JSON string, number, `true`, `false` or `null`.
    fn literal(&mut self) -> Result<Literal, FilterError> {
        let expected = "a JSON string, number, true, false or null was expected";
        let rest = self.rest();
        let (length, literal) = if rest.starts_with('"') {
            let Some(length) = string_length(rest) else {
                return self.refuse("the string has no closing quotation mark");
            };
            let text = rest
                .get(..length)
                .and_then(|quoted| serde_json::from_str::<String>(quoted).ok());
            let Some(text) = text else {
                return self.refuse("the string holds an escape that JSON does not have");
            };
            if text.contains('\0') {
                return self.refuse("a string must not hold U+0000");
            }
            (length, Literal::Text(text))
        } else {
            let end = rest
                .find(|next: char| next.is_whitespace() || matches!(next, ')' | ']'))
                .unwrap_or(rest.len());
            let word = rest.get(..end).unwrap_or("");
            let literal = match word.to_ascii_lowercase().as_str() {
                "true" => Literal::Boolean(true),
                "false" => Literal::Boolean(false),
                "null" => Literal::Null,
                _ => match serde_json::from_str(word) {
                    Ok(number) => Literal::Number(number),
                    Err(_) => return self.refuse(expected),
                },
            };
            (end, literal)
        };
        self.offset += length;
        Ok(literal)
    }
}

fn single_or(mut parts: Vec<Filter>, several: impl FnOnce(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            several(parts)
        }
        None => several(parts),
    }
}

/// The bytes of the JSON string at the start of a text, quotation marks included.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Number;

    /// RFC 7644 section 3.4.2.2, figure 2 and after; and what Entra ID sends.
    #[test]
    fn filters_of_the_rfc_and_of_identity_providers_parse() {
        for text in [
            r#"userName eq "bjensen""#,
            r#"name.familyName co "O'Malley""#,
            r#"userName sw "J""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
            "title pr",
            r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
            r#"title pr and userType eq "Employee""#,
            r#"title pr or userType eq "Intern""#,
            r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
            r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
            r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
            r#"userType eq "Employee" and (emails.type eq "work")"#,
            r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
            r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
        ] {
            let filter = parse(text).unwrap();
            assert_eq!(parse(&filter.to_string()).unwrap(), filter, "{text}");
        }
    }

    #[test]
    fn not_binds_tighter_than_and_and_that_tighter_than_or() {
        let cases = [
            ("a pr or b pr and c pr", "a pr or b pr and c pr"),
            ("(a pr or b pr) and c pr", "(a pr or b pr) and c pr"),
            ("not (a pr) and b pr or c pr", "not (a pr) and b pr or c pr"),
            ("NOT(a pr)AND b PR", "not (a pr) and b pr"),
            ("((a pr))", "a pr"),
            (
                r#"emails[type eq "work"].value eq "x""#,
                r#"emails[type eq "work" and value eq "x"]"#,
            ),
            (r#"a eq "q\"\\\u00e9\n""#, r#"a eq "q\"\\é\n""#),
            (
                "a eq TRUE and b eq -1.5e3 and c ne null",
                "a eq true and b eq -1500.0 and c ne null",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap().to_string(), expected);
        }
        let Filter::Or(parts) = parse("a pr or b pr and c pr").unwrap() else {
            panic!()
        };
        assert!(matches!(
            parts.as_slice(),
            [Filter::Present(_), Filter::And(_)]
        ));
    }

    /// A number that is read a little differently each time selects what nobody has asked for.
    #[test]
    fn numbers_are_read_to_their_last_digit() {
        for number in [
            "20.300000000000022",
            "0.30000000000000004",
            "7.038531e-26",
            "-1.7976931348623157e+308",
        ] {
            let text = format!("a eq {number}");
            assert_eq!(parse(&text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn errors_tell_the_position() {
        let cases = [
            ("", 0),
            ("userName", 8),
            ("userName xx \"a\"", 9),
            ("userName eq", 11),
            ("userName eq bjensen", 12),
            ("userName eq \"a", 12),
            ("userName eq \"\\x\"", 12),
            ("userName eq \"a\" or", 18),
            ("(userName pr", 12),
            ("userName pr)", 11),
            ("emails[type pr", 14),
            ("emails[a[b pr]]", 8),
            ("é pr", 0),
            ("a eq \"é\" ü", 9),
            ("a eq \"\\u0000\"", 5),
        ];
        for (text, position) in cases {
            assert_eq!(parse(text).unwrap_err().position, position, "{text}");
        }
    }

    #[test]
    fn limits_hold() {
        let deep = |levels: usize| format!("{}a pr{}", "(".repeat(levels), ")".repeat(levels));
        assert!(parse(&deep(MAX_DEPTH)).is_ok());
        assert!(parse(&deep(MAX_DEPTH + 1)).is_err());
        assert!(parse(&"not (".repeat(1500)).is_err());
        let many = |count: usize| vec!["a pr"; count].join(" or ");
        assert!(parse(&many(MAX_COMPARISONS)).is_ok());
        assert!(parse(&many(MAX_COMPARISONS + 1)).is_err());
        assert!(parse(&format!("a eq \"{}\"", "x".repeat(MAX_LENGTH))).is_err());
    }

    fn filters() -> impl Strategy<Value = Filter> {
        let path = prop::sample::select(vec![
            "userName",
            "name.familyName",
            "emails.$ref",
            "urn:a:b:2.0:C:d.e",
        ])
        .prop_map(|text| AttributePath::parse(text).unwrap());
        let literal = prop_oneof![
            Just(Literal::Null),
            any::<bool>().prop_map(Literal::Boolean),
            any::<i64>().prop_map(|number| Literal::Number(Number::from(number))),
            "[^\0]{0,8}".prop_map(Literal::Text),
        ];
        let operator = prop::sample::select(Operator::ALL.to_vec());
        let leaf = prop_oneof![
            path.clone().prop_map(Filter::Present),
            (path.clone(), operator, literal).prop_map(|(path, operator, value)| Filter::Compare {
                path,
                operator,
                value
            }),
        ];
        let tree = leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
                inner.prop_map(|filter| Filter::Not(Box::new(filter))),
            ]
        });
        prop_oneof![
            tree.clone(),
            (path, tree).prop_map(|(path, filter)| Filter::ValuePath {
                path,
                filter: Box::new(filter)
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_to_the_same_tree(filter in filters()) {
            prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_heap_of_tokens_makes_the_parser_panic(
            tokens in prop::collection::vec(prop::sample::select(vec!["a", "eq", "\"x\"", "(", ")", "[", "]", "and", "or", "not", "pr", ".", "\"", "\\", "1", " "]), 0..40)
        ) {
            let _ = parse(&tokens.concat());
            let _ = parse(&tokens.join(" "));
        }
    }
}
