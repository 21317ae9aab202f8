//! Several processes, on any machines, one scrape: the totals live in a Redis.
//!
//! It needs one: `docker compose up -d`, or `redis-server`. The variable `REDIS_URL` says where it is, and by itself is
//! `redis://127.0.0.1:6379`.
//!
//! ```sh
//! cargo run -p pytheus-examples --features redis --example redis
//! ```
//!
//! The program starts itself a second time. Both count orders, neither knows of the other, and a scrape of this one shows
//! the totals of both:
//!
//! ```text
//! a worker has counted 5 orders, and has ended
//! # HELP order_seconds Time that an order took.
//! # TYPE order_seconds histogram
//! order_seconds_bucket{le="1"} 8
//! order_seconds_bucket{le="60"} 8
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
//! Most services have none of this: they load what two variables of their environment say, `PYTHEUS_BACKEND_CLASS=redis`
//! and, in `PYTHEUS_BACKEND_CONFIG`, the path of a JSON file with what stands in [`config`] here; and they call
//! [`shutdown`] when they are asked to end, as the example `quickstart` does. Loading in the program, as here, is for those
//! that have a configuration of their own, and want to know at once when it is wrong.

use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, process};

use pytheus::backends::redis::MultiProcessRedisBackend;
use pytheus::backends::{BackendSpec, FlushError, LoadError, Value, flush, json, load_backend, shutdown};
use pytheus::exposition::generate_metrics;
use pytheus::metric;

// Declared as ever: no metric knows where its totals live.
metric! {
    /// Orders, by country.
    static ORDERS: Counter = "orders_total" { labels: { country } };
    /// Time that an order took.
    static ORDER_SECONDS: Histogram = "order_seconds" { buckets: [1.0, 60.0] };
    /// Workers that live.
    static WORKERS: Gauge = "workers" { mode: live_sum };
}

/// Counts. This goes no other way than in a single process: into cells of this one. Redis is not asked, and nobody waits
/// for it, be it slow or gone.
fn take_orders(country: &str, number: usize) {
    for _ in 0..number {
        let _timer = ORDER_SECONDS.time();
        ORDERS.country(country).inc();
    }
}

/// Where the totals are to live. The page of `MultiProcessRedisBackend` has the other keys.
fn config(namespace: &str) -> Value {
    let url = env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    json!({
        // In place of `host`, `port`, `db`, `username` and `password`.
        "url": url,
        // Whoever has the same one counts together: a service has its name here. This program has another one in each run,
        // so that it begins at zero.
        "key_prefix": namespace,
        // Forgotten so many seconds after the last process has ended. A service leaves this out, for an hour.
        "expire_key_time": 60,
        // Else Redis need not be there yet: what is counted waits for it. Here it is an error.
        "wait": true,
    })
}

/// At the start of `main`, before anything else counts; what was counted before would be carried over.
fn load(namespace: &str) -> Result<(), LoadError> {
    load_backend(BackendSpec::of::<MultiProcessRedisBackend>().with_config(config(namespace)))
}

/// The last thing that a process does: sends what was counted since the batch before, and says farewell. While Redis can't
/// be reached it tries again, for so long at most; then what it could not send is an error, and lost.
///
/// A process that is killed can't: it loses what it has counted since its last batch, a tenth of a second.
fn end() -> Result<(), FlushError> {
    shutdown(Duration::from_secs(10))
}

/// The other process.
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
    // Nobody has to: a thread does it ten times a second, and a scrape for its own process. It is for moments after which
    // something must not be missing, as in a function that is frozen between two requests.
    flush()?;

    let worker = Command::new(env::current_exe()?).args([WORKER, &namespace]).status()?;
    if !worker.success() {
        return Err("the worker has failed".into());
    }
    println!("a worker has counted 5 orders, and has ended");

    // What `/metrics` answers. Its orders stay; the worker itself does not live any more. Without the totals this is an
    // error, for which `/metrics` answers 503: no smaller number stands in for them.
    let text = generate_metrics()?;
    // The backend tells how it fares itself, too: `pytheus_redis_round_trip_seconds`, and others.
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
