//! Attributes on functions: however a call ends, the gauge returns and its outcome counts once.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use pytheus::registry::{REGISTRY, Registry};
use pytheus::{counter, gauge, histogram, summary};

pytheus::metric! {
    /// L.
    static LAST: Gauge = "last_seconds" { labels: { shape } };
}

/// Puts one attribute of each sort on a function.
macro_rules! watched {
    ($shape:literal $($function:tt)*) => {
        #[gauge(name = "busy", help = "B.", labels(shape = $shape), track_inprogress)]
        #[histogram(name = "call_seconds", help = "C.", buckets = [1.0], labels(outcome, shape = $shape))]
        #[counter(name = "calls_total", help = "C.", labels(shape = $shape, outcome))]
        #[counter(name = "plain_total", help = "P.", labels(shape = $shape))]
        #[counter(name = "errors_total", help = "E.", labels(shape = $shape), on = error)]
        #[counter(name = "panics_total", help = "P.", labels(shape = $shape), on = panicked)]
        #[counter(name = "ends_total", help = "E.", labels(shape = $shape), on = ok | error)]
        #[counter(name = "fours_total", help = "F.", labels(shape = $shape), on = Ok(4))]
        #[summary(name = "plain_seconds", help = "P.", labels(shape = $shape))]
        #[gauge(name = "last_seconds", help = "L.", labels(shape = $shape), time)]
        $($function)*
    };
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Ok,
    Error,
    Early,
    Panic,
}

type Ended = Result<usize, &'static str>;

fn end(end: End) -> Ended {
    match end {
        End::Ok | End::Early => Ok(4),
        End::Error => Err("as asked"),
        End::Panic => resume_unwind(Box::new("on purpose")),
    }
}

watched! { "function"
    fn function(how: End) -> Ended {
        assert_eq!(value("busy", "function"), 1.0);
        if how == End::Early {
            return Ok(4);
        }
        let four = end(how)?;
        Ok(four)
    }
}

watched! { "generic"
    fn generic<T>(how: End, four: impl Fn() -> T) -> Ended where T: Into<usize> {
        end(how).map(|_| four().into())
    }
}

struct Worker {
    runs: usize,
}

trait Work {
    fn in_trait(self: Box<Self>, how: End) -> Ended;
}

impl Worker {
    watched! { "method"
        fn method(&mut self, how: End) -> Ended {
            self.runs += 1;
            end(how)
        }
    }
}

impl Work for Worker {
    watched! { "trait"
        fn in_trait(self: Box<Self>, how: End) -> Ended {
            end(how).map(|four| four + self.runs)
        }
    }
}

fn value(name: &str, shape: &str) -> f64 {
    REGISTRY.sample_value(name, &[("shape", shape)]).unwrap_or(0.0)
}

fn by_outcome(name: &str, shape: &str) -> [f64; 4] {
    ["ok", "error", "panicked", "cancelled"]
        .map(|outcome| REGISTRY.sample_value(name, &[("outcome", outcome), ("shape", shape)]).unwrap_or(0.0))
}

/// Calls in every way, and checks after each call.
fn check<T>(shape: &str, mut call: impl FnMut(End) -> Result<T, &'static str>) {
    let [mut ok, mut error, mut panicked] = [0.0; 3];
    for how in [End::Ok, End::Error, End::Panic, End::Early, End::Panic, End::Error, End::Ok] {
        LAST.shape(shape).set(-1.0);
        let ended = catch_unwind(AssertUnwindSafe(|| call(how).is_ok()));
        match how {
            End::Ok | End::Early => {
                assert_eq!(ended.ok(), Some(true));
                ok += 1.0;
            }
            End::Error => {
                assert_eq!(ended.ok(), Some(false));
                error += 1.0;
            }
            End::Panic => {
                assert!(ended.is_err());
                panicked += 1.0;
            }
        }
        let case = format!("{shape}, {how:?}");
        assert_eq!(value("busy", shape), 0.0, "{case}");
        assert_eq!(by_outcome("calls_total", shape), [ok, error, panicked, 0.0], "{case}");
        assert_eq!(by_outcome("call_seconds_count", shape), [ok, error, panicked, 0.0], "{case}");
        assert_eq!(value("plain_total", shape), ok + error + panicked, "{case}");
        assert_eq!(value("plain_seconds_count", shape), ok + error + panicked, "{case}");
        assert_eq!(value("errors_total", shape), error, "{case}");
        assert_eq!(value("panics_total", shape), panicked, "{case}");
        assert_eq!(value("ends_total", shape), ok + error, "{case}");
        // A coarse clock may measure 0.
        assert!(value("last_seconds", shape) >= 0.0, "{case}");
    }
}

#[test]
fn a_function_counts_each_of_its_ends_once() {
    check("function", function);
    assert_eq!(value("fours_total", "function"), 3.0);
}

#[test]
fn a_generic_function_counts_all_its_instances_together() {
    let mut wide = false;
    check("generic", |how| {
        wide = !wide;
        if wide { generic(how, || 4_usize) } else { generic(how, || 4_u8) }
    });
    assert_eq!(value("fours_total", "generic"), 3.0);
}

#[test]
fn a_method_counts_each_of_its_ends_once() {
    let mut worker = Worker { runs: 0 };
    check("method", |how| worker.method(how));
    assert_eq!(worker.runs, 7);
    assert_eq!(value("fours_total", "method"), 3.0);
}

#[test]
fn a_method_of_a_trait_counts_each_of_its_ends_once() {
    check("trait", |how| Box::new(Worker { runs: 1 }).in_trait(how));
    assert_eq!(value("fours_total", "trait"), 0.0);
}
