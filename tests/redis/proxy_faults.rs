//! The proxy of the other tests injects exactly the configured faults.

use std::io::{self, ErrorKind::WouldBlock};
use std::time::{Duration, Instant};

use servers::proxy::{Counts, Proxy, Way};
use servers::resp::{Client, Value};
use servers::server::Server;

/// Increments a key repeatedly, with a new connection after each fault; returns the number of replies.
fn add(proxy: &Proxy, times: u32) -> u64 {
    let (mut client, mut answered) = (None, 0);
    for _ in 0..times {
        let mut connection = client.take().unwrap_or_else(|| {
            Client::connect(proxy.port())
                .and_then(|new| new.patience(Duration::from_millis(20)).map(|()| new))
                .expect("it listens")
        });
        let lost = lost(proxy);
        let outcome =
            connection.send(&["INCR", "n"]).and_then(|()| answer(&mut connection, || lost < self::lost(proxy)));
        if let Ok(Value::Int(_)) = outcome {
            answered += 1;
            client = Some(connection);
        }
    }
    answered
}

fn lost(proxy: &Proxy) -> u64 {
    let Counts { lost_requests, lost_replies, .. } = proxy.counts();
    lost_requests + lost_replies
}

/// Waits for a reply, until it is lost.
fn answer(client: &mut Client, is_lost: impl Fn() -> bool) -> io::Result<Value> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match client.receive() {
            Err(error) if error.kind() == WouldBlock && !is_lost() && Instant::now() < deadline => {}
            outcome => return outcome,
        }
    }
}

fn total(server: &Server) -> u64 {
    server.ask(&["GET", "n"]).text().parse().expect("a number")
}

#[test]
fn lost_commands_and_replies_are_counted() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    proxy.watch("INCR");
    proxy.lose(1, 100);
    let answered = add(&proxy, 400);
    let Counts { lost_requests, lost_replies, .. } = proxy.counts();
    assert!(lost_requests >= 10 && lost_replies >= 10, "{:?}", proxy.counts());
    assert_eq!(answered + lost_requests + lost_replies, 400);
    assert_eq!(total(&server), 400 - lost_requests);
    proxy.heal();
    assert_eq!(add(&proxy, 10), 10);
}

#[test]
fn a_connection_breaks_after_the_given_bytes() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    // The length of the command.
    let command = "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n".len() as u64;
    for (bytes, arrived) in [(0, 0), (command - 1, 0), (command, 1), (2 * command - 1, 2)] {
        proxy.reset_after(Way::ToServer, bytes);
        let answered = add(&proxy, 1 + u32::from(bytes > command));
        // The reply to a whole command may come before the reset.
        let least = u64::from(bytes > command);
        assert!((least..=u64::from(bytes >= command)).contains(&answered), "{answered} after {bytes}");
        servers::retry_until(servers::TIMEOUT, || match server.client().ask(&["INCRBY", "n", "0"]).text() {
            text if text == arrived.to_string() => Ok(()),
            other => Err(other),
        })
        .unwrap_or_else(|found| panic!("{found}, not {arrived}, after {bytes} bytes"));
    }
    // `:3\r\n` is the reply.
    for bytes in 0..4 {
        proxy.reset_after(Way::ToClient, bytes);
        assert_eq!(add(&proxy, 1), 0, "{bytes}");
    }
    assert_eq!(proxy.counts().resets, 8);
    assert_eq!(total(&server), 6);
}

#[test]
fn held_messages_come_later_and_half_open_connections_stay_silent() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let mut client = Client::connect(proxy.port()).expect("it listens");
    assert_eq!(client.ask(&["INCR", "n"]), Value::Int(1));
    client.patience(Duration::from_millis(50)).expect("a time");
    proxy.hang();
    client.try_ask(&["INCR", "n"]).expect_err("it hangs");
    proxy.heal();
    client.patience(Duration::from_secs(30)).expect("a time");
    assert_eq!(client.receive().expect("it comes at last"), Value::Int(2));
    client.patience(Duration::from_millis(50)).expect("a time");
    proxy.half_open();
    let error = client.try_ask(&["INCR", "n"]).expect_err("no server is there");
    assert_eq!(error.kind(), WouldBlock);
    assert_eq!(total(&server), 2);
}

#[test]
fn a_round_trip_is_all_commands_before_a_reply() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let mut client = Client::connect(proxy.port()).expect("it listens");
    proxy.delay(Way::ToServer, Duration::from_millis(1));
    client.send(&["SET", "a", "1"]).expect("it goes");
    client.send(&["GET", "a"]).expect("it goes");
    assert_eq!(client.receive().expect("an answer").text(), "OK");
    assert_eq!(client.receive().expect("an answer").text(), "1");
    client.ask(&["DEL", "a"]);
    let trips = proxy.take_trips();
    // The first reply may precede the second command.
    assert_eq!(trips.iter().flatten().collect::<Vec<_>>(), ["SET", "GET", "DEL"]);
    assert!((2..=3).contains(&trips.len()), "{trips:?}");
}

#[test]
fn a_killed_server_restarts_with_its_data() {
    let mut server = Server::with(&["appendonly yes", "appendfsync always"]);
    server.ask(&["SET", "n", "7"]);
    server.kill();
    server.restart();
    assert_eq!(total(&server), 7);
}
