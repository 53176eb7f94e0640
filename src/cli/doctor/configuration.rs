//! What is usually wrong with the settings, although each of them can be taken.

use std::path::PathBuf;

use crate::clock::Timestamp;
use crate::config::{
    Origins, SECRET_VARIABLES, Settings, Source, TlsFiles, catalogue, unknown_variables,
};
use crate::http::server::tls;

use super::super::startup::chain;

use super::findings::Findings;
use super::storage::{Openness, is_open_to_others, openness};

pub(super) fn examine(settings: &Settings, origins: &Origins, findings: &mut Findings) {
    examine_address(settings, findings);
    examine_proxies(settings, findings);
    examine_file(origins, findings);
    examine_secret_files(settings, origins, findings);
    examine_variables(&unknown_variables(), findings);
}

/// What passes over the network unencrypted can be read on the way: passwords and keys.
fn examine_address(settings: &Settings, findings: &mut Findings) {
    const CHECK: &str = "public URL";
    let base_url = settings.base_url(settings.listen);
    let is_encrypted = base_url.starts_with("https://");
    let is_reachable = !settings.listen.ip().is_loopback();
    let is_public = settings.public_url.is_some();
    if is_encrypted && is_reachable && !is_public {
        return findings.problem(
            CHECK,
            format_args!("links, and the issuer of access tokens, name {base_url}, by which nobody else may know it"),
            "set public-url to the https URL that clients use",
        );
    }
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

/// The files that hold secrets alone: what group and others may read, they may use.
fn examine_secret_files(settings: &Settings, origins: &Origins, findings: &mut Findings) {
    const CHECK: &str = "secrets";
    let definitions = catalogue();
    let is_secret = |key: &str| {
        definitions
            .iter()
            .any(|setting| setting.is_secret && setting.key == key)
    };
    let named = definitions.iter().filter(|setting| {
        let of_variable = SECRET_VARIABLES
            .iter()
            .any(|one| one.file_key == setting.key);
        of_variable || setting.key.strip_suffix("-file").is_some_and(is_secret)
    });
    let named = named.filter_map(|setting| origins.get(&setting.id));
    let mut paths: Vec<PathBuf> = named.map(|origin| PathBuf::from(&origin.shown)).collect();
    paths.extend(settings.server.tls.as_ref().map(|files| files.key.clone()));
    for path in &paths {
        let shown = path.display();
        match openness(path) {
            Openness::Others => findings.problem(
                CHECK,
                format_args!("{shown} can be read by everybody on this machine"),
                format_args!("chmod 600 {shown}, or 640 for a group that has to read it"),
            ),
            Openness::Group => findings.remark(
                CHECK,
                format_args!("{shown} can be read by its group"),
                format_args!("chmod 600 {shown}, unless all of that group may use what is in it"),
            ),
            Openness::OthersAndSo => findings.remark(
                CHECK,
                format_args!("{shown} belongs to another user and can be read by everybody here"),
                format_args!("where others are here too, chown and chmod 400 {shown}"),
            ),
            Openness::Nobody => {}
        }
    }
    let count = paths.len();
    findings.good_unless_found(
        CHECK,
        format_args!("{count} files, for nobody else to read"),
    );
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
    fn over_tls_everybody_but_this_machine_needs_a_name() {
        use Verdict::{Good, Problem};
        let https = Some("https://scim.example.org");
        for (listen, public_url, expected) in [
            ("127.0.0.1:8443", None, Good),
            ("0.0.0.0:8443", None, Problem),
            ("192.0.2.1:8443", None, Problem),
            ("0.0.0.0:8443", https, Good),
        ] {
            let mut settings = settings(listen, public_url, &[]);
            settings.server.tls = Some(TlsFiles {
                certificate: "/certificate.pem".into(),
                key: "/key.pem".into(),
            });
            assert_eq!(verdicts(&settings)[0], expected, "{listen} {public_url:?}");
        }
    }

    #[test]
    fn files_of_secrets_that_others_may_read_are_found() {
        use std::os::unix::fs::PermissionsExt;
        let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory).unwrap();
        let file = |name: &str, mode: u32| {
            let path = directory.join(name);
            std::fs::write(&path, "sqlite:x").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        for (url_mode, key_mode, expected) in [
            (0o600, 0o400, vec![Verdict::Good]),
            (0o644, 0o600, vec![Verdict::Problem]),
            (0o640, 0o600, vec![Verdict::Remark]),
            (0o604, 0o640, vec![Verdict::Problem, Verdict::Remark]),
            (0o600, 0o644, vec![Verdict::Problem]),
        ] {
            let (url, key) = (file("database-url", url_mode), file("key.pem", key_mode));
            let arguments = ["--database-url-file", url.to_str().unwrap()];
            let options = Options::from_arguments(&arguments).unwrap();
            let origins = options.origins.clone();
            let mut settings = options.settings().unwrap();
            settings.server.tls = Some(TlsFiles {
                certificate: directory.join("certificate.pem"),
                key,
            });
            let mut findings = Findings::default();
            examine_secret_files(&settings, &origins, &mut findings);
            let found: Vec<Verdict> = findings.0.iter().map(|one| one.verdict).collect();
            assert_eq!(found, expected, "{url_mode:o} {key_mode:o}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
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
