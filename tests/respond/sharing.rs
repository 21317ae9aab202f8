use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use pytheus::exposition::{Ask, Respond, respond_async_from, respond_from};
use pytheus::metrics::Counter;
use pytheus::registry::{CollectorRegistry, Registry as _};

use crate::{Gate, Gated, Held, alone, block_on, gated, text};

/// Waits for each answer on a thread of its own.
fn all_answered(asked: Vec<Respond>) -> Vec<String> {
    thread::scope(|scope| {
        let answers: Vec<_> = asked.into_iter().map(|ask| scope.spawn(|| block_on(ask))).collect();
        answers.into_iter().map(|answer| text(&answer.join().unwrap())).collect()
    })
}

/// Keeps all threads for scrapes busy.
fn keep_busy(gate: &Arc<Gate>) -> Vec<Respond> {
    let busy = (0..4).map(|_| respond_async_from(gated(gate), &Ask::new())).collect();
    gate.wait_for(4);
    busy
}

#[test]
fn overlapping_requests_do_two_collections_at_most() {
    let _alone = alone();
    let gate = Arc::new(Gate::default());
    let registry = gated(&gate);
    let held = Held(Arc::clone(&gate));
    let first = respond_async_from(registry.clone(), &Ask::new());
    gate.wait_for(1);
    let mut asked = vec![first];
    asked.extend((0..50).map(|_| respond_async_from(registry.clone(), &Ask::new())));
    drop(held);
    for answer in all_answered(asked) {
        assert!(answer.ends_with("\npassed 1\n"), "{answer}");
    }
    assert_eq!(gate.begun.load(SeqCst), 2);
}

#[test]
fn requests_that_begin_a_scrape_together_do_one_collection() {
    let _alone = alone();
    let (blocking, gate) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let held = Held(Arc::clone(&blocking));
    // All threads for scrapes are busy.
    let busy = keep_busy(&blocking);
    gate.open();
    let registry = gated(&gate);
    let asked = (0..50).map(|_| respond_async_from(registry.clone(), &Ask::new())).collect();
    drop(held);
    all_answered(busy);
    all_answered(asked);
    assert_eq!(gate.begun.load(SeqCst), 1);
}

#[test]
fn a_request_never_joins_a_scrape_that_has_begun_reading() {
    let _alone = alone();
    let gate = Arc::new(Gate::default());
    let registry = gated(&gate);
    let counter = Counter::builder("counted_total", "Counted before a request.").registry(&*registry).build().unwrap();
    let held = Held(Arc::clone(&gate));
    let early = respond_async_from(registry.clone(), &Ask::new());
    // The values are read before collectors are asked.
    gate.wait_for(1);
    counter.inc();
    let late = respond_async_from(registry, &Ask::new());
    drop(held);
    let answers = all_answered(vec![early, late]);
    assert!(answers[0].contains("\ncounted_total 0\n"), "{}", answers[0]);
    assert!(answers[1].contains("\ncounted_total 1\n"), "{}", answers[1]);
}

#[test]
fn an_answer_has_all_that_was_counted_before_its_request() {
    let _alone = alone();
    let registry = Arc::new(CollectorRegistry::new());
    let counter = Counter::builder("requests_total", "Requests.").registry(&*registry).build().unwrap();
    thread::scope(|scope| {
        for _thread in 0..8 {
            scope.spawn(|| {
                for _request in 0..50 {
                    counter.inc();
                    let before = counter.get();
                    let answer = text(&respond_from(registry.clone(), &Ask::new()));
                    let shown: f64 = answer.lines().last().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
                    assert!(shown >= before, "{shown} of {before}");
                }
            });
        }
    });
    assert!(text(&respond_from(registry, &Ask::new())).ends_with("\nrequests_total 400\n"));
}

