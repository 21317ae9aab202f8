//! Declared metrics that many threads touch first, while the global registry is swapped, lose nothing.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::sync::Barrier;

use pytheus::exposition::generate_metrics;
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

pytheus::metric! {
    /// One.
    static ONE: Counter = "one_total";
    /// Two.
    static TWO: Counter = "two_total" { labels: { n } };
    /// Three.
    static THREE: Histogram = "three" { registry: OTHER };
}

static OTHER: CollectorRegistry = CollectorRegistry::new();

#[test]
fn the_first_use_from_many_threads_makes_one_family() {
    const THREADS: u8 = 8;
    let start = Barrier::new(usize::from(THREADS));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                match thread {
                    0 => drop(generate_metrics().expect("one process can be scraped")),
                    1 => drop(REGISTRY.set_registry(CollectorRegistry::new())),
                    2 => drop(OTHER.collect().expect("one process can be scraped")),
                    _ => {}
                }
                for n in 0..100 {
                    ONE.inc();
                    TWO.n(n).inc();
                    THREE.observe(1.0);
                    if n % 10 == 0 && thread < 2 {
                        REGISTRY.set_registry(CollectorRegistry::new());
                    }
                }
            });
        }
    });
    assert_eq!(REGISTRY.sample_value("one_total", &[]), Some(f64::from(THREADS) * 100.0));
    for n in 0..100 {
        assert_eq!(REGISTRY.sample_value("two_total", &[("n", &n.to_string())]), Some(f64::from(THREADS)));
    }
    assert_eq!(OTHER.sample_value("three_count", &[]), Some(f64::from(THREADS) * 100.0));
    assert!(!generate_metrics().expect("one process can be scraped").contains("conflicts"));
}
