//! The endpoint in actix-web, as its example has it.

use support::example::{self, Serving};
use support::raw_http::ask;

#[test]
fn actix_web_serves_every_scraper_with_one_line() {
    let program = example::program_with("actix", "actix");
    let actix = Serving::start_program(&program, 0, &[]);
    assert_eq!(actix.get("/").body, "hello world!");

    let text = ask(actix.address(), &[b"GET /metrics HTTP/1.1"]);
    text.assert_has("HTTP/1.1 200 OK");
    text.assert_has("Content-Type: text/plain; version=0.0.4; charset=utf-8");
    text.assert_has("Vary: Accept, Accept-Encoding");
    text.assert_has(&format!("Content-Length: {}", text.body.len()));
    let shown = b"# HELP visits_total Visits of the first page.\n# TYPE visits_total counter\nvisits_total 1\n";
    assert_eq!(text.body, shown);

    let accept = b"Accept: application/openmetrics-text;version=1.0.0";
    let other = ask(actix.address(), &[b"GET /metrics?name[]=visits_total HTTP/1.1", accept]);
    other.assert_has("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8");
    let shown = b"# TYPE visits counter\n# HELP visits Visits of the first page.\nvisits_total 1\n# EOF\n";
    assert_eq!(other.body, shown);

    let head = ask(actix.address(), &[b"HEAD /metrics HTTP/1.1"]);
    head.assert_has(&format!("Content-Length: {}", text.body.len()));
    assert!(head.body.is_empty());
    ask(actix.address(), &[b"PUT /metrics HTTP/1.1"]).assert_has("Allow: GET, HEAD");
}
