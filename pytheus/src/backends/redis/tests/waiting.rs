use super::*;

#[test]
fn with_wait_loading_waits_for_the_server_until_its_timeout() {
    let taken = TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a free port");
    let configure = |port: u16, timeout: f64| {
        let config = json!({"port": port, "timeout": timeout, "wait": true});
        MultiProcessRedisBackend::configure(&mut Config::new(config).expect("an object"))
    };
    let error = configure(taken.port(), 0.2).expect_err("no server is there").to_string();
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

#[test]
fn a_scrape_of_a_hanging_server_waits_for_one_timeout() {
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = hanging.local_addr().expect("it is bound").port();
    // A scrape sends three commands per partition.
    let config = json!({"port": port, "timeout": 0.5, "partitions": 1_000});
    let backend = MultiProcessRedisBackend::configure(&mut Config::new(config).expect("an object"));
    let begun = Instant::now();
    let mut totals = Totals::new("".into(), []);
    let error = backend.expect("it need not be there").load(&mut totals).expect_err("there is no reply");
    assert!(fault(&error).contains("no answer in time: is it overloaded, or stopped?"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn a_server_that_has_too_many_clients_says_so() {
    let server = Server::start();
    let mut only = TcpStream::connect(("127.0.0.1", server.port)).expect("it listens");
    let mut say = |command: &[u8]| {
        only.write_all(command).expect("it reads");
        let mut answer = [0; 16];
        let length = only.read(&mut answer).expect("it answers");
        assert_eq!(&answer[..length], b"+OK\r\n");
    };
    say(b"CONFIG SET maxclients 1\r\n");
    let process = server.process();
    let says = |error: &str| error.contains("max number of clients reached: raise its `maxmemory` or `maxclients`");
    let error = fault(&process.scrape().expect_err("there is no room"));
    assert!(says(&error), "{error}");
    let process = server.process_with(&json!({"password": "secret"}));
    let error = fault(&process.scrape().expect_err("there is no room"));
    assert!(says(&error), "{error}");
}
