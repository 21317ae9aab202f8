//! Several processes on any machines, one scrape: the totals are in a Redis.
//!
//! Start one first: `docker compose up -d`, or `redis-server`. The variable `REDIS_URL` has its address, by default
//! `redis://127.0.0.1:6379`.
//!
//! ```sh
//! cargo run -p pytheus-examples --features redis --example redis
//! ```
//!
//! The program starts itself a second time. Both count orders, neither knows the other, and a scrape of this one shows
//! the totals of both:
//!
//! ```text
//! a worker has counted 5 orders, and has ended
//! # HELP order_seconds Time that an order took.
//! # TYPE order_seconds histogram
//! order_seconds_bucket{le="1.0"} 8
//! order_seconds_bucket{le="60.0"} 8
//! order_seconds_bucket{le="+Inf"} 8
//! order_seconds_sum ..
//! order_seconds_count 8
//! # HELP orders_total Orders, by country.
//! # TYPE orders_total counter
//! orders_total{country="DE"} 3
//! orders_total{country="NO"} 5
//! # HELP workers Workers that live.
//! # TYPE workers gauge
//! workers 1
//! all is in Redis
//! ```
//!
//! # What a service has of it
//!
//! Most services need none of this code: two variables of the environment load the backend, `PYTHEUS_BACKEND_CLASS=redis` and
//! `PYTHEUS_BACKEND_CONFIG`, the path of a JSON file with the keys of [`config`] here. They call [`shutdown`] before they end,
//! as the example `quickstart` does. Load in the program, as here, if it has a configuration of its own and should report
//! a mistake at once.

use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, process};

use pytheus::backends::redis::MultiProcessRedisBackend;
use pytheus::backends::{BackendSpec, FlushError, LoadError, Value, flush, json, load_backend, shutdown};
use pytheus::exposition::generate_metrics;
use pytheus::metric;

// Declared as always: no metric knows its backend.
metric! {
    /// Orders, by country.
    static ORDERS: Counter = "orders_total" { labels: { country } };
    /// Time that an order took.
    static ORDER_SECONDS: Histogram = "order_seconds" { buckets: [1.0, 60.0] };
    /// Workers that live.
    static WORKERS: Gauge = "workers" { mode: live_sum };
}

/// Counts an order in cells of this process, as in a program without a backend. No update waits for Redis, slow or gone.
fn take_orders(country: &str, number: usize) {
    for _ in 0..number {
        let _timer = ORDER_SECONDS.time();
        ORDERS.country(country).inc();
    }
}

/// Returns the configuration. The page of `MultiProcessRedisBackend` lists all keys.
fn config(namespace: &str) -> Value {
    let url = env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    json!({
        // In place of `host`, `port`, `db`, `username` and `password`.
        "url": url,
        // The namespace: all processes with the same one add up. A service has its name here; this program takes a new one
        // in each run, to begin at zero.
        "key_prefix": namespace,
        // Seconds until the totals expire after the end of the last process. Leave it out for an hour.
        "expire_key_time": 60,
        // Makes an absent Redis an error. Without it, counts wait in memory for Redis.
        "wait": true,
    })
}

/// Loads the backend at the start of `main`. Earlier counts would be carried over.
fn load(namespace: &str) -> Result<(), LoadError> {
    load_backend(BackendSpec::of::<MultiProcessRedisBackend>().with_config(config(namespace)))
}

/// Sends the last counts and deregisters the process. While Redis is away it retries, up to this timeout; then the unsent
/// counts are an error, and lost.
///
/// A killed process can't do that: it loses the counts since its last batch, a tenth of a second.
fn end() -> Result<(), FlushError> {
    shutdown(Duration::from_secs(10))
}

/// Runs the other process.
fn work(namespace: &str) -> Result<(), Box<dyn Error>> {
    load(namespace)?;
    WORKERS.inc();
    take_orders("NO", 5);
    end()?;
    Ok(())
}

/// The argument that makes this program a worker.
const WORKER: &str = "worker";

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    if let (Some(WORKER), Some(namespace)) = (arguments.next().as_deref(), arguments.next()) {
        return work(&namespace);
    }

    let namespace = format!("pytheus-example-{}", process::id());
    load(&namespace)?;
    WORKERS.inc();
    take_orders("DE", 3);
    // Optional: a thread sends changes ten times a second, and a scrape those of its own process. Use it where no count may
    // be missing, as in a function that is frozen between two requests.
    flush()?;

    let worker = Command::new(env::current_exe()?).args([WORKER, &namespace]).status()?;
    if !worker.success() {
        return Err("the worker has failed".into());
    }
    println!("a worker has counted 5 orders, and has ended");

    // The reply to `/metrics`. The orders of the worker stay; the worker no longer lives. If the totals are out of reach,
    // this is an error, and `/metrics` answers 503.
    let text = generate_metrics()?;
    // The backend has metrics of its own, too: `pytheus_redis_round_trip_seconds` and others.
    for line in text.lines().filter(|line| !line.contains("pytheus_redis_")) {
        println!("{line}");
    }

    end()?;
    println!("all is in Redis");
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("redis: {error}");
            ExitCode::FAILURE
        }
    }
}
