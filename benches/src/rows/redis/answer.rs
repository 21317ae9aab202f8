//! What a process of ours answers here, beside what it does elsewhere.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use pytheus::backends::redis::MultiProcessRedisBackend;
use pytheus::backends::{BackendSpec, Value, flush, load_backend};

use crate::peer::Work;
use crate::rows::backend::metrics;
use crate::rows::backend::process::Process;
use crate::rows::backend::serve::{Answer, Server, timed};
use crate::values::pairs;

/// How many other series change while calls are timed.
const CHANGING: usize = 1_000;
/// How often they do.
const PAUSE: Duration = Duration::from_millis(10);

/// How long calls took, by row.
pub type Known = HashMap<String, Calls>;

impl Process {
    /// One of ours, with a Redis.
    pub(super) fn shipping(config: &Value) -> Self {
        let mut process = Self::alone();
        process.timed(&format!("redis load {config}"));
        process
    }
}

pub fn answer(server: &mut Server, command: &str) -> Answer {
    if let Some(config) = command.strip_prefix("load ") {
        let load = BackendSpec::of::<MultiProcessRedisBackend>().with_config(config.parse::<Value>()?);
        let (took, loaded) = timed(|| load_backend(load));
        loaded?;
        return Ok(took.into());
    }
    match command.split(' ').collect::<Vec<_>>()[..] {
        ["flush"] => {
            let (took, flushed) = timed(flush);
            flushed.map_err(|error| error.to_string())?;
            Ok(took.into())
        }
        // So many calls, until the server has them.
        ["deliver", row, times] => {
            let (work, times) = (server.work(row)?, times.parse()?);
            let ([took, disturbed], flushed) = timed(|| {
                work(times);
                flush()
            });
            flushed.map_err(|error| error.to_string())?;
            Ok(vec![took / times as f64, disturbed])
        }
        ["calls", row, nanoseconds] => {
            let (work, turn) = (server.work(row)?, Duration::from_nanos(nanoseconds.parse()?));
            server.redis.entry(row.to_owned()).or_default().time(&work, turn);
            Ok(vec![])
        }
        ["quantiles", row] => {
            let calls = server.redis.remove(row).ok_or("nothing was timed")?;
            Ok([500, 990, 999, 1_000].map(|thousandths| calls.quantile(thousandths)).into())
        }
        _ => Err(format!("no such command: redis {command}").into()),
    }
}

/// How many calls took how long.
#[derive(Default)]
pub struct Calls {
    /// By nanoseconds.
    short: Vec<u64>,
    /// Those that took longer.
    long: Vec<u64>,
}

impl Calls {
    const SHORT: usize = 100_000;

    /// One call after the other, while other series change.
    fn time(&mut self, work: &Work, turn: Duration) {
        self.short.resize(Self::SHORT, 0);
        let (others, done) = (pairs(CHANGING), AtomicBool::new(false));
        // The caches know the way.
        work(1_000);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    metrics::count_once(&others);
                    thread::sleep(PAUSE);
                }
            });
            let begun = Instant::now();
            loop {
                let started = Instant::now();
                work(1);
                let took = started.elapsed();
                self.add(took.as_nanos() as u64);
                if started - begun > turn {
                    break;
                }
            }
            done.store(true, Relaxed);
        });
    }

    fn add(&mut self, nanoseconds: u64) {
        match self.short.get_mut(nanoseconds as usize) {
            Some(calls) => *calls += 1,
            None => self.long.push(nanoseconds),
        }
    }

    /// How long the slowest took of so many thousandths, in nanoseconds.
    fn quantile(&self, thousandths: u64) -> f64 {
        let mut long = self.long.clone();
        long.sort_unstable();
        let all = self.short.iter().sum::<u64>() + long.len() as u64;
        let mut left = (all * thousandths).div_ceil(1_000);
        for (nanoseconds, &calls) in self.short.iter().enumerate() {
            if calls >= left {
                return nanoseconds as f64;
            }
            left -= calls;
        }
        long.get(left as usize - 1).map_or(f64::NAN, |&nanoseconds| nanoseconds as f64)
    }
}
