//! Secrets never show in errors and debug output, and permissions suffice.

use super::*;

#[test]
fn no_error_shows_a_secret() {
    let server = Server::start();
    server.say("CONFIG SET requirepass right-secret");
    for config in [
        json!({"password": "wrong-secret"}),
        json!({"port": null, "url": format!("redis://:wrong-secret@127.0.0.1:{}/", server.port)}),
        json!({}),
    ] {
        let process = server.process_with(&config);
        let error = fault(&process.scrape().expect_err("it may not"));
        assert!(error.contains("check `username` and `password`") && !error.contains("secret"), "{error}");
        let debug = format!("{:?}", process.backend);
        assert!(debug.contains(&server.port.to_string()) && !debug.contains("secret"), "{debug}");
    }
    server.process_with(&json!({"password": "right-secret"})).shows(&[]);
}

#[test]
fn no_error_shows_a_secret_that_a_server_quotes() {
    let server =
        Server::start_with(&["--save", "", "--rename-command", "HELLO", "OTHER", "--rename-command", "AUTH", "NO"]);
    for protocol in ["resp2", "resp3"] {
        let url = format!("redis://:right-secret@127.0.0.1:{}/?protocol={protocol}", server.port);
        let process = server.process_with(&json!({"port": null, "url": url}));
        let error = fault(&process.scrape().expect_err("it knows no passwords"));
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn no_config_error_shows_the_secret_of_a_url_in_the_wrong_place() {
    for (config, key) in [
        (json!({"host": "redis://user:secret@somewhere:6379"}), "host"),
        (json!({"host": "user:secret@somewhere"}), "host"),
        (json!({"cluster": ["redis://:secret@somewhere:6379"]}), "cluster"),
        (json!({"sentinels": ["one:26379", "redis://:secret@somewhere:26379"]}), "sentinels"),
        (json!({"url": "redis://:secret@somewhere:many"}), "url"),
        (json!({"url": "redis://:secret@somewhere", "host": "there"}), "host"),
        (json!({"password": ["secret"]}), "password"),
        (json!({"url": "redis://:first@secret@somewhere:6379"}), "url"),
        (json!({"url": "redis://:first/secret@somewhere:6379"}), "url"),
        (json!({"url": "redis://first/secret@somewhere:6379"}), "url"),
        (json!({"url": "redis://first#secret@somewhere:6379"}), "url"),
        (json!({"url": "redis://first?secret@somewhere:6379"}), "url"),
        (json!({"url": "redis://:first%secret@somewhere:6379"}), "url"),
        (json!({"url": "redis://:fir[secret]@somewhere:6379"}), "url"),
        (json!({"url": "secret"}), "url"),
        (json!({"host": "se cret!secret"}), "host"),
        (json!({"host": ["secret"]}), "host"),
        (json!({"port": "secret"}), "port"),
        (json!({"key_prefix": "{secret}"}), "key_prefix"),
        (json!({"key_prefix": {"secret": 1}}), "key_prefix"),
        (json!({"username": "secret"}), "password"),
        (json!({"timeout": "secret"}), "timeout"),
        (json!({"layout": "secret"}), "layout"),
        (json!({"spool_directory": "~/secret"}), "spool_directory"),
        (json!({"spool_directory": "$HOME/secret"}), "spool_directory"),
    ] {
        let error = MultiProcessRedisBackend::configure(&mut Config::new(config).expect("an object"));
        let error = error.expect_err("it is wrong").to_string();
        assert!(error.contains(&format!("`{key}`")) && !error.contains("secret"), "{error}");
    }
}

#[test]
fn a_url_with_an_encoded_password_or_none_is_accepted() {
    for url in [
        "redis://127.0.0.1",
        "redis://127.0.0.1:6379/2",
        "redis://[::1]:6379/",
        "redis://user:p%40ss%2Fword@cache-1:6379/0?protocol=resp3",
        "redis+unix:///run/redis.sock?db=2&pass=secret",
    ] {
        let made = MultiProcessRedisBackend::configure(&mut Config::new(json!({ "url": url })).expect("an object"));
        let made = made.map(|backend| format!("{backend:?}"));
        assert!(made.as_ref().is_ok_and(|made| !made.contains("secret")), "{url}: {made:?}");
    }
}

#[test]
fn a_user_name_needs_a_password() {
    let config = json!({"username": "somebody"});
    let error = MultiProcessRedisBackend::configure(&mut Config::new(config).expect("an object"));
    let error = error.expect_err("there is no password").to_string();
    assert!(error.contains("the key `password` is missing"), "{error}");
}

#[test]
fn an_error_names_a_missing_permission_to_select_a_database() {
    let server = Server::start();
    server.say("ACL SETUSER shop on >secret ~* +@all -select");
    let process = server.process_with(&json!({"username": "shop", "password": "secret", "db": 3}));
    let error = fault(&process.scrape().expect_err("it may not"));
    assert!(error.contains("what the user may do") && !error.contains("secret"), "{error}");
}

#[test]
fn the_permissions_in_the_reference_suffice() {
    let (server, spool) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let line = include_str!("../reference.md").lines().find(|line| line.starts_with("ACL SETUSER shop "));
    let line = line.expect("it is there").replace("{shop:", "{ns:");
    assert_eq!(server.say(&line), "+OK");
    let user = json!({"username": "shop", "password": "password", "spool_directory": spool.path()});
    let (mut one, mut other) = (server.process_with(&user), server.process_with(&user));
    for process in [&mut one, &mut other] {
        process.count("a_total", "x", 5);
        process.set(&gauge("live", GaugeMode::LiveSum), 2.0);
        process.set(&gauge("a", GaugeMode::Shared), 1.0);
    }
    // Another declaration, whose series is removed as well; and a count above 2^63.
    other.set(&gauge("a", GaugeMode::LiveMax), 3.0);
    one.count("a_total", "x", i64::MAX.cast_unsigned());
    other.remove("a_total", "x");
    native::heartbeat::extend_ttls(&one.backend.0.context, 0).expect("it may");
    one.heartbeat();
    one.shows(&[("a ", 3.0), ("live ", 4.0)]);
    for process in [one, other] {
        process.backend.close().expect("it ends");
    }
    // All but the name of the library.
    let log = server.say("ACL LOG");
    let mut lines = log.lines();
    while lines.any(|line| line == "object") {
        assert_eq!(lines.nth(1), Some("client|setinfo"), "{log}");
    }
}

#[cfg(feature = "redis-tls")]
#[test]
fn no_url_disables_the_verification_of_certificates() {
    let config = json!({"url": "rediss://shop:secret@127.0.0.1:1/#insecure"});
    let error = MultiProcessRedisBackend::configure(&mut Config::new(config).expect("an object"));
    let error = error.expect_err("anybody could answer").to_string();
    assert!(error.contains("`tls_ca`") && !error.contains("secret"), "{error}");
}

#[cfg(not(feature = "redis-python"))]
#[test]
fn the_layout_of_python_names_its_missing_feature() {
    let config = json!({"layout": "pytheus-python"});
    let error = MultiProcessRedisBackend::configure(&mut Config::new(config).expect("an object"));
    let error = error.expect_err("the feature is missing").to_string();
    assert!(error.contains("`layout`") && error.contains("`redis-python`"), "{error}");
}
