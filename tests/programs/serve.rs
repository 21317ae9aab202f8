//! The example without a web server.

use support::example::Serving;

#[test]
fn a_program_without_a_web_server_shows_its_work_on_a_port_of_its_own() {
    let worker = Serving::start("serve");
    support::wait_for("both queues", || {
        let page = worker.get("/metrics");
        let is_there = |queue: &str| page.body.contains(&format!("\njob_seconds_count{{queue=\"{queue}\"}} "));
        if is_there("mails") && is_there("invoices") { Ok(()) } else { Err(page.body) }
    });
    assert_eq!(worker.get("/").body, "the metrics are at /metrics\n");
}
