//! A Rust source, read just well enough to see which paths it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One file under `src`.
pub struct Source {
    pub path: PathBuf,
    pub text: String,
    /// Identifiers and punctuation, without comments and literals.
    pub tokens: Vec<String>,
}

impl Source {
    pub fn new(path: &Path, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            tokens: tokens(text),
        }
    }

    /// The names of the modules from the crate's root to this file.
    fn module(&self) -> Vec<String> {
        self.path
            .with_extension("")
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .filter(|part| part != "mod")
            .collect()
    }

    pub fn room(&self) -> String {
        self.module().into_iter().next().unwrap_or_default()
    }

    /// The rooms that the file names, by `crate::`, by `portcullis::` or by climbing with `super::`.
    pub fn rooms_used(&self) -> BTreeSet<String> {
        let depth = self.module().len();
        let mut used = BTreeSet::new();
        let mut climbed = 0;
        for (index, token) in self.tokens.iter().enumerate() {
            climbed = match token.as_str() {
                "super" => climbed + 1,
                "::" => climbed,
                _ => 0,
            };
            let at_root = matches!(token.as_str(), "crate" | "portcullis")
                || token == "super" && climbed == depth;
            if at_root {
                used.extend(self.children(index).into_iter().map(|(child, _)| child));
            }
        }
        used
    }

    /// The names directly below the path that ends at this token, each with its own position:
    /// `a` and `b` for both `root::a` and `root::{a::x, b::{y, z}}`.
    pub fn children(&self, root: usize) -> Vec<(String, usize)> {
        let token = |index: usize| self.tokens.get(index).map(String::as_str);
        if token(root + 1) != Some("::") {
            return Vec::new();
        }
        if token(root + 2) != Some("{") {
            return token(root + 2)
                .map(|name| (name.to_owned(), root + 2))
                .into_iter()
                .collect();
        }
        let mut children = Vec::new();
        let mut nesting = 1;
        let mut index = root + 3;
        let mut starts = true;
        while let Some(name) = token(index).filter(|_| nesting > 0) {
            match name {
                "{" => nesting += 1,
                "}" => nesting -= 1,
                "," => starts = nesting == 1,
                _ if starts => {
                    children.push((name.to_owned(), index));
                    starts = false;
                }
                _ => {}
            }
            index += 1;
        }
        children
    }
}

/// Splits Rust source into identifiers and punctuation; comments, strings and characters are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' {
            character(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest
                .find(|next: char| !next.is_alphanumeric() && next != '_')
                .unwrap_or(rest.len());
            tokens.push(
                rest.chars()
                    .take_while(|next| next.is_alphanumeric() || *next == '_')
                    .collect(),
            );
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut length = 0;
    while let Some(rest) = text.get(length..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            length += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            length += 2;
            if depth == 0 {
                break;
            }
        } else {
            length += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    length
}

/// The length of a raw string, where one starts here.
fn raw_string(text: &str) -> Option<usize> {
    let after_prefix = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let inside = after_prefix.trim_start_matches('#');
    let hashes = after_prefix.len() - inside.len();
    let inside = inside.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let opening = text.len() - inside.len();
    Some(
        inside
            .find(&end)
            .map_or(text.len(), |found| opening + found + end.len()),
    )
}

/// The length of a literal that starts and ends with this quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (position, next) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if next == '\\' {
            escaped = true;
        } else if next == quote {
            return position + 1;
        }
    }
    text.len()
}

/// A character literal, or the quote alone of a lifetime.
fn character(text: &str) -> usize {
    let mut following = text.chars().skip(1);
    let first = following.next();
    if first == Some('\\') || following.next() == Some('\'') {
        quoted(text, '\'')
    } else {
        1
    }
}
