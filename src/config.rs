//! The settings of one process: where data lives, where to listen, what the limits are.
