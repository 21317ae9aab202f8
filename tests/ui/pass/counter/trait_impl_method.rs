//! Methods of a trait: in an impl, and with a default body.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::counter;

trait Work {
    fn name(&self) -> String;

    /// Calls.
    #[counter(name = "default_body_total", labels(name = self.name(), outcome))]
    fn run(&self) -> Result<String, ()> {
        Ok(self.name())
    }

    fn later(&self) -> impl Future<Output = String> + Send;
}

struct Mail;

impl Work for Mail {
    /// Calls.
    #[counter(name = "names_total", on = start)]
    fn name(&self) -> String {
        "mail".to_owned()
    }

    /// Calls.
    #[counter(name = "later_total", labels(outcome))]
    async fn later(&self) -> String {
        self.name()
    }
}

fn main() {
    assert_eq!(Mail.run(), Ok("mail".to_owned()));
    drop(Mail.later());
}
