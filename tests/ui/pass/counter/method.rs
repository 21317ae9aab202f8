//! Methods, whatever their receiver.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use std::pin::Pin;
use std::sync::Arc;

use pytheus::counter;

#[derive(Debug, Clone)]
struct Job {
    queue: String,
}

impl Job {
    /// Calls.
    #[counter(name = "by_reference_total", labels(queue = self.queue))]
    fn by_reference(&self) -> &str {
        &self.queue
    }

    /// Calls.
    #[counter(name = "by_unique_reference_total", labels(queue = self.queue, outcome))]
    fn by_unique_reference(&mut self) -> &mut String {
        self.queue.push('!');
        &mut self.queue
    }

    /// Calls.
    #[counter(name = "by_value_total", labels(queue = self.queue, length = ret.len()))]
    fn by_value(self) -> String {
        self.queue
    }

    /// Calls.
    #[counter(name = "by_arc_total", labels(queue = self.queue.as_str(), outcome))]
    fn by_arc(self: Arc<Self>) -> Arc<Self> {
        self
    }

    /// Calls.
    #[counter(name = "pinned_total", labels(queue = self.queue, outcome))]
    fn pinned(mut self: Pin<&mut Self>) -> usize {
        self.queue.push('?');
        self.queue.len()
    }

    /// Calls.
    #[counter(name = "associated_total", labels(queue, outcome))]
    fn associated(queue: impl Into<String> + pytheus::LabelValue) -> Self {
        Self { queue: queue.into() }
    }

    /// Calls.
    #[counter(name = "async_method_total", labels(queue = self.queue, outcome))]
    async fn async_method(&mut self) -> &str {
        std::future::ready(()).await;
        &self.queue
    }
}

fn main() {
    let mut job = Job::associated("mail");
    assert_eq!(job.by_reference(), "mail");
    job.by_unique_reference().push('!');
    assert_eq!(Pin::new(&mut job).pinned(), 7);
    let _ = job.async_method();
    assert_eq!(Arc::new(job.clone()).by_arc().queue, "mail!!?");
    assert_eq!(job.by_value(), "mail!!?");
}
