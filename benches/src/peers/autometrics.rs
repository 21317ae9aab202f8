//! autometrics, on the prometheus crate.

use std::hint::black_box;

use autometrics::autometrics;

use crate::peer::{Peer, Work, poll_once, work};

#[derive(Debug)]
pub(super) struct Autometrics;

#[autometrics]
fn empty() {}

#[autometrics]
async fn empty_async() {}

impl Peer for Autometrics {
    fn name(&self) -> &'static str {
        "autometrics"
    }

    fn attribute(&self) -> Option<Work> {
        Some(work(empty))
    }

    fn async_attribute(&self) -> Option<Work> {
        Some(work(|| black_box(poll_once(empty_async()))))
    }
}
