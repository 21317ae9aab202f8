//! A field named `ret` is not the returned value: it is read before the body, which may move it.
#![deny(warnings)]

use pytheus::counter;
use pytheus::registry::{REGISTRY, Registry};

struct Job {
    ret: String,
}

impl Job {
    #[counter(name = "jobs_total", help = "Jobs.", labels(code = self.ret, length = (0..ret.len()).count()))]
    fn run(self) -> String {
        self.ret + "!"
    }
}

fn main() {
    assert_eq!(Job { ret: "ok".to_owned() }.run(), "ok!");
    assert_eq!(REGISTRY.sample_value("jobs_total", &[("code", "ok"), ("length", "3")]), Some(1.0));
}
