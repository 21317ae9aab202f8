//! The conformance suite on a single server and on a cluster of three, each with and without a spool.
#![cfg(unix)]

use std::env;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::process::{Command, ExitCode};

use pytheus::backends::{BackendSpec, MultiProcessRedisBackend, Value, json};
use pytheus::conformance;
use servers::cluster::Cluster;
use servers::server::Server;

/// The variable with the configuration of the servers.
const CONFIG: &str = "PYTHEUS_TEST_REDIS_CONFIG";
/// The spool of the processes, within the directory of a check.
const SPOOL: &str = "spool_directory";

fn main() -> ExitCode {
    if let Ok(config) = env::var(CONFIG) {
        let config = config.parse().expect("the test writes it");
        return conformance::main(|directory| load(directory, &config));
    }
    // The servers outlive the suite, and end with this scope.
    let (server, cluster) = (Server::start(), Cluster::start());
    let succeeds = |name: &str, mut config: Value, spool: Option<&str>| {
        println!("\n{name}, {}:", if spool.is_some() { "with a spool" } else { "without a spool" });
        config[SPOOL] = spool.into();
        let mut suite = Command::new(env::current_exe().expect("the test has a path"));
        suite.args(env::args_os().skip(1)).env(CONFIG, config.to_string());
        suite.status().expect("the test runs itself").success()
    };
    let mut failed = 0;
    for spool in [None, Some("spool")] {
        failed += u32::from(!succeeds("one server", json!({"port": server.port()}), spool));
        failed += u32::from(!succeeds("a cluster", cluster.config(), spool));
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn load(directory: &Path, config: &Value) -> BackendSpec {
    let mut config = config.clone();
    config["key_prefix"] = directory.to_string_lossy().into();
    // A killed process is gone after two seconds; a scrape has time.
    (config["lease"], config["timeout"]) = (2.into(), 10.into());
    if let Some(spool) = config[SPOOL].as_str().map(|spool| directory.join(spool)) {
        config[SPOOL] = spool.to_string_lossy().into();
    } else if let Some(config) = config.as_object_mut() {
        config.remove(SPOOL);
    }
    BackendSpec::of::<MultiProcessRedisBackend>().with_config(config)
}

/// Checks that the backend crosses threads and `catch_unwind`, as metrics do.
const _: fn() = || {
    fn is_free<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    is_free::<MultiProcessRedisBackend>();
};
