//! Attributes on declared metrics: labels of the outcome and of the returned value.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

use pytheus::metrics::{HasOutcome, Outcome};
use pytheus::registry::{REGISTRY, Registry};
use pytheus::{LabelValue, counter, histogram, metric};

#[derive(LabelValue, Clone, Copy)]
enum Kind {
    Get,
    Put,
}

metric! {
    /// Calls of the database.
    static DB: Histogram = "handles_db_seconds" { labels: { call, outcome: Outcome } };

    /// Rows.
    static ROWS: Counter = "handles_rows_total" { labels: { table, kind: Kind, found: bool, rows, shard = "a" } };

    /// Jobs.
    static JOBS: Counter = "handles_jobs_total" { labels: { outcome } };
}

struct Job {
    queue: String,
}

impl Job {
    fn queue(&self) -> &str {
        &self.queue
    }
}

fn job(queue: &str) -> Job {
    Job { queue: queue.to_owned() }
}

fn value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    REGISTRY.sample_value(name, labels)
}

fn poll_once(future: impl Future) {
    let _ = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
}

#[test]
fn outcome_is_a_label_of_a_declared_metric() {
    #[histogram(DB.call("get").outcome(outcome))]
    async fn get(key: &str) -> Result<usize, std::num::ParseIntError> {
        key.parse()
    }

    poll_once(async {
        assert_eq!(get("3").await, Ok(3));
        assert!(get("x").await.is_err());
    });
    assert_eq!(value("handles_db_seconds_count", &[("call", "get"), ("outcome", "ok")]), Some(1.0));
    assert_eq!(value("handles_db_seconds_count", &[("call", "get"), ("outcome", "error")]), Some(1.0));
}

#[test]
fn argument_that_the_body_takes_is_a_label_beside_the_outcome() {
    #[histogram(DB.call(job.queue()).outcome(outcome))]
    fn run(job: Job) -> Result<(), String> {
        Err(job.queue)
    }

    assert_eq!(run(job("mail")), Err("mail".to_owned()));
    assert_eq!(value("handles_db_seconds_count", &[("call", "mail"), ("outcome", "error")]), Some(1.0));
}

#[test]
fn returned_value_is_a_label_of_a_declared_metric() {
    #[counter(ROWS.table(job.queue()).kind(kind).found(ret.is_some()).rows(ret.as_deref()))]
    fn read(job: Job, kind: Kind) -> Option<String> {
        match kind {
            Kind::Get => Some(job.queue),
            Kind::Put => None,
        }
    }

    assert_eq!(read(job("users"), Kind::Get).as_deref(), Some("users"));
    assert_eq!(read(job("users"), Kind::Put), None);
    assert_eq!(
        value(
            "handles_rows_total",
            &[("table", "users"), ("kind", "get"), ("found", "true"), ("rows", "users"), ("shard", "a")]
        ),
        Some(1.0)
    );
    assert_eq!(
        value("handles_rows_total", &[("table", "users"), ("kind", "put"), ("found", "false"), ("shard", "a")]),
        Some(1.0)
    );
}

#[test]
fn returned_value_is_empty_after_a_panic_and_a_cancellation() {
    #[counter(ROWS.table("lost").kind(Kind::Get).shard("b").found(*ret).rows(7))]
    fn panics() -> bool {
        panic!("on purpose")
    }

    #[counter(ROWS.table("dropped").kind(Kind::Get).rows(ret).found(matches!(outcome, Outcome::Ok)))]
    async fn waits() -> u8 {
        std::future::pending().await
    }

    assert!(catch_unwind(panics).is_err());
    poll_once(waits());
    assert_eq!(
        value("handles_rows_total", &[("table", "lost"), ("kind", "get"), ("rows", "7"), ("shard", "b")]),
        Some(1.0)
    );
    assert_eq!(
        value("handles_rows_total", &[("table", "dropped"), ("kind", "get"), ("found", "false"), ("shard", "a")]),
        Some(1.0)
    );
}

#[test]
fn error_option_and_own_types_decide_the_outcome() {
    struct Reply(u16);

    impl HasOutcome for Reply {
        fn is_error(&self) -> bool {
            self.0 >= 500
        }
    }

    #[counter(JOBS.outcome(outcome))]
    fn reply(code: u16) -> Reply {
        Reply(code)
    }

    #[counter(JOBS.outcome(outcome), error = ret.is_empty())]
    fn text(text: &str) -> String {
        text.to_owned()
    }

    #[counter(JOBS.outcome(outcome), on = panicked)]
    fn boom() {
        panic!("on purpose")
    }

    reply(200);
    reply(500);
    text("");
    assert!(catch_unwind(AssertUnwindSafe(boom)).is_err());
    assert_eq!(value("handles_jobs_total", &[("outcome", "ok")]), Some(1.0));
    assert_eq!(value("handles_jobs_total", &[("outcome", "error")]), Some(2.0));
    assert_eq!(value("handles_jobs_total", &[("outcome", "panicked")]), Some(1.0));
}

#[test]
fn argument_named_outcome_is_the_argument() {
    #[counter(JOBS.outcome(outcome))]
    fn named(outcome: &str) {
        let _ = outcome;
    }

    named("mine");
    assert_eq!(value("handles_jobs_total", &[("outcome", "mine")]), Some(1.0));
}

#[test]
fn attributes_with_labels_of_the_end_stack() {
    struct Store {
        reads: u32,
    }

    impl Store {
        #[histogram(DB.call("stacked").outcome(outcome))]
        #[counter(ROWS.table("stacked").kind(Kind::Put).rows(ret).found(true))]
        async fn read(&mut self) -> u32 {
            self.reads += 1;
            self.reads
        }
    }

    poll_once(async { assert_eq!(Store { reads: 3 }.read().await, 4) });
    assert_eq!(value("handles_db_seconds_count", &[("call", "stacked"), ("outcome", "ok")]), Some(1.0));
    assert_eq!(
        value(
            "handles_rows_total",
            &[("table", "stacked"), ("kind", "put"), ("found", "true"), ("rows", "4"), ("shard", "a")]
        ),
        Some(1.0)
    );
}
