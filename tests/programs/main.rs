//! The examples and the README as programs: output, HTTP answers, and a real Prometheus.

mod actix;
mod examples;
mod prometheus;
mod quickstart;
mod quickstart_processes;
mod readme;
mod serve;
