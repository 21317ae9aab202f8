//! What `async_trait` makes of a method, on either side of it.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use async_trait::async_trait;
use pytheus::counter;

#[async_trait]
trait Work {
    async fn run(&self, name: &str) -> Result<usize, String>;

    /// Calls.
    #[counter(name = "trait_default_total", labels(outcome))]
    async fn nothing(&self) {}
}

struct Mail(String);

#[async_trait]
impl Work for Mail {
    /// Calls.
    #[counter(name = "trait_run_total", labels(name, own = self.0, outcome))]
    async fn run(&self, name: &str) -> Result<usize, String> {
        std::future::ready(()).await;
        let n: usize = name.parse().map_err(|_| self.0.clone())?;
        Ok(n)
    }

    /// Calls.
    #[counter(name = "trait_nothing_total")]
    async fn nothing(&self) {
        std::future::ready(()).await;
    }
}

fn send<T: Send>(_: T) {}

fn main() {
    let mail = Mail("mail".to_owned());
    send(mail.run("3"));
    send(mail.nothing());
}
