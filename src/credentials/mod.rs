//! Issue, verify, rotate, revoke, adopt: everything that can authenticate. No SQL.
