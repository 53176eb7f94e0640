//! The HTTP edges. No SQL and no rules.
