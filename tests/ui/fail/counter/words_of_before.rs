// Words from before the first release.
use std::future::Future;
use std::pin::Pin;

use pytheus::counter;

type Job = Pin<Box<dyn Future<Output = ()>>>;

/// Jobs.
#[counter(name = "a_total", zeros = false)]
fn a() {}

/// Jobs.
#[counter(name = "b_total", on = call)]
fn b() {}

/// Jobs.
#[counter(name = "c_total", future = made)]
fn c() -> Job {
    Box::pin(async {})
}

/// Jobs.
#[counter(name = "d_total", description = "Jobs.")]
fn d() {}

pytheus::metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { zeros: false };
}

fn main() {}
