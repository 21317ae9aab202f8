//! Fields and keys in Redis that can't be read: a scrape fails and names them, and nothing is added to them.

use super::*;

/// A field without a number, or without a declaration, is never skipped as 0, and never overwritten.
#[test]
fn unreadable_values() {
    let server = Server::start();
    let mut case = Case::flushed(server.port());
    let families = "{pytheus:0}:families";
    let sizes = server.ask(&["HKEYS", families]).texts().into_iter().find(|id| id.starts_with("sizes@"));
    let sizes = sizes.expect("it is declared");
    let sizes_key = format!("{{pytheus:0}}:f:{sizes}");
    for (key, field, value, is_written) in [
        (KEY, "n[]", "abc", true),
        (KEY, "n[]", "", true),
        (KEY, "n[]", "1.5", true),
        (KEY, "n[]", "9223372036854775808", true),
        (KEY, "n[]", "-9223372036854775809", true),
        (KEY, "n[]", "007", true),
        (KEY, "n[]", " 1", true),
        (&*sizes_key, "1[]", "0x10", true),
        (&*sizes_key, "s[]", "many", true),
        (&*sizes_key, "s[]", "0x10", true),
        (&*sizes_key, "7[]", "1", false),
        (&*sizes_key, "0[\"x\"]", "1", false),
        (KEY, "f[]", "many", false),
        (KEY, "other", "1", false),
        (KEY, "n[", "1", false),
        (families, &*sizes, "{\"name\": \"sizes\"}", false),
        (families, &*sizes, "not JSON", false),
        (families, "others@0123456789abcdef", "{}", false),
        (families, &*format!("@{sizes}"), "yesterday", false),
    ] {
        let before = server.ask(&["HGET", key, field]);
        server.ask(&["HSET", key, field, value]);
        case.fails_with(&[key, field, "HDEL"]);
        if is_written {
            // No process adds to it.
            assert!(case.worker.ask("flush").contains(field), "{key} {field} {value}");
        }
        assert_eq!(server.ask(&["HGET", key, field]).text(), value, "{key} {field}");
        match before {
            servers::resp::Value::Nil => server.ask(&["HDEL", key, field]),
            before => server.ask(&["HSET", key, field, &before.text()]),
        };
        case.recovers();
    }
    case.goes_on();
}

/// The same beside Python; its scrapes fail as well.
#[test]
fn unreadable_values_beside_python() {
    let server = Server::start();
    let mut beside = config(server.port());
    beside["layout"] = "pytheus-python".into();
    let mut worker = start(&beside);
    assert_eq!(worker.ask("count 10"), "ok");
    assert_eq!(worker.ask("flushed"), "ok");
    server.ask(&["SET", "hits_total", "many"]);
    let error = try_scrape(&mut worker).expect_err("it can't be read");
    assert!(error.contains("`hits_total` has `many`, which is no number"), "{error}");
    server.ask(&["SET", "hits_total", "10"]);
    assert_eq!(worker.scrape().get("hits_total"), Some(&10.0));
}

/// The same for the values of one process.
#[test]
fn unreadable_live_gauges() {
    let server = Server::start();
    let mut case = Case::flushed(server.port());
    assert_eq!(case.worker.ask("level 3"), "ok");
    assert_eq!(case.worker.ask("flushed"), "ok");
    let keys = server.ask(&["KEYS", "{pytheus:0}:w:*"]).texts();
    let has_level =
        |key: &&String| server.ask(&["HKEYS", key]).texts().iter().any(|field| field.starts_with("[\"level@"));
    let key = keys.iter().find(has_level).expect("it is there").clone();
    let level = server.ask(&["HKEYS", &key]).texts().into_iter().find(|field| field.starts_with("[\"level@"));
    let level = level.expect("it is there");
    let other = level.replace(']', ",\"x\"]");
    for (field, value) in
        [(&*level, "3"), (&*level, "three 0"), (&*level, "3 now"), (&*other, "3 0"), ("[\"level", "3 0")]
    {
        let before = server.ask(&["HGET", &key, field]);
        server.ask(&["HSET", &key, field, value]);
        case.fails_with(&[&key, "HDEL"]);
        match before {
            servers::resp::Value::Nil => server.ask(&["HDEL", &key, field]),
            before => server.ask(&["HSET", &key, field, &before.text()]),
        };
        case.recovers();
    }
    assert_eq!(case.other.scrape().get("level"), Some(&3.0));
}

/// The error names any key of another type in a scrape.
#[test]
fn keys_of_another_type_in_a_scrape() {
    let server = Server::start();
    let mut case = Case::flushed(server.port());
    for key in ["{pytheus:0}:families", "{pytheus:0}:alive", "{pytheus:0}:writers", KEY] {
        let kept = format!("{key}-kept");
        server.ask(&["RENAME", key, &kept]);
        server.ask(&["SET", key, "of another program"]);
        let error = try_scrape(&mut case.other).expect_err("it can't be read");
        assert!(error.contains(key) && error.contains("key_prefix"), "{error}");
        server.ask(&["RENAME", &kept, key]);
        case.recovers();
    }
    case.goes_on();
}

/// Sequence numbers make each batch count once; without a readable one, no batch is applied.
#[test]
fn an_unreadable_sequence_number() {
    let server = Server::start();
    let mut case = Case::flushed(server.port());
    let writers = "{pytheus:0}:writers";
    let all = server.ask(&["HGETALL", writers]).texts();
    for pair in all.chunks(2).filter(|pair| pair[0] != "schema") {
        server.ask(&["HSET", writers, &pair[0], "none"]);
    }
    case.fails_with(&[writers, "`none`", "HDEL"]);
    for pair in all.chunks(2) {
        server.ask(&["HSET", writers, &pair[0], &pair[1]]);
    }
    case.goes_on();
}
