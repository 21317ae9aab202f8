use std::sync::Arc;

use pytheus::collector::Collector;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::error::{CollectError, ScrapeError};
use pytheus::exposition::{Ask, PROMETHEUS_CONTENT_TYPE, respond, respond_async, respond_async_from, respond_from};
use pytheus::metrics::{Counter, Gauge};
use pytheus::registry::{CollectorRegistry, Registry};
use pytheus::snapshot::FamilySnapshot;
use support::failing::Failing;

use crate::{alone, block_on, header, text};

/// A registry with a counter of this value.
fn with_jobs(count: u32) -> Arc<CollectorRegistry> {
    let registry = CollectorRegistry::new();
    Counter::builder("jobs_total", "Jobs.").registry(&registry).build().unwrap().inc_by(count);
    Arc::new(registry)
}

#[test]
fn an_answer_has_status_content_type_length_and_body_together() {
    let _alone = alone();
    let answer = respond_from(with_jobs(7), &Ask::new());
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "Content-Type"), Some(PROMETHEUS_CONTENT_TYPE));
    assert_eq!(header(&answer, "Vary"), Some("Accept, Accept-Encoding"));
    assert_eq!(header(&answer, "Content-Encoding"), None);
    assert_eq!(header(&answer, "Content-Length").unwrap(), answer.body().len().to_string());
    assert_eq!(text(&answer), "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total 7\n");
}

#[test]
fn the_global_registry_answers_as_well() {
    pytheus::metric! {
        /// Answers, in a test.
        static ANSWERS: Counter = "answers_total";
    }
    let _alone = alone();
    ANSWERS.inc();
    assert!(text(&respond(&Ask::new())).contains("\nanswers_total 1\n"));
    ANSWERS.inc();
    assert!(text(&block_on(respond_async(&Ask::new()))).contains("\nanswers_total 2\n"));
}

#[test]
fn head_gets_the_headers_of_get_without_the_body() {
    let _alone = alone();
    let registry = with_jobs(7);
    let get = respond_from(registry.clone(), &Ask::new().method("GET"));
    let head = respond_from(registry, &Ask::new().method("HEAD"));
    assert_eq!(head.status(), 200);
    assert!(head.headers().eq(get.headers()), "{head:?} {get:?}");
    assert!(!get.body().is_empty());
    assert!(head.body().is_empty());
    assert!(head.into_body().is_empty());
}

#[test]
fn other_methods_are_refused_with_the_allowed_ones() {
    let _alone = alone();
    for method in ["POST", "OPTIONS", "get", ""] {
        let answer = respond_from(with_jobs(7), &Ask::new().method(method));
        assert_eq!(answer.status(), 405, "{method}");
        assert_eq!(header(&answer, "Allow"), Some("GET, HEAD"));
        assert_eq!(header(&answer, "Content-Type"), Some("text/plain; charset=utf-8"));
    }
}

#[test]
fn totals_out_of_reach_are_answered_with_503_and_the_reason() {
    let _alone = alone();
    let error = || ScrapeError::new("the store is down");
    let ask = Ask::new().accept("application/openmetrics-text;version=1.0.0").accept_encoding("gzip");
    let answer = respond_from(Arc::new(Failing(error)), &ask);
    assert_eq!(answer.status(), 503);
    assert_eq!(header(&answer, "Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(header(&answer, "Content-Encoding"), None);
    assert_eq!(text(&answer), error().to_string());
}

#[test]
fn a_registry_that_panics_is_answered_with_503_and_the_message() {
    let _alone = alone();
    let broken: Arc<dyn Registry> = Arc::new(Failing(|| panic!("the registry is broken")));
    for _again in 0..2 {
        let answer = block_on(respond_async_from(Arc::clone(&broken), &Ask::new()));
        assert_eq!(answer.status(), 503);
        assert!(text(&answer).contains("the registry is broken"), "{}", text(&answer));
    }
}

struct Panicking(Descriptor);

impl Collector for Panicking {
    fn descriptors(&self) -> Vec<Descriptor> {
        vec![self.0.clone()]
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        panic!("the collector is broken")
    }
}

#[test]
fn a_collector_that_panics_costs_its_family_only() {
    let _alone = alone();
    let registry = with_jobs(7);
    let descriptor = Descriptor::new(Kind::Gauge, "broken", "Never shown.").unwrap();
    registry.register(Arc::new(Panicking(descriptor))).unwrap();
    let answer = respond_from(registry, &Ask::new());
    assert_eq!(answer.status(), 200);
    assert!(text(&answer).ends_with("\njobs_total 7\n"), "{}", text(&answer));
    assert!(!text(&answer).contains("broken"));
}

#[test]
fn a_collector_that_asks_for_its_own_scrape_is_refused_instead_of_waiting_for_itself() {
    let _alone = alone();
    let registry = with_jobs(7);
    let of_own = Arc::downgrade(&registry);
    let asked = Gauge::builder("asked", "The status of an answer within a scrape.");
    let asked = asked.registry(&*registry).build().unwrap();
    asked.set_function(move || of_own.upgrade().map_or(0.0, |own| f64::from(respond_from(own, &Ask::new()).status())));
    let answer = respond_from(registry, &Ask::new());
    assert_eq!(answer.status(), 200);
    // A closure without its answer has no value.
    assert!(!text(&answer).contains("\nasked "), "{}", text(&answer));
    assert!(text(&answer).contains("\njobs_total 7\n"));
}

#[test]
fn families_that_nobody_asked_for_are_left_out() {
    let _alone = alone();
    let registry = with_jobs(7);
    Counter::builder("mails_total", "Mails.").registry(&*registry).build().unwrap();
    Counter::builder("rows_total", "Rows.").registry(&*registry).build().unwrap();
    let families = |query: &str| {
        let answer = respond_from(registry.clone(), &Ask::new().query(query));
        assert_eq!(answer.status(), 200);
        let text = text(&answer);
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix("_total counter"));
        types.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(families("name[]=rows_total&name[]=jobs_total"), ["jobs", "rows"]);
    assert_eq!(families("format=text&name%5B%5D=mails%5Ftotal"), ["mails"]);
    assert_eq!(families("name[]=unknown"), Vec::<String>::new());
    assert_eq!(families("name=mails_total&x=%zz&&="), ["jobs", "mails", "rows"]);
}
