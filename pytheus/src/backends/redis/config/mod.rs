//! The configuration: `redis_config` reads and checks it, `endpoints` are the servers in it.

pub(super) mod endpoints;
pub(super) mod redis_config;
