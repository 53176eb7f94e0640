//! Programs that authenticate by signing: the keys that Portcullis signs with, the keys of service accounts,
//! and the access tokens between them.

mod access_tokens;
mod assertions;
mod introspection;
mod master_key;
pub mod program;
mod registered_keys;
mod signing_keys;
