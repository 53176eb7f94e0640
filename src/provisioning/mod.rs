//! The SCIM operations on stored resources. No SQL and no HTTP.
