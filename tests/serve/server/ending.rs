//! The end of a server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use std::thread;

use pytheus::metrics::Gauge;
use pytheus::serve::Serve;

use crate::requests::{address, small_registry};

#[test]
fn an_answer_in_progress_is_sent_before_the_server_ends() {
    let (registry, _counter, _) = small_registry();
    let (has_begun, begun) = mpsc::channel();
    let (go, go_on) = mpsc::channel::<()>();
    let held = Gauge::builder("held", "Held up.").registry(&*registry).build().unwrap();
    let go_on = Mutex::new(go_on);
    held.set_function(move || {
        has_begun.send(()).unwrap();
        go_on.lock().unwrap().recv().map_or(0.0, |()| 1.0)
    });
    let metrics = Serve::on("127.0.0.1:0").registry(registry).start().unwrap();
    let address = address(&metrics);
    let connect = || TcpStream::connect(address).unwrap();
    // An idle connection does not hold up the end.
    let mut idle = connect();
    let mut stream = connect();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
    begun.recv().unwrap();
    let end = thread::spawn(move || metrics.shutdown());
    support::wait_for("refusal of new clients", || match TcpStream::connect(address) {
        Ok(_) => Err("connected".to_owned()),
        Err(_) => Ok(()),
    });
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    go.send(()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.contains("\nheld 1\n"), "{reply}");
    end.join().unwrap();
}

#[test]
fn a_server_that_is_dropped_ends_and_a_detached_one_goes_on() {
    let (registry, ..) = small_registry();
    let options = Serve::on("127.0.0.1:0").registry(registry);
    let (dropped, detached) = (options.clone().start().unwrap(), options.start().unwrap());
    let dropped_address = address(&dropped);
    drop(dropped);
    assert!(TcpStream::connect(dropped_address).is_err());
    let detached_address = address(&detached);
    detached.detach();
    let reply = support::raw_http::ask(detached_address, &[b"GET /metrics HTTP/1.1"]);
    reply.assert_has("HTTP/1.1 200 OK");
}
