//! An attribute on an `impl` block counts each of its functions.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use pytheus::registry::{REGISTRY, Registry};
use pytheus::{counter, gauge, histogram, metric};

metric! {
    /// Calls.
    static CALLS: Counter = "block_calls_total" { labels: { method, outcome } };
}

trait Store {
    const FREE: u8;

    fn get(&self, key: &str) -> Result<String, String>;

    fn put(&mut self, key: String) -> impl Future<Output = bool>;
}

struct Memory<T>(Vec<T>);

/// Time of the store.
#[histogram(name = "block_seconds", labels(outcome))]
/// Calls in progress.
#[gauge(name = "block_in_progress", track_inprogress)]
#[counter(CALLS.method(method).outcome(outcome))]
impl<T: Clone> Store for Memory<T> {
    const FREE: u8 = 3;

    fn get(&self, key: &str) -> Result<String, String> {
        assert_eq!(value("block_in_progress", &[("method", "get")]), Some(1.0));
        if key.is_empty() { Err(String::new()) } else { Ok(key.to_owned()) }
    }

    async fn put(&mut self, key: String) -> bool {
        key.len() > self.0.len()
    }
}

/// Calls of the memory.
#[counter(name = "block_memory_total")]
#[counter(name = "block_memory_by_size_total", labels(method, size = 1))]
#[allow(clippy::unused_self, clippy::boxed_local, reason = "the shapes of receivers are what is tested")]
impl<T> Memory<T> {
    const NONE: usize = 0;

    #[pytheus(skip)]
    const fn left_out(&self) -> usize {
        Self::NONE
    }

    fn new(of: Vec<T>) -> Self {
        Self(of)
    }

    fn r#type(self: Box<Self>) -> Option<T> {
        self.0.into_iter().next()
    }
}

fn value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    REGISTRY.sample_value(name, labels)
}

#[test]
fn functions_of_a_block_count_under_their_names() {
    assert_eq!(value("block_seconds_count", &[("method", "put"), ("outcome", "error")]), Some(0.0), "a closed set");
    assert_eq!(value("block_memory_total", &[("method", "type")]), Some(0.0));

    let mut memory = Memory::new(vec![1]);
    assert_eq!(memory.left_out(), 0);
    assert_eq!(Memory::<u8>::FREE, 3);
    assert!(memory.get("").is_err());
    assert!(memory.get("key").is_ok());
    assert!(pin!(memory.put("key".to_owned())).poll(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(Box::new(memory).r#type(), Some(1));

    for (method, outcome) in [("get", "error"), ("get", "ok"), ("put", "ok")] {
        let labels = [("method", method), ("outcome", outcome)];
        assert_eq!(value("block_seconds_count", &labels), Some(1.0), "{method} {outcome}");
        assert_eq!(value("block_calls_total", &labels), Some(1.0), "{method} {outcome}");
    }
    assert_eq!(value("block_in_progress", &[("method", "get")]), Some(0.0));
    assert_eq!(value("block_memory_total", &[("method", "new")]), Some(1.0));
    assert_eq!(value("block_memory_total", &[("method", "type")]), Some(1.0));
    assert_eq!(value("block_memory_total", &[("method", "left_out")]), None);
    assert_eq!(value("block_memory_by_size_total", &[("method", "new"), ("size", "1")]), Some(1.0));
}
