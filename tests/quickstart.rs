//! The quickstart serves what it says, and says what it serves.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use pytheus::exposition::PROMETHEUS_CONTENT_TYPE;
use support::example::{self, Serving};
use support::promtool;

const SOURCE: &str = include_str!("../examples/quickstart.rs");

/// The comment that ends the source: what `/metrics` shows.
fn shown_in_the_source() -> String {
    let from = SOURCE.find("// # HELP").expect("the text in the source");
    SOURCE[from..].lines().map(|line| line.strip_prefix("// ").expect("a comment").to_owned() + "\n").collect()
}

/// Replaces the value of a line that depends on the clock: the sum, and the buckets that a visit to `/` misses where
/// the machine has other things to do. A visit to `/slow` is in none of these.
fn without_time(line: &str) -> String {
    let Some((series, _)) = line.rsplit_once(' ') else { return line.to_owned() };
    let bound = series.split_once("_bucket{le=\"").and_then(|(_, le)| le.strip_suffix("\"}")?.parse::<f64>().ok());
    if series.ends_with("_sum") || bound.is_some_and(|bound| bound < 2.5) {
        format!("{series} ..")
    } else {
        line.to_owned()
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
