//! Several processes, one scrape: each process shows the totals of all, including ended ones.
//!
//! ```sh
//! cargo run -p pytheus-examples --example multi_process
//! ```
//!
//! No code of a service changes. Two variables in the environment of its processes name their backend:
//!
//! ```sh
//! export PYTHEUS_BACKEND_CLASS=file
//! export PYTHEUS_BACKEND_CONFIG=pytheus.json
//! ```
//!
//! and a configuration with the directory, made if it is missing:
//!
//! ```json
//! {"directory": "/run/shop/metrics"}
//! ```
//!
//! `shop` is an example: use any directory of this machine with write access for the processes and for nobody else. Each
//! process counts in a file of its own there, mapped into its memory, at the speed of a single process. A directory below
//! `/run` is a good choice: it is empty after a boot, and the totals begin at zero, as Prometheus expects of counters.
//!
//! This program sets both variables for four workers, processes of itself. Each does 1,000 jobs. The last one is killed in
//! the middle of another job: its work in progress disappears, its completed jobs stay. A scrape of the first worker is then
//! the same as one of the second or third, and prints:
//!
//! ```text
//! each worker has done its jobs
//! the last one was killed
//! the others show the same:
//! # HELP job_seconds Time that a job took.
//! # TYPE job_seconds histogram
//! job_seconds_bucket{le="1.0"} 4000
//! job_seconds_bucket{le="60.0"} 4000
//! job_seconds_bucket{le="+Inf"} 4000
//! job_seconds_sum ..
//! job_seconds_count 4000
//! # HELP jobs_in_progress Jobs in progress.
//! # TYPE jobs_in_progress gauge
//! jobs_in_progress 3
//! # HELP jobs_total Jobs that are done.
//! # TYPE jobs_total counter
//! jobs_total{queue="mail"} 4000
//! # HELP queue_length Jobs that wait, as last seen by any worker.
//! # TYPE queue_length gauge
//! queue_length 7
//! ```

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, fs, process};

use pytheus::exposition::generate_metrics;
use pytheus::metric;

metric! {
    /// Jobs that are done.
    static JOBS: Counter = "jobs_total" { labels: { queue } };
    /// Time that a job took.
    static JOB_SECONDS: Histogram = "job_seconds" { buckets: [1.0, 60.0] };
    /// Jobs in progress.
    static JOBS_IN_PROGRESS: Gauge = "jobs_in_progress" { mode: live_sum };
    /// Jobs that wait, as last seen by any worker.
    static QUEUE_LENGTH: Gauge = "queue_length";
}

/// Does a job, as a service would: without any mention of other processes.
fn do_jobs() {
    for _ in 0..1_000 {
        let _busy = JOBS_IN_PROGRESS.track_inprogress();
        let _timer = JOB_SECONDS.time();
        JOBS.queue("mail").inc();
    }
    QUEUE_LENGTH.set(7.0);
}

/// Runs a worker: does its jobs, begins another one, and prints its metrics on request.
fn work() -> Result<(), Box<dyn Error>> {
    do_jobs();
    let _busy = JOBS_IN_PROGRESS.track_inprogress();
    println!("done");
    for _request in io::stdin().lock().lines() {
        print!("{}", generate_metrics()?);
        println!("{END}");
    }
    Ok(())
}

/// Ends an answer.
const END: &str = "--";

/// A worker, from the view of its parent.
struct Worker {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts this program as a worker with this configuration.
    fn start(config: &Path) -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(env::current_exe()?)
            .arg(WORKER)
            .env("PYTHEUS_BACKEND_CLASS", "file")
            .env("PYTHEUS_BACKEND_CONFIG", config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or("no pipe to the worker")?;
        let output = BufReader::new(process.stdout.take().ok_or("no pipe from the worker")?);
        Ok(Self { process, input, output })
    }

    /// Returns the output of the worker up to this line.
    fn lines_until(&mut self, end: &str) -> Result<String, Box<dyn Error>> {
        let mut text = String::new();
        loop {
            let from = text.len();
            if self.output.read_line(&mut text)? == 0 {
                return Err(format!("the worker ended: {text}").into());
            }
            if text[from..].trim_end() == end {
                text.truncate(from);
                return Ok(text);
            }
        }
    }

    /// Returns a scrape, as the worker would answer it over HTTP.
    fn scrape(&mut self) -> Result<String, Box<dyn Error>> {
        writeln!(self.input)?;
        self.lines_until(END)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The argument that makes this program a worker.
const WORKER: &str = "worker";

fn run() -> Result<(), Box<dyn Error>> {
    if env::args().nth(1).as_deref() == Some(WORKER) {
        return work();
    }
    let folder = env::temp_dir().join(format!("pytheus-example-{}", process::id()));
    fs::create_dir(&folder)?;
    let shown = show(&folder);
    fs::remove_dir_all(&folder)?;
    shown
}

fn show(folder: &Path) -> Result<(), Box<dyn Error>> {
    let config = folder.join("pytheus.json");
    // In JSON, whatever characters the path has.
    fs::write(&config, pytheus::backends::json!({"directory": folder.join("metrics")}).to_string())?;

    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(Worker::start(&config)?);
    }
    for worker in &mut workers {
        worker.lines_until("done")?;
    }
    println!("each worker has done its jobs");

    // Dropping a worker kills it.
    workers.pop();
    println!("the last one was killed");

    let text = workers[0].scrape()?;
    for worker in &mut workers[1..] {
        if worker.scrape()? != text {
            return Err("one shows something else".into());
        }
    }
    println!("the others show the same:");
    print!("{text}");
    Ok(())
}

fn main() {
    if let Err(error) = run() {
        eprintln!("multi_process: {error}");
        process::exit(1);
    }
}
