//! Secrets that somebody has pasted into a field whose text goes into the address: the browser is sent on to the same
//! address with no more of each than lists show, before any page is made of it.

use actix_web::HttpRequest;
use actix_web::http::Method;

use crate::secret::PlainSecret;

use super::setup;

/// The address without the secrets of its query; `None` where it has none. The address of a link to set a password
/// is left alone: it has to have its secret, and its own page takes that out.
pub(super) fn without_secrets(request: &HttpRequest) -> Option<String> {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    if !is_read || request.path() == setup::PLACE {
        return None;
    }
    let query = shortened_query(request.query_string())?;
    Some(format!("{}?{query}", request.path()))
}

fn shortened_query(query: &str) -> Option<String> {
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let shortened: Vec<(String, String)> = pairs
        .iter()
        .map(|(name, value)| (shortened(name), shortened(value)))
        .collect();
    let is_same = pairs
        .iter()
        .zip(&shortened)
        .all(|((name, value), (new_name, new_value))| name == new_name && value == new_value);
    if is_same {
        return None;
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(shortened);
    Some(query.finish())
}

/// The text with the public beginning of each secret in it in place of the secret, whatever is around it.
fn shortened(text: &str) -> String {
    let is_of_secret = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut rest = text;
    let mut short = String::with_capacity(text.len());
    while !rest.is_empty() {
        let end = rest
            .find(|letter| !is_of_secret(letter))
            .unwrap_or(rest.len());
        let (word, further) = rest.split_at(end);
        match PlainSecret::recognise(word) {
            Some(secret) => short.push_str(&secret.public_prefix()),
            None => short.push_str(word),
        }
        let next = further.find(is_of_secret).unwrap_or(further.len());
        let (between, further) = further.split_at(next);
        short.push_str(between);
        rest = further;
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretKind;

    #[test]
    fn of_a_secret_in_a_query_its_public_beginning_is_left_wherever_it_stands() {
        let secret = PlainSecret::generate(SecretKind::UserToken).unwrap();
        let (whole, short) = (secret.expose(), secret.public_prefix());
        for (query, left) in [
            (format!("q={whole}"), format!("q={short}")),
            (
                format!("kind=a&q=+{whole}%E2%80%A6"),
                format!("kind=a&q=+{short}%E2%80%A6"),
            ),
            (format!("q=Bearer+{whole}"), format!("q=Bearer+{short}")),
            (
                format!("next=%2Fconsole%2Fpeople%3Fq%3D{whole}"),
                format!("next=%2Fconsole%2Fpeople%3Fq%3D{short}"),
            ),
            (whole.to_owned(), format!("{short}=")),
        ] {
            assert_eq!(shortened_query(&query), Some(left), "{query}");
        }
    }

    #[test]
    fn a_query_without_a_secret_stays_as_it_is() {
        for query in [
            "",
            "q=pctok_abc&kind=user-tokens",
            "done=key-revoked&q=%C3%BC",
        ] {
            assert_eq!(shortened_query(query), None, "{query}");
        }
    }
}
