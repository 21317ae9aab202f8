//! What such a process does: it answers what it is asked, a line each, until nobody asks any more.

#![allow(unsafe_code, reason = "a fork can't be had without")]

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pytheus::backends::{BackendSpec, MultiProcessFileBackend, flush, json, load_backend};
use pytheus::exposition::generate_metrics;

use super::metrics;
use crate::allocator::bytes_of;
use crate::cores;
use crate::peer::Work;
use crate::race::Crew;
use crate::values::pairs;

pub(in crate::rows) type Answer = Result<Vec<f64>, Box<dyn Error>>;

pub fn serve() -> ExitCode {
    let mut server = Server::default();
    for line in io::stdin().lock().lines() {
        let answer = line.map_err(Into::into).and_then(|line| server.answer(&line));
        match answer {
            Ok(numbers) => println!("{}", numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

#[derive(Default)]
pub(in crate::rows) struct Server {
    /// Only where it is needed: who forks has one thread.
    crew: Option<Crew>,
    works: HashMap<String, Arc<Work>>,
    #[cfg(feature = "redis")]
    pub(in crate::rows) redis: crate::rows::redis::Known,
}

impl Server {
    fn answer(&mut self, line: &str) -> Answer {
        if let Some(directory) = line.strip_prefix("load ") {
            let load = BackendSpec::of::<MultiProcessFileBackend>().with_config(json!({ "directory": directory }));
            let (took, loaded) = timed(|| load_backend(load));
            loaded?;
            return Ok(took.into());
        }
        #[cfg(feature = "redis")]
        if let Some(command) = line.strip_prefix("redis ") {
            return crate::rows::redis::answer(self, command);
        }
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["times", row, threads, nanoseconds] => {
                let (work, round) = (self.work(row)?, Duration::from_nanos(nanoseconds.parse()?));
                Ok(vec![self.crew().times(&work, threads.parse()?, round) as f64])
            }
            ["run", row, threads, times] => {
                let work = self.work(row)?;
                let round = self.crew().round(&work, threads.parse()?, times.parse()?);
                Ok(vec![round.cost, f64::from(u8::from(round.disturbed))])
            }
            ["count", what, series] => {
                let series = series.parse()?;
                // Their texts.
                black_box(pairs(series));
                Ok(timed(|| metrics::count(what, series)).0.into())
            }
            ["scrape"] => {
                let (took, text) = timed(generate_metrics);
                Ok([took.into(), vec![metrics::total(&text?)]].concat())
            }
            ["remove", series] => {
                let series = series.parse()?;
                let (removed, ()) = timed(|| metrics::remove(series));
                let (known, flushed) = timed(flush);
                flushed.map_err(|error| error.to_string())?;
                Ok([Vec::from(removed), vec![removed[0] + known[0]]].concat())
            }
            ["fork"] => first_count_of_a_child(),
            ["heap", "count", series] => {
                let series = series.parse()?;
                black_box(pairs(series));
                Ok(vec![bytes_of(|| metrics::count("counters", series)).1 as f64])
            }
            ["heap", "scrape"] => Ok(vec![bytes_of(|| generate_metrics().map(drop)).1 as f64]),
            _ => Err(format!("no such command: {line}").into()),
        }
    }

    fn crew(&mut self) -> &Crew {
        self.crew.get_or_insert_with(|| Crew::new(8))
    }

    pub(in crate::rows) fn work(&mut self, row: &str) -> Result<Arc<Work>, String> {
        if let Some(work) = self.works.get(row) {
            return Ok(Arc::clone(work));
        }
        let work = Arc::new(metrics::work(row).ok_or_else(|| format!("no such row: {row}"))?);
        Ok(Arc::clone(self.works.entry(row.to_owned()).or_insert(work)))
    }
}

/// Nanoseconds, and whether someone else took the core meanwhile.
pub(in crate::rows) fn timed<T>(work: impl FnOnce() -> T) -> ([f64; 2], T) {
    let before = cores::preemptions();
    let started = Instant::now();
    let result = work();
    let took = started.elapsed();
    ([took.as_nanos() as f64, f64::from(u8::from(cores::preemptions() != before))], result)
}

fn first_count_of_a_child() -> Answer {
    let (mut from, mut to) = io::pipe()?;
    // SAFETY: this process has no thread that could hold a lock; and the child does no more than count, and tell.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error().into()),
        0 => {
            let ([took, disturbed], ()) = timed(|| metrics::COUNTER.inc());
            let told = to.write_all(&[took.to_le_bytes(), disturbed.to_le_bytes()].concat());
            // SAFETY: ends the child here, where nothing of the parent's is flushed.
            unsafe { libc::_exit(i32::from(told.is_err())) }
        }
        child => {
            drop(to);
            let mut told = [[0; 8]; 2];
            from.read_exact(told.as_flattened_mut())?;
            // SAFETY: waits for the child above, and asks for nothing about it.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            Ok(told.map(f64::from_le_bytes).into())
        }
    }
}
