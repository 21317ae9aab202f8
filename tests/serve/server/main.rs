//! The server for metrics: what it answers to whom, and what its clients can't do to it.
#![cfg(unix)]

mod addresses;
mod clients;
mod credentials;
mod ending;
mod prometheus;
mod requests;
mod tls;
