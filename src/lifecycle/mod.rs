//! Leaving and losing rights: the one transaction that revokes, ends, flags, audits and queues notices.
