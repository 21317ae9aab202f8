//! Metrics of every kind that are all counted in by one call, so that the calls tell every sample.

/// One for each bucket of the histogram.
pub const VALUES: [f64; 3] = [0.25, 2.0, 1024.0];
/// Every observation of the summary.
pub const SIZES: [f64; 1] = [4.0];

/// Writes a module with metrics of every kind in a registry of their own: `count` counts once in each.
#[macro_export]
macro_rules! every_kind {
    ($(#[$doc:meta])* $module:ident) => {
        $(#[$doc])*
        #[allow(dead_code, reason = "not every test needs all")]
        mod $module {
            use pytheus::registry::CollectorRegistry;
            use $crate::every_kind::{SIZES as ALIKE, VALUES};
            use $crate::scrapes::{Samples, ScrapeOracle, difference, samples};

            pub static REGISTRY: CollectorRegistry = CollectorRegistry::new();

            pytheus::metric! {
                /// C.
                pub static COUNTS: Counter = "counts" { registry: REGISTRY };
                /// C.
                pub static BY_N: Counter = "counts_by_n" { labels: { n }, registry: REGISTRY };
                /// H.
                pub static TIMES: Histogram = "times" { buckets: [1.0, 2.0], registry: REGISTRY };
                /// S.
                pub static SIZES: Summary = "sizes" { registry: REGISTRY };
                /// G.
                pub static BUSY: Gauge = "busy" { registry: REGISTRY };
            }

            /// Counts once in each.
            pub fn count(n: usize) {
                let _busy = BUSY.track_inprogress();
                COUNTS.inc();
                COUNTS.inc_by(0.5);
                BY_N.n(n % 8).inc();
                BY_N.n("literal").inc();
                TIMES.observe(VALUES[n % VALUES.len()]);
                SIZES.observe(ALIKE[0]);
                BUSY.inc_by(0.25);
            }

            /// What a scrape shows when `count` was called with each of these.
            pub fn expected(calls: impl IntoIterator<Item = usize>) -> Samples {
                let mut samples = Samples::new();
                for n in calls {
                    let time = VALUES[n % VALUES.len()];
                    let upto = |bound| if time <= bound { 1.0 } else { 0.0 };
                    let amounts = [
                        ("counts".to_owned(), 1.5),
                        (format!("counts_by_n{{n=\"{}\"}}", n % 8), 1.0),
                        ("counts_by_n{n=\"literal\"}".to_owned(), 1.0),
                        ("times_bucket{le=\"1.0\"}".to_owned(), upto(1.0)),
                        ("times_bucket{le=\"2.0\"}".to_owned(), upto(2.0)),
                        ("times_bucket{le=\"+Inf\"}".to_owned(), 1.0),
                        ("times_sum".to_owned(), time),
                        ("times_count".to_owned(), 1.0),
                        ("sizes_sum".to_owned(), ALIKE[0]),
                        ("sizes_count".to_owned(), 1.0),
                        ("busy".to_owned(), 0.25),
                    ];
                    for (sample, amount) in amounts {
                        *samples.entry(sample).or_default() += amount;
                    }
                }
                samples
            }

            /// `count` was called with each of these, and nothing else was counted.
            #[track_caller]
            pub fn assert_counted(calls: impl IntoIterator<Item = usize>) {
                let wrong = difference(&expected(calls), &samples(&REGISTRY));
                assert!(wrong.is_empty(), "{wrong}");
            }

            /// Holds scrapes to whole observations.
            pub fn oracle() -> ScrapeOracle<'static> {
                ScrapeOracle::new(&REGISTRY).whole("times", &VALUES).whole("sizes", &ALIKE)
            }
        }
    };
}
