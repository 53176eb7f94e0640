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
