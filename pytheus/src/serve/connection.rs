//! Connections: the answers of one, and its limits.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service as _;

use super::credentials::Credentials;
use super::write_deadline::WriteDeadline;
use crate::http::{Body, Endpoint};

/// The maximum size of the head of a request; a larger one is answered with the status 431. A scrape by names has them
/// in its first line.
const MAX_HEAD: usize = 64 << 10;

/// The maximum number of headers of a request, likewise.
const MAX_HEADERS: usize = 64;

/// What is served to every connection.
pub(super) struct Site {
    pub(super) endpoint: Endpoint,
    pub(super) path: String,
    pub(super) credentials: Credentials,
    pub(super) client_timeout: Duration,
}

impl Site {
    /// Answers the requests of a client, until it leaves or the server ends.
    pub(super) async fn serve<S>(&self, stream: S, end: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let stream = TokioIo::new(WriteDeadline::new(stream, self.client_timeout));
        let mut server = http1::Builder::new();
        server
            .timer(TokioTimer::new())
            // It runs while the connection is idle, too.
            .header_read_timeout(self.client_timeout)
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS);
        let service = hyper::service::service_fn(|request| self.answer(request));
        // A failed connection is the client's: it hangs up, is too slow, or speaks something else.
        drop(end.watch(server.serve_connection(stream, service)).await);
    }

    async fn answer<B>(&self, request: Request<B>) -> Result<Response<Body>, Infallible> {
        // Of two such headers, none is the one.
        let mut given = request.headers().get_all(AUTHORIZATION).iter();
        let authorization = given.next().filter(|_| given.next().is_none());
        if !self.credentials.admit(authorization.map(HeaderValue::as_bytes)) {
            let mut response = refusal(StatusCode::UNAUTHORIZED, "the metrics need a password or a token\n".to_owned());
            for challenge in self.credentials.challenges() {
                response.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            return Ok(response);
        }
        if request.uri().path() != self.path {
            return Ok(refusal(StatusCode::NOT_FOUND, format!("the metrics are at {}\n", self.path)));
        }
        self.endpoint.clone().call(request).await
    }
}

fn refusal(status: StatusCode, reason: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Bytes::from(reason)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
