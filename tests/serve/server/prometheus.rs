//! A real Prometheus scrapes the server.

use pytheus::serve::Serve;
use support::prometheus;

use crate::requests::{address, small_registry};

#[test]
fn prometheus_scrapes_a_program_without_a_web_server() {
    let (registry, counter, _) = small_registry();
    let metrics = Serve::on("127.0.0.1:0").registry(registry).start().unwrap();
    let prometheus = prometheus::Server::scraping(address(&metrics).port());
    for value in ["0", "1", "3"] {
        support::wait_for("scrape with that value", || match &*prometheus.query("visits_total{job='test'}")? {
            [(_, found)] if found == value => Ok(()),
            other => Err(format!("{other:?}")),
        });
        counter.inc_by(if value == "0" { 1 } else { 2 });
    }
}
