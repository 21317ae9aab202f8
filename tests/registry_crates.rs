//! Two crates of one binary declare metrics of one name: alike they share; differing, the first crate by name wins.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use pytheus::diagnostics::set_reporter;
use pytheus::exposition::generate_metrics;
use pytheus::registry::{REGISTRY, Registry};
use pytheus_tests_linked as linked;

/// `registry_crates`, the name of this crate, comes after `pytheus_tests_linked`.
const LINKED: &str = include_str!("linked/src/lib.rs");
const HERE: &str = include_str!("registry_crates.rs");

pytheus::metric! {
    /// In the words of the service.
    static SHARED: Counter = "crates_shared_total" { labels: { page } };

    /// The library has a counter of this name.
    static DIFFERS: Gauge = "crates_differ_total";
}

static REPORTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Where `DIFFERS` stands in a file.
fn line_of_differs(source: &str) -> usize {
    1 + source.lines().position(|line| line.contains("static DIFFERS: ")).expect("the file declares it")
}

// One test: conflicts are decided at the first use of any declared metric.
#[test]
fn crates_share_a_metric_that_is_alike_and_a_differing_one_is_reported_once() -> Result<(), Box<dyn Error>> {
    set_reporter(|message| REPORTED.lock().unwrap_or_else(PoisonError::into_inner).push(message.to_owned()));
    // That of the crate that comes later is used first, which makes no difference.
    DIFFERS.set(7.0);
    SHARED.page("home").inc();
    linked::SHARED.page("home").inc();
    linked::SHARED.page("cart").inc();
    linked::DIFFERS.inc();

    for scrape in 0..3 {
        let text = generate_metrics()?;
        let shared = "\
# HELP crates_shared_total In the words of the library.
# TYPE crates_shared_total counter
crates_shared_total{page=\"cart\"} 1
crates_shared_total{page=\"home\"} 2
";
        assert!(text.contains(shared), "{text}");
        let differs = "\
# HELP crates_differ_total Another crate has a gauge of this name.
# TYPE crates_differ_total counter
";
        assert!(text.contains(&format!("{differs}crates_differ_total {}\n", scrape + 1)), "{text}");
        DIFFERS.inc();
        linked::DIFFERS.inc();
        let conflicts = |metric| REGISTRY.sample_value("pytheus_registration_conflicts_total", &[("metric", metric)]);
        assert_eq!(conflicts("crates_differ_total"), Some(1.0));
        assert_eq!(conflicts("crates_shared_total"), None);
    }
    // It counts on, unseen.
    assert_eq!(DIFFERS.get(), 10.0);

    let reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(reported.len(), 1, "{reported:#?}");
    let places = [("linked/src/lib.rs", LINKED), ("registry_crates.rs", HERE)];
    for (file, source) in places {
        let place = format!("{file}:{}", line_of_differs(source));
        // Not `:1` of `:12`.
        let after = reported[0].split_once(&place).map(|(_, after)| after);
        assert!(after.is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_digit())), "{place}: {reported:?}");
    }
    Ok(())
}
