use super::*;

#[test]
fn who_is_to_wait_for_a_server_does_until_it_answers_or_the_time_is_over() {
    let taken = TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a free port");
    let configure = |port: u16, timeout: f64| {
        let config = json!({"port": port, "timeout": timeout, "wait": true});
        MultiProcessRedisBackend::configure(&mut Config::new(config).expect("an object"))
    };
    let error = configure(taken.port(), 0.2).expect_err("nobody is there").to_string();
    assert!(error.contains(&format!("Redis at 127.0.0.1:{}", taken.port())), "{error}");
    assert!(error.contains("is it running there"), "{error}");

    // It loads its data for a while, a millisecond for each key.
    let server = Server::start_with(&["--save", "", "--enable-debug-command", "yes"]);
    assert_eq!(server.say("DEBUG POPULATE 400"), "+OK");
    assert_eq!(server.say("CONFIG SET key-load-delay 2000"), "+OK");
    assert_eq!(server.say("CONFIG SET loading-process-events-interval-bytes 1024"), "+OK");
    thread::scope(|scope| {
        // Its answer comes once it is done.
        let loading = scope.spawn(|| server.say("DEBUG RELOAD"));
        configure(server.port, 30.0).expect("it answers in the end");
        assert_eq!(loading.join().expect("it reloads"), "+OK");
    });
}
