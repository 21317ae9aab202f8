//! A Redis that all processes write to does what a backend has to do.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

use pytheus::backends::{Load, MultiProcessRedisBackend, conformance, json};
use support::redis::Redis;

/// Where the processes find the port of the server.
const PORT: &str = "PYTHEUS_TEST_REDIS_PORT";
/// The spool of the processes, within the directory of a check.
const SPOOL: &str = "PYTHEUS_TEST_REDIS_SPOOL";

fn main() -> ExitCode {
    if env::var_os(PORT).is_some() {
        return conformance::main(load);
    }
    // With a server around it, which ends whatever happens: once as it is, once with a spool.
    let redis = Redis::start();
    let succeeds = |spool: &str| {
        let mut suite = Command::new(env::current_exe().expect("the test has a path"));
        suite.args(env::args_os().skip(1)).env(PORT, redis.port().to_string()).env(SPOOL, spool);
        suite.status().expect("the test runs itself").success()
    };
    if succeeds("") && succeeds("spool") { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn load(directory: &Path) -> Load {
    let port: u16 = env::var(PORT).ok().and_then(|port| port.parse().ok()).expect("the test says the port");
    // Who is killed is gone after half a second.
    let mut config = json!({"port": port, "key_prefix": directory.to_string_lossy(), "lease": 0.5});
    if let Some(spool) = env::var_os(SPOOL).filter(|spool| !spool.is_empty()) {
        config["spool_directory"] = directory.join(spool).to_string_lossy().into();
    }
    Load::class::<MultiProcessRedisBackend>().config(config)
}
