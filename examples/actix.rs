//! `/metrics` in actix-web, in one line.
//!
//! ```sh
//! cargo run -p pytheus-examples --features actix --example actix
//! ```
//!
//! It listens on port 8080 of this machine; the variables `PORT` and `HOST` change that.

use actix_web::{App, HttpServer, web};
use pytheus::metric;

metric! {
    /// Visits of the first page.
    static VISITS: Counter = "visits_total";
}

async fn home() -> &'static str {
    VISITS.inc();
    "hello world!"
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let host = std::env::var("HOST").unwrap_or_else(|_| "127.0.0.1".to_owned());
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8080);
    let server =
        HttpServer::new(|| App::new().route("/", web::get().to(home)).route("/metrics", pytheus::actix::endpoint()));
    let server = server.workers(2).bind((host, port))?;
    for address in server.addrs() {
        println!("Open http://{address}/, then http://{address}/metrics");
    }
    server.run().await
}
