// Functions that return a future whose type doesn't say so.
fn main() {}

use std::pin::Pin;

use pytheus::counter;

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Calls.
#[counter(name = "aliased_total")]
fn aliased() -> Later<()> {
    Box::pin(async {})
}

trait Service {
    type Future: Future;
    fn call(&self) -> Self::Future;
}

struct Ready<T>(T);

impl<T: Clone> Service for Ready<T> {
    type Future = std::future::Ready<T>;

    /// Calls.
    #[counter(name = "associated_total", labels(outcome))]
    fn call(&self) -> Self::Future {
        std::future::ready(self.0.clone())
    }
}

/// Calls.
#[counter(name = "generic_total")]
fn generic<F: Future + Default>() -> F {
    F::default()
}
