//! Passwords and tokens over sockets.

use pytheus::serve::{Serve, ServeError, Server};
use support::raw_http::{RawReply, ask};

use crate::requests::{address, small_registry};

fn protected() -> (Server, &'static str) {
    let (registry, _counter, text) = small_registry();
    let options = Serve::on("127.0.0.1:0").registry(registry);
    let metrics = options.basic_auth("prometheus", "p:ä ss").bearer("a.token").start().unwrap();
    (metrics, text)
}

fn get_with(server: &Server, path: &str, authorization: &[&str]) -> RawReply {
    let first = format!("GET {path} HTTP/1.1");
    let headers: Vec<_> = authorization.iter().map(|value| format!("Authorization: {value}")).collect();
    let lines: Vec<_> = [&first].into_iter().chain(&headers).map(String::as_bytes).collect();
    ask(address(server), &lines)
}

#[test]
fn a_password_or_a_token_opens_the_metrics() {
    let (metrics, text) = protected();
    // `prometheus:p:ä ss`, in UTF-8.
    for given in ["Basic cHJvbWV0aGV1czpwOsOkIHNz", "basic cHJvbWV0aGV1czpwOsOkIHNz", "Bearer a.token"] {
        let reply = get_with(&metrics, "/metrics", &[given]);
        reply.assert_has("HTTP/1.1 200 OK");
        assert_eq!(reply.body, text.as_bytes(), "{given}");
    }
}

#[test]
fn a_request_without_the_right_credentials_gets_401_and_nothing_else() {
    let (metrics, _) = protected();
    let wrong = ["", "Basic cHJvbWV0aGV1czpwOsOkIHN6", "Bearer a.tokem", "Bearer a.toke", "Bearer", "Digest a.token"];
    let mut requests: Vec<Vec<&str>> = wrong.iter().map(|wrong| vec![*wrong]).collect();
    requests.push(vec![]);
    requests.push(vec!["Bearer a.token", "Bearer a.token"]);
    for given in &requests {
        for path in ["/metrics", "/metrics?name[]=visits_total", "/elsewhere"] {
            let reply = get_with(&metrics, path, given);
            reply.assert_has("HTTP/1.1 401 Unauthorized");
            reply.assert_has("WWW-Authenticate: Basic realm=\"metrics\", charset=\"UTF-8\"");
            reply.assert_has("WWW-Authenticate: Bearer realm=\"metrics\"");
            assert_eq!(reply.body, b"the metrics need a password or a token\n", "{given:?}");
        }
    }
}

#[test]
fn an_empty_secret_is_an_error_and_no_open_door() {
    for options in [Serve::on("0").bearer(""), Serve::on("0").basic_auth("prometheus", "")] {
        assert!(matches!(options.start(), Err(ServeError::Credentials { .. })));
    }
    let options = Serve::on("0").bearer("hidden").basic_auth("ada", "hidden");
    assert!(!format!("{options:?}").contains("hidden"));
}
