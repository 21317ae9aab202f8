use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use pytheus::exposition::{Answer, Ask, respond_async_from, respond_from};

use crate::{Gate, Held, alone, block_on, gated, header, text};

fn assert_too_late(answer: &Answer, reason: &str) {
    assert_eq!(answer.status(), 503);
    assert_eq!(header(answer, "Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(text(answer), format!("{reason}, and the scraper gives up after 0.2 s"));
}

#[test]
fn a_scraper_gets_503_with_the_reason_when_its_time_is_over() {
    let _alone = alone();
    let gate = Arc::new(Gate::default());
    let (registry, _held) = (gated(&gate), Held(Arc::clone(&gate)));
    let ask = Ask::new().timeout_header("0.2");
    assert_too_late(&respond_from(registry.clone(), &ask), "the scrape is not done");
    // The first one still stands at the gate.
    assert_too_late(&respond_from(registry, &ask), "an earlier scrape is still under way");
}

#[test]
fn a_task_gets_it_as_well_in_a_runtime_without_timers() {
    let _alone = alone();
    let gate = Arc::new(Gate::default());
    let (registry, _held) = (gated(&gate), Held(Arc::clone(&gate)));
    let ask = Ask::new().timeout_header("0.2");
    for reason in ["the scrape is not done", "an earlier scrape is still under way"] {
        assert_too_late(&block_on(respond_async_from(registry.clone(), &ask)), reason);
    }
}

#[test]
fn a_scrape_that_took_too_long_costs_the_next_ones_nothing() {
    let _alone = alone();
    let gate = Arc::new(Gate::default());
    let (registry, held) = (gated(&gate), Held(Arc::clone(&gate)));
    assert_eq!(respond_from(registry.clone(), &Ask::new().timeout_header("0.05")).status(), 503);
    drop(held);
    assert_eq!(respond_from(registry, &Ask::new()).status(), 200);
    assert_eq!(gate.begun.load(SeqCst), 2);
}

#[test]
fn a_timeout_that_is_no_time_is_ignored() {
    let _alone = alone();
    let gate = Arc::new(Gate::default());
    gate.open();
    let registry = gated(&gate);
    for seconds in ["", "0", "-1", "soon", "NaN", "inf", "1e300", "10s"] {
        let answer = respond_from(registry.clone(), &Ask::new().timeout_header(seconds));
        assert_eq!(answer.status(), 200, "{seconds}");
    }
}
