//! Audit events: their catalogue and recording. No SQL.
