//! What is usually wrong with the settings, although each of them can be taken.

use crate::clock::Timestamp;
use crate::config::{Origins, Settings, Source, TlsFiles, catalogue, unknown_variables};
use crate::http::server::tls;

use super::super::startup::chain;

use super::findings::Findings;
use super::storage::is_open_to_others;

pub(super) fn examine(settings: &Settings, origins: &Origins, findings: &mut Findings) {
    examine_address(settings, findings);
    examine_proxies(settings, findings);
    examine_file(origins, findings);
    examine_variables(&unknown_variables(), findings);
}

/// What passes over the network unencrypted can be read on the way: passwords and keys.
fn examine_address(settings: &Settings, findings: &mut Findings) {
    const CHECK: &str = "public URL";
    let base_url = settings.base_url(settings.listen);
    let is_encrypted = base_url.starts_with("https://");
    let is_reachable = !settings.listen.ip().is_loopback();
    let is_public = settings.public_url.is_some();
    if is_encrypted || !is_reachable && !is_public {
        return findings.good(CHECK, base_url);
    }
    findings.problem(
        CHECK,
        format_args!("clients send keys and passwords to {base_url} unencrypted"),
        "serve over TLS, and set public-url to the https URL that clients use",
    );
}

fn examine_proxies(settings: &Settings, findings: &mut Findings) {
    const CHECK: &str = "trusted proxies";
    let everybody = |network: &&ipnet::IpNet| network.prefix_len() == 0;
    if let Some(network) = settings.trusted_proxies.iter().find(everybody) {
        return findings.problem(
            CHECK,
            format_args!("with {network} every client may say which address it comes from"),
            "set trusted-proxies to the addresses of the proxies alone",
        );
    }
    let own = format!("http://{}", settings.listen);
    let is_behind = settings
        .public_url
        .as_ref()
        .is_some_and(|url| url.starts_with("https://") && *url != own);
    if is_behind && settings.server.tls.is_none() && settings.trusted_proxies.is_empty() {
        return findings.remark(
            CHECK,
            "there are none: behind a proxy, every client has the address of the proxy, in audit events, \
             allowed networks and rates",
            "where a proxy is in front, set trusted-proxies to its addresses",
        );
    }
    let count = settings.trusted_proxies.len();
    findings.good(CHECK, format_args!("{count} networks"));
}

/// Before it expires, there is time to get another.
pub(super) fn examine_certificate(files: &TlsFiles, now: Timestamp, findings: &mut Findings) {
    const CHECK: &str = "certificate";
    let expires_at = match tls::expiry(files) {
        Ok(expires_at) => expires_at,
        Err(error) => {
            return findings.problem(CHECK, chain(&error), "mend the file that is named");
        }
    };
    let at = expires_at.to_rfc3339();
    let renew = "put a new one in its place; no restart is needed";
    if expires_at <= now {
        findings.problem(CHECK, format_args!("it has expired at {at}"), renew);
    } else if expires_at <= now.plus_days(tls::WARNING_DAYS) {
        findings.remark(CHECK, format_args!("it expires at {at}"), renew);
    } else {
        findings.good(CHECK, format_args!("it expires at {at}"));
    }
}

/// A file that holds a secret is for nobody else to read.
fn examine_file(origins: &Origins, findings: &mut Findings) {
    const CHECK: &str = "configuration file";
    let Some(path) = origins.file() else {
        return;
    };
    let settings = catalogue();
    let secret = settings
        .iter()
        .find(|setting| setting.is_secret && origins.source(&setting.id) == Source::File);
    match secret {
        Some(secret) if is_open_to_others(path) => findings.problem(
            CHECK,
            format_args!(
                "{} has {} and is readable by others",
                path.display(),
                secret.path()
            ),
            format_args!(
                "chmod 600 {}, or name a file with {}-file",
                path.display(),
                secret.key
            ),
        ),
        _ => findings.good(CHECK, path.display()),
    }
}

fn examine_variables(unknown: &[(String, Option<String>)], findings: &mut Findings) {
    const CHECK: &str = "environment";
    for (name, nearest) in unknown {
        let to_do = match nearest {
            Some(nearest) => format!("it may have been meant as {nearest}; otherwise unset it"),
            None => "unset it; portcullis config reference lists those that there are".to_owned(),
        };
        findings.remark(
            CHECK,
            format_args!("{name} is no setting and has no effect"),
            to_do,
        );
    }
    findings.good_unless_found(CHECK, "every PORTCULLIS_… variable is a setting");
}

#[cfg(test)]
mod tests {
    use super::super::findings::Verdict;
    use super::*;
    use crate::config::Options;

    fn settings(listen: &str, public_url: Option<&str>, proxies: &[&str]) -> Settings {
        Settings {
            listen: listen.parse().unwrap(),
            public_url: public_url.map(str::to_owned),
            trusted_proxies: proxies.iter().map(|net| net.parse().unwrap()).collect(),
            ..Options::from_arguments(&[])
                .and_then(Options::settings)
                .unwrap()
        }
    }

    /// The verdicts about the public URL and the trusted proxies.
    fn verdicts(settings: &Settings) -> [Verdict; 2] {
        let mut findings = Findings::default();
        examine_address(settings, &mut findings);
        examine_proxies(settings, &mut findings);
        [findings.0[0].verdict, findings.0[1].verdict]
    }

    #[test]
    fn what_is_sent_unencrypted_and_who_may_say_where_they_come_from_is_found() {
        use Verdict::{Good, Problem, Remark};
        let https = Some("https://scim.example.org");
        let http = Some("http://scim.example.org");
        let cases = [
            ("127.0.0.1:8080", None, &[][..], [Good, Good]),
            ("0.0.0.0:8080", None, &[], [Problem, Good]),
            ("127.0.0.1:8080", http, &[], [Problem, Good]),
            ("127.0.0.1:8080", https, &["127.0.0.1/32"], [Good, Good]),
            ("127.0.0.1:8080", https, &[], [Good, Remark]),
            ("0.0.0.0:8080", https, &["0.0.0.0/0"], [Good, Problem]),
            ("[::]:8080", https, &["::/0"], [Good, Problem]),
        ];
        for (listen, public_url, proxies, expected) in cases {
            let found = verdicts(&settings(listen, public_url, proxies));
            assert_eq!(found, expected, "{listen} {public_url:?} {proxies:?}");
        }
    }

    #[test]
    fn a_variable_that_means_nothing_is_remarked_on() {
        let mut findings = Findings::default();
        let nearest = Some("PORTCULLIS_LISTEN".to_owned());
        examine_variables(&[("PORTCULLIS_LISSTEN".to_owned(), nearest)], &mut findings);
        assert_eq!(findings.0.len(), 1);
        assert_eq!(findings.0[0].verdict, Verdict::Remark);
        assert!(
            findings.0[0]
                .to_do
                .as_ref()
                .unwrap()
                .contains("PORTCULLIS_LISTEN")
        );
    }
}