#[test]
fn requests_for_different_things_do_not_share() {
    let _alone = alone();
    let gate = Arc::new(Gate::default());
    gate.open();
    let (registry, other) = (gated(&gate), gated(&gate));
    let asks = [
        Ask::new(),
        Ask::new().accept("application/openmetrics-text;version=1.0.0"),
        Ask::new().accept_encoding("gzip"),
        Ask::new().query("name[]=passed"),
    ];
    let blocking = Arc::new(Gate::default());
    let held = Held(Arc::clone(&blocking));
    let busy = keep_busy(&blocking);
    let mut asked: Vec<_> = asks.iter().map(|ask| respond_async_from(registry.clone(), ask)).collect();
    asked.push(respond_async_from(other, &Ask::new()));
    // The same again, in other words.
    asked.push(respond_async_from(registry.clone(), &Ask::new().accept("text/*").method("HEAD").timeout_header("10")));
    asked.push(respond_async_from(registry, &Ask::new().query("x=y&name%5B%5D=passed&name[]=passed")));
    drop(held);
    all_answered(busy);
    all_answered(asked);
    assert_eq!(gate.begun.load(SeqCst), 5);
}

#[test]
fn a_static_registry_is_the_same_for_every_request() {
    static OPERATORS: CollectorRegistry = CollectorRegistry::new();
    let _alone = alone();
    let (blocking, gate) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    gate.open();
    OPERATORS.register(Gated::new(&gate)).unwrap();
    let held = Held(Arc::clone(&blocking));
    let busy = keep_busy(&blocking);
    let asked = (0..9).map(|_| respond_async_from(&OPERATORS, &Ask::new())).collect();
    drop(held);
    all_answered(busy);
    all_answered(asked);
    assert_eq!(gate.begun.load(SeqCst), 1);
}

#[test]
fn four_scrapes_run_at_once_and_the_others_wait() {
    let _alone = alone();
    let gate = Arc::new(Gate::default());
    let held = Held(Arc::clone(&gate));
    let asked: Vec<_> = (0..20).map(|_| respond_async_from(gated(&gate), &Ask::new())).collect();
    gate.wait_for(4);
    drop(held);
    for answer in all_answered(asked) {
        assert!(answer.ends_with("\npassed 1\n"), "{answer}");
    }
    assert_eq!((gate.begun.load(SeqCst), gate.most_within.load(SeqCst)), (20, 4));
}

#[test]
fn too_many_scrapes_by_name_are_refused_and_that_of_all_metrics_is_not() {
    let _alone = alone();
    let (gate, open) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let held = Held(Arc::clone(&gate));
    let busy = keep_busy(&gate);
    open.open();
    let registry = gated(&open);
    let by_name = |number: u32| Ask::new().query(&format!("name[]=passed&name[]=of_{number}"));
    let waiting: Vec<_> = (0..64).map(|number| respond_async_from(registry.clone(), &by_name(number))).collect();
    let refused = respond_from(registry.clone(), &by_name(64));
    assert_eq!(refused.status(), 503);
    assert_eq!(text(&refused), "64 scrapes by name wait already");
    let all = respond_async_from(registry.clone(), &Ask::new());
    // This one joins.
    let shared = respond_async_from(registry, &by_name(63));
    drop(held);
    for answer in all_answered(waiting.into_iter().chain(busy).chain([all, shared]).collect()) {
        assert!(answer.ends_with("\npassed 1\n"), "{answer}");
    }
    assert_eq!(open.begun.load(SeqCst), 65);
}

#[test]
fn a_scrape_is_left_out_once_nothing_waits_for_it() {
    let _alone = alone();
    let (gate, unwanted) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let held = Held(Arc::clone(&gate));
    let running = keep_busy(&gate);
    unwanted.open();
    drop(respond_async_from(gated(&unwanted), &Ask::new()));
    let last = respond_async_from(gated(&gate), &Ask::new());
    drop(held);
    all_answered(running);
    all_answered(vec![last]);
    assert_eq!(unwanted.begun.load(SeqCst), 0);
}
