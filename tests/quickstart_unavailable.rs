//! The quickstart when a scrape fails or takes its time.

use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use pytheus::collector::Collector;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::error::{CollectError, ScrapeError};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};
use pytheus::snapshot::FamilySnapshot;
use support::Reply;
use support::failing::Failing;

#[path = "../examples/quickstart.rs"]
mod quickstart;

// All of the program is in use; the tests start its service alone.
const _: fn() = quickstart::main;

/// Serves the quickstart on one thread, with this registry as the global one, while `visit` gets pages of it.
fn serving(registry: impl Registry + 'static, visit: impl FnOnce(&(dyn Fn(&str) -> Reply + Sync)) + Send + 'static) {
    // The global registry is that of the process.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    REGISTRY.set_registry(registry);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = tokio::task::spawn_blocking(move || {
            visit(&|path| support::get(&format!("http://{address}{path}")).unwrap());
        });
        tokio::select! {
            served = axum::serve(listener, quickstart::router()).into_future() => panic!("it ended: {served:?}"),
            visited = client => visited.unwrap(),
        }
    });
}

#[test]
fn a_scrape_that_fails_is_answered_with_503_and_the_reason() {
    serving(Failing(|| ScrapeError::new("the store is down")), |get| {
        let reply = get("/metrics");
        assert_eq!(reply.status, 503);
        assert_eq!(reply.body, ScrapeError::new("the store is down").to_string());
        assert!(reply.body.contains("the store is down"), "{}", reply.body);
        assert_eq!(get("/").body, "hello world!");
    });
}

#[test]
fn a_scrape_that_panics_is_answered_with_503() {
    serving(Failing(|| panic!("the registry is broken")), |get| {
        assert_eq!(get("/metrics").status, 503);
        assert_eq!(get("/").body, "hello world!");
    });
}

/// Says that it was asked, and answers when it is told to.
struct Waiting {
    stock: Descriptor,
    asked: mpsc::Sender<()>,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl Collector for Waiting {
    fn descriptors(&self) -> Vec<Descriptor> {
        vec![self.stock.clone()]
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        self.asked.send(())?;
        self.go_on.lock().map_err(|_| "it panicked before")?.recv()?;
        let mut stock = FamilySnapshot::new(&self.stock);
        stock.push(&[], 7.0);
        Ok(vec![stock])
    }
}

#[test]
fn the_service_answers_while_a_scrape_waits() {
    let (asked, is_asked) = mpsc::channel();
    let (go, go_on) = mpsc::channel();
    let stock = Descriptor::new(Kind::Gauge, "stock", "What is left.").unwrap();
    let registry = CollectorRegistry::new();
    registry.register(Arc::new(Waiting { stock, asked, go_on: Mutex::new(go_on) })).unwrap();
    serving(registry, move |get| {
        thread::scope(|scope| {
            let scrape = scope.spawn(|| get("/metrics"));
            // Dropped when an assertion fails: nothing then waits for ever.
            let go = go;
            support::wait_for("scrape", || is_asked.try_recv().map_err(|error| error.to_string()));
            assert_eq!(get("/").body, "hello world!");
            assert!(!scrape.is_finished());
            go.send(()).unwrap();
            let metrics = scrape.join().unwrap();
            assert_eq!(metrics.status, 200);
            assert!(metrics.body.contains("\nstock 7\n"), "{}", metrics.body);
        });
    });
}
