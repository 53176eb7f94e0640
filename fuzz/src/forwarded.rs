//! Where a request comes from: what a client writes into `X-Forwarded-For` and `Forwarded` before the proxy does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use actix_web::http::header::HeaderValue;
use actix_web::test::TestRequest;
use portcullis::config::{ForwardedHeader, Options, Settings, parse};
use portcullis::http::forwarded::source_ip;

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 1, 1));
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

static SETTINGS: LazyLock<[Settings; 2]> =
    LazyLock::new(|| ["x-forwarded-for", "forwarded"].map(settings));

fn settings(header: &str) -> Settings {
    use clap::{Args as _, FromArgMatches as _};
    let command = Options::augment_args(clap::Command::new("portcullis").no_binary_name(true));
    let arguments = [
        "--trusted-proxies",
        "10.0.0.0/8,2001:db8:1::/48",
        "--forwarded-header",
        header,
    ];
    let Ok((matches, _)) = parse(command, arguments.map(Into::into)) else {
        panic!("these can be given");
    };
    let options = Options::from_arg_matches(&matches).expect("they are options");
    options.settings().expect("they are settings")
}

/// Nobody is believed but proxies, and what a client writes before the proxy's own part changes nothing.
pub fn run(data: &[u8]) {
    // What is no value of a header gets to nobody.
    let lines = data.split(|byte| *byte == b'\n').take(8);
    let lines: Vec<&[u8]> = lines
        .filter(|line| HeaderValue::from_bytes(line).is_ok())
        .collect();
    for settings in &*SETTINGS {
        let source = |peer: IpAddr, lines: &[&[u8]]| source(settings, peer, lines);
        assert_eq!(source(STRANGER, &lines), Some(STRANGER));
        let plain = source(PROXY, &lines);
        let written = match settings.server.forwarded_header {
            ForwardedHeader::XForwardedFor => "198.51.100.7".to_owned(),
            ForwardedHeader::Forwarded => "for=198.51.100.7;proto=https".to_owned(),
        };
        // The proxy adds a line, or adds to the last one.
        let mut with_line = lines.clone();
        with_line.push(written.as_bytes());
        let mut longer = lines.clone();
        let last = [longer.pop().unwrap_or_default(), b", ", written.as_bytes()].concat();
        longer.push(&last);
        for lines in [with_line, longer] {
            let found = source(PROXY, &lines);
            match settings.server.forwarded_header {
                ForwardedHeader::XForwardedFor if is_text(&lines) => {
                    assert_eq!(found, Some(CLIENT), "{lines:?}");
                }
                // A quote that is not closed hides what comes after it: then nothing is known.
                _ => assert!(found.is_none_or(|found| found == CLIENT), "{lines:?}"),
            }
        }
        if let Some(found) = plain {
            assert_eq!(
                found,
                found.to_canonical(),
                "a mapped address fits no network"
            );
        }
    }
}

/// Whether all of the lines are read as text, which those are not that hold other than visible ASCII.
fn is_text(lines: &[&[u8]]) -> bool {
    lines
        .iter()
        .all(|line| HeaderValue::from_bytes(line).is_ok_and(|value| value.to_str().is_ok()))
}

fn source(settings: &Settings, peer: IpAddr, lines: &[&[u8]]) -> Option<IpAddr> {
    let name = match settings.server.forwarded_header {
        ForwardedHeader::XForwardedFor => "X-Forwarded-For",
        ForwardedHeader::Forwarded => "Forwarded",
    };
    let mut request = TestRequest::default().peer_addr(SocketAddr::new(peer, 1));
    for line in lines {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            request = request.append_header((name, value));
        }
    }
    source_ip(&request.to_http_request(), settings)
}
