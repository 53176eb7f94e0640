//! Where a request comes from, behind proxies: what those that are trusted say in `X-Forwarded-For` or in
//! `Forwarded` (RFC 7239).
//!
//! One of the two is read, as the settings say, and the other is not looked at: a proxy passes on what it does not
//! know, so that the header which it does not write is whatever a client has sent.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::{FORWARDED, HeaderName};
use ipnet::IpNet;

use crate::config::{ForwardedHeader, Settings};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of a request's sender: of the peer, or, behind trusted proxies, the last address in the header
/// that is not one of theirs. None where a trusted proxy keeps it to itself, or writes what cannot be read.
#[must_use]
pub fn source_ip(request: &HttpRequest, settings: &Settings) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let trusted = &settings.trusted_proxies;
    if !is_one_of(trusted, peer) {
        return Some(peer);
    }
    let lines = |name: HeaderName| {
        // Several headers of one name are one list (RFC 9110 section 5.3).
        let values = request.headers().get_all(name);
        let values: Option<Vec<&str>> = values.map(|value| value.to_str().ok()).collect();
        // A line that is no text hides who sent it; without it the proxy itself would seem to have.
        values.map(|values| values.join(","))
    };
    match settings.server.forwarded_header {
        ForwardedHeader::XForwardedFor => {
            let line = lines(X_FORWARDED_FOR)?;
            let hops = line.split(',').map(str::trim).filter(|hop| !hop.is_empty());
            walk(peer, trusted, hops.map(node))
        }
        ForwardedHeader::Forwarded => {
            let line = lines(FORWARDED)?;
            match elements(&line) {
                Some(hops) => walk(peer, trusted, hops.into_iter()),
                None => None,
            }
        }
    }
}

/// Whether a request comes from a proxy that is trusted, directly.
pub(super) fn is_from_proxy(peer: Option<SocketAddr>, settings: &Settings) -> bool {
    peer.is_some_and(|peer| is_one_of(&settings.trusted_proxies, peer.ip().to_canonical()))
}

/// Goes back from the peer as far as proxies are trusted.
fn walk(
    peer: IpAddr,
    trusted: &[IpNet],
    hops: impl DoubleEndedIterator<Item = Option<IpAddr>>,
) -> Option<IpAddr> {
    let mut source = peer;
    for hop in hops.rev() {
        source = hop?;
        if !is_one_of(trusted, source) {
            break;
        }
    }
    Some(source)
}

fn is_one_of(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// A node (RFC 7239 section 6): an address, of version 6 in brackets or without, maybe with a port. Nothing is
/// known of `unknown` and of obfuscated identifiers.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|with_port| with_port.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// The `for` of each element of `Forwarded` (RFC 7239 section 4); nothing where it cannot be read.
fn elements(line: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    for element in split(line, ',')? {
        let mut hop = None;
        if element.trim().is_empty() {
            continue;
        }
        for pair in split(element, ';')? {
            let (name, value) = match pair.trim() {
                "" => continue,
                pair => pair.split_once('=')?,
            };
            if name.eq_ignore_ascii_case("for") {
                let is_repeated = hop.replace(unquoted(value)?).is_some();
                if is_repeated {
                    return None;
                }
            }
        }
        // Of a hop that does not say whom it speaks for, nothing is known.
        hops.push(hop.and_then(|text| node(&text)));
    }
    Some(hops)
}

/// Splits at a separator that is not in a quoted string; nothing where a quote is not closed.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if character == separator && !is_quoted => {
                parts.push(text.get(start..at)?);
                start = at + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!is_quoted).then_some(parts)
}

