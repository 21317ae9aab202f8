//! The quickstart as four processes behind one port: unchanged, with two variables of its environment set.
//!
//! Which process answers is known from the system's table of connections, as Linux has it.
#![cfg(target_os = "linux")]

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use pytheus::registry::CollectorRegistry;
use support::example::Serving;
use support::http_client::HttpClient;
use support::multi::{Shared, of_all};
use support::prometheus::Server;
use support::scrapes::{Raise, Samples, ScrapeOracle, samples_of_text};

const PROCESSES: usize = 4;
/// Threads that visit each of them at once, each over a connection that it keeps.
const CLIENTS: usize = 2;
/// Visits of all of them together.
const VISITS: usize = 100_000;

const COUNT: &str = "http_request_duration_seconds_count";

/// Several processes of the quickstart behind one port.
struct Quickstarts {
    shared: Shared,
    processes: Vec<Serving>,
}

impl Quickstarts {
    fn start() -> Self {
        let shared = Shared::new();
        let first = Serving::start_with("quickstart", 0, &shared.variables());
        let mut all = Self { shared, processes: vec![first] };
        (1..PROCESSES).for_each(|_| all.start_another());
        all
    }

    fn start_another(&mut self) {
        let another = Serving::start_with("quickstart", self.port(), &self.shared.variables());
        self.processes.push(another);
    }

    fn port(&self) -> u16 {
        self.processes[0].port()
    }

    fn ids(&self) -> Vec<u32> {
        self.processes.iter().map(Serving::id).collect()
    }

    /// A connection to each.
    fn clients(&self) -> Vec<HttpClient> {
        HttpClient::one_of_each(self.port(), &self.ids())
    }
}

/// Does nothing but keep a oracle of other processes company.
static NONE: CollectorRegistry = CollectorRegistry::new();

fn scrape(client: &mut HttpClient) -> Samples {
    samples_of_text(&of_all(&client.get("/metrics").expect("a scrape")))
}

/// Each process shows the same, and these many requests.
#[track_caller]
fn assert_all_show(clients: &mut [HttpClient], count: f64) {
    let scrapes: Vec<_> = clients.iter_mut().map(scrape).collect();
    for shown in &scrapes {
        assert_eq!(shown[COUNT].to_bits(), count.to_bits(), "{count} are expected: {shown:?}");
        assert_eq!(shown, &scrapes[0]);
    }
}

/// Scrapes each process by turns until there is nothing more to see: whichever answers, nothing goes down.
fn watch(clients: &mut [HttpClient], done: &AtomicBool) -> Result<u64, String> {
    let mut oracle = ScrapeOracle::new(&NONE);
    while !done.load(Relaxed) {
        for client in &mut *clients {
            oracle.read(&of_all(&client.get("/metrics")?))?;
        }
    }
    Ok(oracle.scrapes())
}

#[test]
fn every_process_shows_the_requests_of_all_and_so_does_prometheus() {
    let quickstarts = Quickstarts::start();
    let mut clients = quickstarts.clients();
    assert_all_show(&mut clients, 0.0);

    let done = AtomicBool::new(false);
    let scrapes = thread::scope(|scope| {
        let oracle = scope.spawn(|| watch(&mut clients, &done));
        let _done = Raise(&done);
        let threads: Vec<_> = (0..CLIENTS)
            .flat_map(|_| quickstarts.clients())
            .map(|mut client| {
                let visits = VISITS / CLIENTS / PROCESSES;
                scope.spawn(move || (0..visits).for_each(|_| assert_eq!(client.get("/").unwrap(), "hello world!")))
            })
            .collect();
        for thread in threads {
            thread.join().expect("every request is answered");
        }
        done.store(true, Relaxed);
        oracle.join().expect("the oracle does not panic")
    });
    assert!(scrapes.unwrap_or_else(|wrong| panic!("{wrong}")) > 0);
    assert_all_show(&mut clients, VISITS as f64);
    // The living have a file each.
    let of_processes = quickstarts.shared.files().iter().filter(|name| *name == "process").count();
    assert_eq!(of_processes, PROCESSES, "{:?}", quickstarts.shared.files());

    let prometheus = Server::scraping(quickstarts.port());
    support::wait_for("scrape with that count", || match prometheus.query(COUNT)?.as_slice() {
        [(_, count)] if *count == VISITS.to_string() => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn one_that_is_killed_leaves_its_requests_to_the_others_and_to_one_that_comes_after_it() {
    let mut quickstarts = Quickstarts::start();
    let mut clients = quickstarts.clients();
    for (visit, count) in [1.0, 2.0, 3.0, 4.0].into_iter().enumerate() {
        assert_eq!(clients[visit].get("/").expect("the page"), "hello world!");
        assert_all_show(&mut clients, count);
    }

    // Killed, and waited for.
    drop((clients.remove(2), quickstarts.processes.remove(2)));
    assert_all_show(&mut clients, 4.0);
    clients[0].get("/").unwrap();
    assert_all_show(&mut clients, 5.0);

    quickstarts.start_another();
    let mut clients = quickstarts.clients();
    assert_all_show(&mut clients, 5.0);
    clients[3].get("/").unwrap();
    assert_all_show(&mut clients, 6.0);

    // All are killed but the last, which goes on with what they had.
    quickstarts.processes.drain(..3);
    let mut clients = quickstarts.clients();
    clients[0].get("/").unwrap();
    assert_all_show(&mut clients, 7.0);
    assert_eq!(quickstarts.shared.files(), ["archive", "lock", "process", "roster", "shared"]);
}
