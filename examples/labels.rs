//! Labels: required, with a default, partial, of a closed set, and optional; and the removal of a series.
//!
//! ```sh
//! cargo run -p pytheus-examples --example labels
//! ```
//!
//! It prints:
//!
//! ```text
//! metric `page_hits_total`: missing label `page`; unknown label `pgae` (its labels are `page`, `status`)
//!
//! # HELP jobs_waiting Jobs that wait.
//! # TYPE jobs_waiting gauge
//! jobs_waiting{queue="mail"} 1
//! jobs_waiting{queue="mail",tenant="acme"} 3
//! # HELP ordered_euros What was ordered.
//! # TYPE ordered_euros summary
//! ordered_euros_sum{method="POST",shop="books"} 12.5
//! ordered_euros_count{method="POST",shop="books"} 1
//! # HELP orders_total Orders.
//! # TYPE orders_total counter
//! orders_total{method="POST",shop="books"} 1
//! # HELP page_hits_total Hits of a page.
//! # TYPE page_hits_total counter
//! page_hits_total{page="/",status="200"} 2
//! page_hits_total{page="/",status="500"} 1
//! page_hits_total{page="/about",status="200"} 1
//! page_hits_total{page="/lost",status="404"} 1
//! # HELP requests_total Requests, by method.
//! # TYPE requests_total counter
//! requests_total{method="GET"} 2
//! requests_total{method="POST"} 0
//! ```

use pytheus::exposition::generate_metrics;
use pytheus::{LabelSet, LabelValue, metric};

/// A closed set: each value is exposed at zero from the first scrape.
#[derive(LabelValue, Clone, Copy)]
#[label_value(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Post,
}

impl Method {
    fn of(verb: &str) -> Option<Self> {
        match verb {
            "GET" => Some(Self::Get),
            "POST" => Some(Self::Post),
            _ => None,
        }
    }
}

metric! {
    /// Hits of a page.
    static PAGE_HITS: Counter = "page_hits_total" { labels: { page, status = "200" } };

    /// Requests, by method.
    static REQUESTS: Counter = "requests_total" { labels: { method: Method } };

    /// Jobs that wait.
    static JOBS_WAITING: Gauge = "jobs_waiting" { labels: { queue, tenant } };
}

/// The labels of two metrics.
#[derive(LabelSet)]
struct Order<'a> {
    method: Method,
    shop: &'a str,
}

metric! {
    /// Orders.
    static ORDERS: Counter = "orders_total" { labels: Order<'_> };

    /// What was ordered.
    static ORDERED: Summary = "ordered_euros" { labels: Order<'_> };
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `page` is required: `PAGE_HITS.inc()` does not compile. `status` has a default.
    PAGE_HITS.page("/").inc();
    PAGE_HITS.page("/lost").status("404").inc();

    // Some labels now, the rest later.
    let home = PAGE_HITS.page("/");
    home.status("500").inc();
    // A single series, looked up once: the cheapest handle.
    let home_ok = home.to_series();
    home_ok.inc();

    // Only a `Method` fits here, so a client can't add a series.
    for verb in ["GET", "GET", "BREW"] {
        if let Some(method) = Method::of(verb) {
            REQUESTS.method(method).inc();
        }
    }

    // One value with all labels, for both metrics.
    let order = Order { method: Method::Post, shop: "books" };
    ORDERS.with(&order).inc();
    ORDERED.with(&order).observe(12.5);

    // `None` is the same as an empty value: the label is left out.
    JOBS_WAITING.queue("mail").tenant(Some("acme")).set(3.0);
    JOBS_WAITING.queue("mail").tenant(None::<&str>).set(1.0);

    // Names known at run time only: the error lists missing and unknown labels.
    PAGE_HITS.labels([("status", "200"), ("page", "/about")])?.inc();
    if let Err(error) = PAGE_HITS.labels([("status", "200"), ("pgae", "/about")]) {
        println!("{error}\n");
    }

    // A tenant leaves, and its series is removed.
    JOBS_WAITING.queue("fax").tenant("acme").set(1.0);
    JOBS_WAITING.queue("fax").tenant("acme").remove();

    print!("{}", generate_metrics()?);
    Ok(())
}
