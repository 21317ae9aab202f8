//! Types of the crate `http` as label values and outcomes.

use std::borrow::Cow;

use http::{Method, Response, StatusCode};

use super::HasOutcome;
use crate::model::labels::LabelValue;

/// The standard methods by their names. Any other is `_OTHER`, as in
/// [OpenTelemetry](https://opentelemetry.io/docs/specs/semconv/http/http-metrics/): a client may invent methods without
/// end.
#[diagnostic::do_not_recommend]
impl LabelValue for Method {
    fn as_label(&self) -> Cow<'_, str> {
        const STANDARD: [Method; 9] = [
            Method::CONNECT,
            Method::DELETE,
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::PATCH,
            Method::POST,
            Method::PUT,
            Method::TRACE,
        ];
        Cow::Borrowed(if STANDARD.contains(self) { self.as_str() } else { "_OTHER" })
    }
}

/// The three digits.
#[diagnostic::do_not_recommend]
impl LabelValue for StatusCode {
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }
}

/// An error of the server: 500 and above.
impl HasOutcome for StatusCode {
    fn is_error(&self) -> bool {
        self.as_u16() >= 500
    }
}

impl<B> HasOutcome for Response<B> {
    fn is_error(&self) -> bool {
        self.status().is_error()
    }
}

/// A status beside a body, as web frameworks take it for a response.
impl<B> HasOutcome for (StatusCode, B) {
    fn is_error(&self) -> bool {
        self.0.is_error()
    }
}

/// With headers between the two.
impl<H, B> HasOutcome for (StatusCode, H, B) {
    fn is_error(&self) -> bool {
        self.0.is_error()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::call::{Outcome, Probe};

    #[test]
    fn method_of_a_client_is_a_bounded_label() {
        assert_eq!(Method::GET.as_label(), "GET");
        assert_eq!(Method::from_bytes(b"INVENTED").unwrap().as_label(), "_OTHER");
        assert_eq!(StatusCode::NOT_FOUND.as_label(), "404");
    }

    #[test]
    fn ok_with_status_500_is_an_error() {
        let reply = |status| Ok::<_, ()>(Response::builder().status(status).body(()).unwrap());
        assert_eq!(Probe(&reply(500)).probe_outcome(), Outcome::Error);
        assert_eq!(Probe(&reply(404)).probe_outcome(), Outcome::Ok);
        assert!(StatusCode::BAD_GATEWAY.is_error());
        assert!((StatusCode::INTERNAL_SERVER_ERROR, "text").is_error());
        assert!((StatusCode::INTERNAL_SERVER_ERROR, [("retry-after", "1")], "text").is_error());
        assert!(!(StatusCode::NOT_FOUND, [("retry-after", "1")], "text").is_error());
    }
}
