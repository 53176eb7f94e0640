//! The networks that a credential may be used from.

use std::net::IpAddr;

use ipnet::IpNet;

use super::PolicyError;

/// Reads networks such as `10.0.0.0/8`; an address alone is the network of that address.
///
/// # Errors
/// [`PolicyError::Invalid`] for the first that is none.
pub fn parse(texts: &[String]) -> Result<Vec<IpNet>, PolicyError> {
    texts
        .iter()
        .map(|text| {
            let address = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
                PolicyError::Invalid(format!(
                    "allowed_networks has {text:?}; write networks such as 10.0.0.0/8"
                ))
            })
        })
        .collect()
}

/// Whether what may be used from the inner networks may be used from the outer ones; no networks are all of them.
#[must_use]
pub fn are_within(inner: &[IpNet], outer: &[IpNet]) -> bool {
    let is_within = |network: &IpNet| outer.iter().any(|wider| wider.contains(network));
    outer.is_empty() || (!inner.is_empty() && inner.iter().all(is_within))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_within_those_that_hold_each_of_them() {
        let cases: [(&[&str], &[&str], bool); 7] = [
            (&[], &[], true),
            (&["10.0.0.0/8"], &[], true),
            (&[], &["10.0.0.0/8"], false),
            (
                &["10.1.0.0/16", "192.0.2.1"],
                &["10.0.0.0/8", "192.0.2.0/24"],
                true,
            ),
            (
                &["10.1.0.0/16", "192.0.3.1"],
                &["10.0.0.0/8", "192.0.2.0/24"],
                false,
            ),
            (&["10.0.0.0/7"], &["10.0.0.0/8"], false),
            (&["2001:db8::/48"], &["10.0.0.0/8", "2001:db8::/32"], true),
        ];
        let networks = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            parse(&texts).unwrap()
        };
        for (inner, outer, expected) in cases {
            let found = are_within(&networks(inner), &networks(outer));
            assert_eq!(found, expected, "{inner:?} {outer:?}");
        }
    }
}
