//! The outbox of notices to admins. No SQL.
