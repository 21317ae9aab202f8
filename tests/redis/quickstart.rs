//! The quickstart as two processes that share a Redis: unchanged, with two variables of its environment set. A real
//! Prometheus that scrapes either sees what both have served.
#![cfg(unix)]

use servers::server::Server;
use support::example::Serving;
use support::prometheus;
use support::wait_for;

#[test]
fn prometheus_sees_the_visits_to_both_at_either() {
    let redis = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.json");
    let config = serde_json::json!({"host": "127.0.0.1", "port": redis.port()});
    std::fs::write(&file, config.to_string()).expect("it can be written");
    let variables = [("PYTHEUS_BACKEND_CLASS", "redis".into()), ("PYTHEUS_BACKEND_CONFIG", file.into_os_string())];
    let services = [(); 2].map(|()| Serving::start_with("quickstart", 0, &variables));
    let watching = [0, 1].map(|at| prometheus::Server::scraping(services[at].port()));
    for (visits, service) in [(7, &services[0]), (5, &services[1])] {
        (0..visits).for_each(|_| assert_eq!(service.get("/").status, 200));
    }
    for prometheus in &watching {
        for series in ["count", "bucket{le='+Inf'}", "bucket{le='2.5'}"] {
            wait_for(series, || {
                let points = prometheus.query(&format!("http_request_duration_seconds_{series}"))?;
                match points.as_slice() {
                    [(_, value)] if value == "12" => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            });
        }
    }
}
