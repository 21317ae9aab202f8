//! The endpoint for Prometheus, with the types of the crate `http`: for axum, hyper, tonic and every other server of tower.
//!
//! With axum, one line mounts it:
//!
//! ```text
//! let app = Router::new().route_service("/metrics", pytheus::http::endpoint());
//! ```
//!
//! With hyper alone, `hyper_util::service::TowerToHyperService::new(pytheus::http::endpoint())` is the service of a
//! connection. A server with types of its own calls [`respond_async`](crate::exposition::respond_async), and a server
//! without an async runtime [`respond`](crate::exposition::respond).

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use tower_service::Service;

use crate::exposition::{Answer, Ask, Respond, SharedRegistry};
use crate::registry::REGISTRY;

/// Returns the endpoint with the metrics of [`REGISTRY`].
///
/// Prometheus text, `OpenMetrics` and protobuf, compressed or not: each scraper gets what its headers ask for, always with its
/// content type. The scrape runs on a thread of the library, in any runtime and without blocking it;
/// [`respond`](crate::exposition::respond) says what requests share, and when the status is 503.
///
/// ```
/// use http::Request;
/// use tower_service::Service as _;
///
/// # let runtime = async {
/// let mut endpoint = pytheus::http::endpoint();
/// let request = Request::get("/metrics").header("Accept", "text/plain").body(()).unwrap();
/// let response = endpoint.call(request).await.unwrap();
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["Content-Type"], "text/plain; version=0.0.4; charset=utf-8");
/// # };
/// # let mut runtime = std::pin::pin!(runtime);
/// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// # while runtime.as_mut().poll(&mut context).is_pending() {
/// #     std::thread::yield_now();
/// # }
/// ```
pub fn endpoint() -> Endpoint {
    endpoint_from(&REGISTRY)
}

/// Returns the endpoint with the metrics of a registry of your own: a `static`, or in an `Arc`.
///
/// ```
/// use pytheus::registry::CollectorRegistry;
///
/// static OPERATORS: CollectorRegistry = CollectorRegistry::new();
///
/// let endpoint = pytheus::http::endpoint_from(&OPERATORS);
/// ```
pub fn endpoint_from(registry: impl Into<SharedRegistry>) -> Endpoint {
    Endpoint { registry: registry.into() }
}

/// A [`tower_service::Service`] that answers scrapes. It never fails: a failed scrape is a response with the status 503.
#[derive(Clone)]
pub struct Endpoint {
    registry: SharedRegistry,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for Endpoint {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let values = |name| request.headers().get_all(name).iter().map(HeaderValue::as_bytes);
        let ask = Ask::by_request(request.method().as_str(), request.uri().query().unwrap_or_default(), values);
        ResponseFuture(Respond::new(self.registry.clone(), &ask))
    }
}

/// The future of a response.
#[derive(Debug)]
pub struct ResponseFuture(Respond);

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| Ok(answer.into()))
    }
}

impl From<Answer> for Response<Body> {
    fn from(answer: Answer) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in answer.headers() {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let is_head = answer.body().is_empty();
        let body = if is_head { Bytes::new() } else { Bytes::from_owner(answer.into_shared_body()) };
        let mut response = Self::new(Body(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// The body of a response, in one piece. Responses to requests that shared a scrape share its memory.
#[derive(Debug)]
pub struct Body(Bytes);

#[cfg(feature = "serve")]
impl Body {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = std::mem::take(&mut self.0);
        Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
