//! Declared metrics of one name: alike they share; differing ones are reported and counted, and the service goes on.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use pytheus::diagnostics::set_reporter;
use pytheus::exposition::generate_metrics;
use pytheus::metrics::{Counter, StateSet};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

mod first {
    pytheus::metric! {
        /// The words that come first, by crate, file and line.
        pub(super) static SHARED: Counter = "shared_total" { labels: { a = "1", b = "2" } };
        /// The one that stays.
        pub(super) static DIFFERS: Counter = "differs_total";
        /// Has a part of that name.
        pub(super) static WHOLE: Histogram = "times";
        /// Two states.
        pub(super) static FLAG: StateSet<bool> = "flag";
        /// Counts what is reported.
        pub(super) static REPORTS: Counter = "reports_total";
        /// Of another registry.
        pub(super) static ELSEWHERE: Counter = "elsewhere_total" { registry: super::OTHER };
    }
}

mod second {
    pytheus::metric! {
        /// The other words for the same.
        pub(super) static SHARED: Counter = "shared_total" { labels: { b = "2", a = "1" } };
        /// A gauge of the same name.
        pub(super) static DIFFERS: Gauge = "differs_total";
        /// A third one of the name.
        pub(super) static THIRD: Summary = "differs_total";
        /// Collides with a part.
        pub(super) static PART: Gauge = "times_sum";
        /// The same states of another type.
        pub(super) static FLAG: StateSet<super::Flag> = "flag";
        /// Of the other registry, and another kind.
        pub(super) static ELSEWHERE: Gauge = "elsewhere_total" { registry: super::OTHER };
    }
}

#[derive(pytheus::LabelValue)]
#[label_value(rename_all = "lowercase")]
enum Flag {
    False,
    True,
}

static OTHER: CollectorRegistry = CollectorRegistry::new();
static REPORTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn conflicts(metric: &str) -> Option<f64> {
    REGISTRY.sample_value("pytheus_registration_conflicts_total", &[("metric", metric)])
}

// One test: conflicts are decided at the first use of any declared metric.
#[test]
fn the_first_keeps_the_name_and_the_other_counts_unseen() -> Result<(), Box<dyn Error>> {
    set_reporter(|message| {
        // A reporter may count, and scrape.
        first::REPORTS.inc();
        assert!(generate_metrics().is_ok());
        REPORTED.lock().unwrap_or_else(PoisonError::into_inner).push(message.to_owned());
    });
    // The later one is used first, which makes no difference.
    second::DIFFERS.set(7.0);
    second::THIRD.observe(7.0);
    second::PART.set(7.0);
    second::FLAG.set(Flag::False);
    second::FLAG.set(Flag::True);
    second::ELSEWHERE.set(7.0);
    first::ELSEWHERE.inc();
    second::SHARED.inc();
    first::DIFFERS.inc();
    first::WHOLE.observe(1.0);
    first::FLAG.set(false);
    first::SHARED.inc();

    let text = generate_metrics()?;
    assert!(text.contains("# HELP shared_total The words that come first, by crate, file and line.\n"), "{text}");
    assert!(text.contains("shared_total{a=\"1\",b=\"2\"} 2\n"), "{text}");
    assert!(text.contains("# TYPE differs_total counter\ndiffers_total 1\n"), "{text}");
    assert!(text.contains("times_sum 1\ntimes_count 1\n"), "{text}");
    assert!(text.contains("flag{flag=\"false\"} 1\nflag{flag=\"true\"} 0\n"), "{text}");
    assert!(!text.contains(" 7\n"), "{text}");

    assert_eq!(OTHER.sample_value("elsewhere_total", &[]), Some(1.0));

    // The other one counts on by itself.
    assert_eq!(second::ELSEWHERE.get(), 7.0);
    assert_eq!(second::DIFFERS.get(), 7.0);
    assert!(second::FLAG.is_enabled(Flag::True));

    assert_eq!(conflicts("differs_total"), Some(2.0));
    for metric in ["times_sum", "flag", "elsewhere_total"] {
        assert_eq!(conflicts(metric), Some(1.0), "{metric}");
    }
    assert_eq!(conflicts("shared_total"), None);
    let reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(reported.len(), 5, "{reported:#?}");
    for message in &reported {
        assert_eq!(message.matches("registry_conflict.rs:").count(), 2, "{message}");
    }
    assert_eq!(first::REPORTS.get(), 5.0);

    // A metric built at run time is held against the declared ones, too.
    assert!(Counter::builder("flag", "F.").build().is_err());
    assert!(StateSet::builder_of::<Flag>("flag", "F.").build().is_err());
    Counter::builder("differs_total", "D.").build()?.inc();
    assert_eq!(first::DIFFERS.get(), 2.0);

    // So is what a registry that is set brings along.
    let next = CollectorRegistry::new();
    let own = Counter::builder("differs_total", "D.").registry(&next).build()?;
    own.inc_by(40.0);
    REGISTRY.set_registry(next);
    assert_eq!(REGISTRY.sample_value("differs_total", &[]), Some(40.0));
    assert_eq!(conflicts("differs_total"), Some(3.0));
    assert_eq!(REPORTED.lock().unwrap_or_else(PoisonError::into_inner).len(), 6);
    Ok(())
}