/// A token, or what a quoted string holds (RFC 9110 section 5.6.4).
fn unquoted(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let mut text = String::new();
    let mut characters = rest.strip_suffix('"')?.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next()?),
            '"' => return None,
            _ => text.push(character),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;

    use super::*;
    use crate::config::Options;

    fn source(header: ForwardedHeader, peer: &str, lines: &[(&str, &str)]) -> Option<IpAddr> {
        let mut settings = Options::from_arguments(&[])
            .and_then(Options::settings)
            .unwrap();
        settings.trusted_proxies = ["10.0.0.0/8", "::1/128", "2001:db8:1::/48"]
            .map(|network| network.parse().unwrap())
            .to_vec();
        settings.server.forwarded_header = header;
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        let mut request = TestRequest::default().peer_addr(peer);
        for line in lines {
            request = request.append_header(*line);
        }
        source_ip(&request.to_http_request(), &settings)
    }

    fn address(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn a_line_that_is_no_text_does_not_make_its_sender_the_proxy() {
        let mut settings = Options::from_arguments(&[])
            .and_then(Options::settings)
            .unwrap();
        settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let line = HeaderValue::from_bytes(b"\xff, 198.51.100.7").unwrap();
        for (header, name) in [
            (ForwardedHeader::XForwardedFor, X_FORWARDED_FOR),
            (ForwardedHeader::Forwarded, FORWARDED),
        ] {
            settings.server.forwarded_header = header;
            let request = TestRequest::default()
                .peer_addr(SocketAddr::new("10.1.1.1".parse().unwrap(), 1))
                .insert_header((name, line.clone()));
            assert_eq!(source_ip(&request.to_http_request(), &settings), None);
        }
    }

    #[test]
    fn x_forwarded_for_names_the_last_address_that_no_trusted_proxy_has() {
        for (peer, line, expected) in [
            ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
            ("10.1.1.1", "198.51.100.7", "198.51.100.7"),
            (
                "10.1.1.1",
                "203.0.113.9, 198.51.100.7, 10.2.2.2",
                "198.51.100.7",
            ),
            ("10.1.1.1", "198.51.100.7:4711", "198.51.100.7"),
            ("10.1.1.1", "[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:10.1.1.1", "2001:db8::1", "2001:db8::1"),
            ("10.1.1.1", "10.3.3.3", "10.3.3.3"),
            ("10.1.1.1", "", "10.1.1.1"),
            ("10.1.1.1", "not an address", "-"),
            ("10.1.1.1", "198.51.100.7, not an address", "-"),
        ] {
            let lines = [("X-Forwarded-For", line)];
            let source = source(ForwardedHeader::XForwardedFor, peer, &lines);
            assert_eq!(source, address(expected), "{peer} {line:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_the_rfc_writes_it() {
        for (line, expected) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=\"[2001:db8::17]\"", "2001:db8::17"),
            ("for=\"192.0.2.43:47011\"", "192.0.2.43"),
            ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
            (
                "for=198.51.100.17;by=10.0.0.1, FOR=10.2.2.2 ; proto=https",
                "198.51.100.17",
            ),
            ("for=203.0.113.9, for=\"[2001:db8:1::5]\"", "203.0.113.9"),
            ("for=\"_a,b;c\", for=198.51.100.17", "198.51.100.17"),
            ("proto=\"a\\\"b,c\";for=198.51.100.17", "198.51.100.17"),
            ("", "10.1.1.1"),
            // A proxy that keeps it to itself, and what cannot be read: nothing is known.
            ("for=unknown", "-"),
            ("for=\"_gazonk\"", "-"),
            ("for=198.51.100.17, for=unknown", "-"),
            ("for=_hidden, for=10.2.2.2", "-"),
            ("proto=https", "-"),
            ("for=198.51.100.17;for=203.0.113.9", "-"),
            ("for=\"198.51.100.17", "-"),
            ("nonsense", "-"),
        ] {
            let source = source(
                ForwardedHeader::Forwarded,
                "10.1.1.1",
                &[("Forwarded", line)],
            );
            assert_eq!(source, address(expected), "{line}");
        }
        let two = [
            ("Forwarded", "for=203.0.113.9"),
            ("Forwarded", "for=10.2.2.2"),
        ];
        let source = source(ForwardedHeader::Forwarded, "10.1.1.1", &two);
        assert_eq!(source, address("203.0.113.9"));
    }

    #[test]
    fn nobody_makes_up_where_they_are() {
        let made_up = [
            ("Forwarded", "for=10.9.9.9"),
            ("X-Forwarded-For", "10.9.9.9"),
        ];
        for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
            // Past the proxies.
            assert_eq!(source(header, "192.0.2.1", &made_up), address("192.0.2.1"));
        }
        // Through a proxy that adds the one header and passes the other on.
        let both = [
            ("Forwarded", "for=203.0.113.66"),
            ("X-Forwarded-For", "203.0.113.66, 198.51.100.7"),
        ];
        let source_by = |header| source(header, "10.1.1.1", &both);
        assert_eq!(
            source_by(ForwardedHeader::XForwardedFor),
            address("198.51.100.7")
        );
        let both = [
            ("X-Forwarded-For", "203.0.113.66"),
            ("Forwarded", "for=203.0.113.66, for=198.51.100.7"),
        ];
        let source_by = |header| source(header, "10.1.1.1", &both);
        assert_eq!(
            source_by(ForwardedHeader::Forwarded),
            address("198.51.100.7")
        );
    }
}
