//! The native scheme of keys: `scheme` joins writes, reads and recovery to a backend, `heartbeat` is its maintenance.

pub(super) mod heartbeat;
pub(super) mod scheme;
