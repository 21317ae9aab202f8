//! A forked child answers scrapes, whatever scrapes of its parent were doing.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use pytheus::exposition::{Ask, respond_async_from, respond_from};
use pytheus::metrics::Gauge;
use pytheus::registry::CollectorRegistry;

// One test: it forks the process.
#[test]
fn a_child_answers_while_a_scrape_of_its_parent_is_under_way() {
    let registry = Arc::new(CollectorRegistry::new());
    let (has_begun, begun) = mpsc::channel();
    let (go, go_on) = mpsc::channel::<()>();
    let is_child = Arc::new(AtomicBool::new(false));
    let held = Gauge::builder("held", "Held up in the parent.").registry(&*registry).build().unwrap();
    let (passes, go_on) = (Arc::clone(&is_child), std::sync::Mutex::new(go_on));
    held.set_function(move || {
        if !passes.load(SeqCst) {
            let _ = has_begun.send(());
            let _ = go_on.lock().map(|go_on| go_on.recv());
        }
        1.0
    });
    // One is under way, and one waits for it.
    let of_parent = [(); 2].map(|()| respond_async_from(registry.clone(), &Ask::new().timeout_header("100")));
    begun.recv().unwrap();
    support::fork::fork(|| {
        is_child.store(true, SeqCst);
        let answer = respond_from(Arc::new(CollectorRegistry::new()), &Ask::new());
        assert_eq!(answer.status(), 200);
        let answer = respond_from(registry.clone(), &Ask::new().timeout_header("100"));
        assert_eq!(answer.status(), 200, "{}", String::from_utf8_lossy(answer.body()));
    });
    drop(go);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for answer in of_parent {
        assert_eq!(runtime.block_on(answer).status(), 200);
    }
}
