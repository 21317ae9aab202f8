//! The endpoint for Prometheus in actix-web 4.
//!
//! One line mounts it:
//!
//! ```no_run
//! use actix_web::{App, HttpServer};
//!
//! # fn serve() -> std::io::Result<actix_web::dev::Server> {
//! let server = HttpServer::new(|| App::new().route("/metrics", pytheus::actix::endpoint()));
//! Ok(server.bind("127.0.0.1:8080")?.run())
//! # }
//! ```

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, Route};

use crate::exposition::{Answer, Ask, Respond, SCRAPE_TIMEOUT, Source, joined};
use crate::registry::Registry;

/// Returns the endpoint with the metrics of [`REGISTRY`](crate::REGISTRY), for a resource of actix-web.
///
/// Each scraper gets Prometheus text with its content type, compressed if it accepts that. The scrape runs on a thread of the
/// library; [`respond`](crate::exposition::respond) says what requests share, and when the status is 503.
pub fn endpoint() -> Route {
    route(Source::Global)
}

/// Returns the endpoint with the metrics of a registry of your own.
pub fn endpoint_from(registry: Arc<dyn Registry>) -> Route {
    route(Source::Own(registry))
}

fn route(source: Source) -> Route {
    web::route().to(move |request: HttpRequest| {
        let respond = Respond::new(source.clone(), &ask_of(&request));
        async { response(respond.await) }
    })
}

fn ask_of(request: &HttpRequest) -> Ask {
    let headers = request.headers();
    Ask::new()
        .method(request.method().as_str())
        .accept(&values(headers, &header::ACCEPT))
        .accept_encoding(&values(headers, &header::ACCEPT_ENCODING))
        .query(request.query_string())
        .timeout_header(&values(headers, &HeaderName::from_static(SCRAPE_TIMEOUT)))
}

fn values(headers: &HeaderMap, name: &HeaderName) -> String {
    joined(headers.get_all(name).map(HeaderValue::as_bytes))
}

fn response(answer: Answer) -> HttpResponse {
    let mut response =
        HttpResponse::build(StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE));
    // The server has the length of the body, and leaves the body out for HEAD.
    for header in answer.headers().filter(|(name, _)| *name != "Content-Length") {
        response.insert_header(header);
    }
    response.body(Bytes::from_owner(answer.into_shared_body()))
}
