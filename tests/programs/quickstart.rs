//! The quickstart serves what it says, and says what it serves.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use pytheus::exposition::PROMETHEUS_CONTENT_TYPE;
use support::example::{self, Serving};
use support::promtool;

const SOURCE: &str = include_str!("../../examples/quickstart.rs");

/// The comment that ends the source: what `/metrics` shows.
fn shown_in_the_source() -> String {
    let from = SOURCE.find("// # HELP").expect("the text in the source");
    SOURCE[from..].lines().map(|line| line.strip_prefix("// ").expect("a comment").to_owned() + "\n").collect()
}

/// The bound of a line that counts what took no longer.
fn bound(line: &str) -> Option<f64> {
    line.split_once("_bucket{le=\"")?.1.split_once('"')?.0.parse().ok()
}

/// Each bound, and how many visits took no longer.
fn buckets(text: &str) -> Vec<(f64, u32)> {
    let buckets = text.lines().filter_map(|line| Some((bound(line)?, line.rsplit_once(' ')?.1)));
    buckets.map(|(bound, upto)| (bound, upto.parse().expect("a count"))).collect()
}

/// Replaces the value of a line that depends on the clock: the sum, and all buckets but the last, as a visit may take any
/// time where the machine has other things to do.
fn without_time(line: &str) -> String {
    match line.rsplit_once(' ') {
        Some((series, _)) if series.ends_with("_sum") || bound(line).is_some_and(f64::is_finite) => {
            format!("{series} ..")
        }
        _ => line.to_owned(),
    }
}

#[test]
fn metrics_show_line_by_line_what_the_source_says() {
    let quickstart = Serving::start("quickstart");
    assert_eq!(quickstart.get("/").body, "hello world!");
    assert_eq!(quickstart.get("/slow").body, "hello world! from slow!");

    let metrics = quickstart.get("/metrics");
    assert_eq!((metrics.status, &*metrics.content_type), (200, PROMETHEUS_CONTENT_TYPE));
    promtool::assert_clean(&metrics.body);
    let shown: Vec<_> = metrics.body.lines().map(without_time).collect();
    let said: Vec<_> = shown_in_the_source().lines().map(without_time).collect();
    assert_eq!(shown, said);
    let within = buckets(&metrics.body);
    assert!(within.is_sorted_by_key(|(_, upto)| *upto), "{within:?}");
    assert!(within.iter().all(|(bound, upto)| *bound >= 3.0 || *upto <= 1), "a visit to /slow takes 3 s: {within:?}");
    // The source shows a machine that has nothing else to do.
    let shown: Vec<_> = within.into_iter().map(|(bound, _)| (bound, if bound < 3.0 { 1 } else { 2 })).collect();
    assert_eq!(buckets(&shown_in_the_source()), shown);
    let sum = metrics.body.lines().find_map(|line| line.strip_prefix("http_request_duration_seconds_sum "));
    assert!(sum.unwrap().parse::<f64>().unwrap() >= 3.0, "{sum:?}");
}

#[test]
fn a_histogram_that_was_never_touched_is_served_at_zero() {
    let metrics = Serving::start("quickstart").get("/metrics").body;
    assert!(metrics.contains("\nhttp_request_duration_seconds_bucket{le=\"+Inf\"} 0\n"), "{metrics}");
    assert!(metrics.ends_with("\nhttp_request_duration_seconds_sum 0\nhttp_request_duration_seconds_count 0\n"));
    promtool::assert_clean(&metrics);
}

#[test]
fn a_port_that_is_taken_ends_it_with_a_message_that_names_it() {
    // Bound without `SO_REUSEPORT`, so it can't be shared.
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = Command::new(example::program("quickstart"))
        .envs([("HOST", "127.0.0.1"), ("PORT", &port.to_string())])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(message.starts_with(&format!("quickstart: can't listen on 127.0.0.1:{port}: ")), "{message}");
}

#[test]
fn two_processes_share_a_port() {
    let first = Serving::start("quickstart");
    let second = Serving::start_on("quickstart", first.port());
    assert_eq!(second.port(), first.port());
    assert_eq!(second.get("/").body, "hello world!");
}

#[test]
fn a_port_that_is_no_number_ends_it_with_a_message_that_names_the_variable() {
    let output =
        Command::new(example::program("quickstart")).env("PORT", "http").stdin(Stdio::null()).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(message.starts_with("quickstart: PORT=http: "), "{message}");
}
