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

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, Route};

use crate::exposition::{Answer, Ask, Respond, SharedRegistry};
use crate::registry::REGISTRY;

/// Returns the endpoint with the metrics of [`REGISTRY`], for a resource of actix-web.
///
/// Each scraper gets the format that its headers ask for, always with its content type. The scrape runs on a thread of the
/// library; [`respond`](crate::exposition::respond) says what requests share, and when the status is 503.
pub fn endpoint() -> Route {
    endpoint_from(&REGISTRY)
}

/// Returns the endpoint with the metrics of a registry of your own: a `static`, or in an `Arc`.
pub fn endpoint_from(registry: impl Into<SharedRegistry>) -> Route {
    let registry = registry.into();
    web::route().to(move |request: HttpRequest| {
        let values = |name| request.headers().get_all(name).map(HeaderValue::as_bytes);
        let ask = Ask::by_request(request.method().as_str(), request.query_string(), values);
        let respond = Respond::new(registry.clone(), &ask);
        async { response(respond.await) }
    })
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
