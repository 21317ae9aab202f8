use std::sync::Arc;

use crate::backends::custom::{Backend as _, Config, Configure as _, FamilyKey};
use crate::backends::redis::MultiProcessRedisBackend;
use crate::backends::redis::tests::{Server, TestProcess, gauge};
use crate::backends::{Value, json};
use crate::model::descriptor::GaugeMode;

fn process(server: &Server) -> TestProcess {
    process_with(server, 30.0)
}

fn process_with(server: &Server, timeout: f64) -> TestProcess {
    server.process_with(&json!({"key_prefix": null, "layout": "pytheus-python", "timeout": timeout}))
}

/// Asserts the value of a hash with one field.
#[track_caller]
fn holds(server: &Server, key: &str, value: &str) {
    let answer = server.say(&format!("HVALS {key}"));
    assert_eq!(answer.lines().last(), Some(value), "{answer}");
}

#[test]
fn a_batch_whose_reply_is_lost_counts_once_also_after_a_data_loss() {
    let server = Server::start();
    let (mut one, other) = (process_with(&server, 0.5), process(&server));
    let first = one.batch("a_total", "x", 1);
    one.repeat(&first);
    for (forgets, expected) in [(false, "2"), (true, "3"), (false, "4")] {
        let batch = one.batch("a_total", "x", 1);
        assert_eq!(server.say("CLIENT PAUSE 600000 WRITE"), "+OK");
        one.backend.apply(&batch).expect_err("no answer");
        assert_eq!(server.say("CLIENT UNPAUSE"), "+OK");
        // Redis drops a paused command of a closed connection: as if it had run.
        other.backend.apply(&batch).expect("the pause is over");
        holds(&server, "a_total", expected);
        if forgets {
            let answer = server.say("KEYS pytheus/writer/*");
            server.say(&format!("DEL {}", answer.lines().last().expect("the writer")));
        }
        one.repeat(&batch);
        holds(&server, "a_total", expected);
    }
    // A batch without an unknown outcome is sent.
    server.say("FLUSHALL");
    let last = one.batch("a_total", "x", 1);
    one.repeat(&last);
    holds(&server, "a_total", "1");
    one.backend.close().expect("it ends");
    assert_eq!(server.say("KEYS *").lines().last(), Some("a_total"));
}

#[test]
fn a_batch_without_permission_counts_once_it_is_granted() {
    let server = Server::start();
    let mut one = process(&server);
    one.count("a_total", "x", 1);
    let batch = one.batch("a_total", "x", 1);
    for (begin, end) in [
        ("ACL SETUSER default -hincrbyfloat", "ACL SETUSER default +hincrbyfloat"),
        ("ACL SETUSER default -hset", "ACL SETUSER default +hset"),
        ("ACL SETUSER default -expire", "ACL SETUSER default +expire"),
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    ] {
        server.say(begin);
        one.backend.apply(&batch).expect_err(begin);
        server.say(end);
    }
    server.say("SCRIPT FLUSH");
    one.backend.apply(&batch).expect("it may again");
    holds(&server, "a_total", "2");
}

#[test]
fn a_family_of_a_scope_has_a_key_of_its_own() {
    let server = Server::start();
    let mut one = process(&server);
    let plain = gauge("a", GaugeMode::Shared);
    let scoped = Arc::new(FamilyKey::new("s", plain.descriptor().clone()));
    one.set(&plain, 1.5);
    one.set(&scoped, f64::INFINITY);
    assert_eq!(server.say("GET a").lines().last(), Some("1.5"));
    assert_eq!(server.say("GET a|s").lines().last(), Some("inf"));
    // Python has no such mode.
    one.set(&gauge("b", GaugeMode::LiveMax), 1.0);
    assert_eq!(server.say("EXISTS b"), ":0");
}

#[test]
fn options_that_python_lacks_are_refused() {
    for (key, value) in [("key_prefix", json!("app")), ("cluster", json!(["a:1"])), ("partitions", json!(2))] {
        let mut config = json!({"layout": "pytheus-python"});
        config.as_object_mut().map(|config| config.insert(key.to_owned(), value));
        let refused = |config: Value| {
            let outcome = MultiProcessRedisBackend::configure(&mut Config::new(config).expect("an object"));
            outcome.expect_err("it is refused").to_string()
        };
        let error = refused(config);
        assert!(error.contains(key) && error.contains("left out with the layout `pytheus-python`"), "{error}");
        assert!(refused(json!({"layout": "python"})).contains("\"pytheus\" or \"pytheus-python\""));
    }
}
