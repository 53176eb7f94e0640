//! The lines that `portcullis import` reads.

use portcullis::http::scim::json;
use portcullis::provisioning::ProvisioningError;
use portcullis::provisioning::transfer::Line;
use portcullis::scim::resource;

use super::world::{REGISTRY, WORLD, lenient};

/// A line is a resource that could be created, or is refused by name; what keeps its identifier is taken without too.
pub fn run(data: &[u8]) {
    let [anew, kept] = [false, true].map(|keeps| Line::prepare(&WORLD.context, keeps, 1, data));
    if kept.is_ok() {
        assert!(anew.is_ok(), "taken only with its identifier");
    }
    for line in [&anew, &kept] {
        if let Err(error) = line {
            assert!(
                matches!(error, ProvisioningError::Refused(_)),
                "a failure of ours: {error}"
            );
        }
    }
    // The members of a group are read by a way of their own, so only people are compared.
    let Ok(body) = json::parse(data) else {
        return;
    };
    let names = body.get("schemas").and_then(|value| value.as_array());
    let is_user = names.is_some_and(|names| names.contains(&super::world::USER.into()));
    let user = REGISTRY.resource_type("User").expect("it is built in");
    if is_user && names.is_some_and(|names| names.len() == 1) {
        let created = resource::create(user, &body, &mut lenient());
        assert_eq!(anew.is_ok(), created.is_ok(), "{:?}", created.err());
    }
}
