//! A forked child has no part in the server of its parent.
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::thread;

use support::raw_http::ask;

// One test: it forks the process.
#[test]
fn a_forked_child_leaves_the_server_and_its_port_to_the_parent() {
    let metrics = pytheus::serve("127.0.0.1:0").unwrap();
    let address = metrics.local_addr().unwrap();
    let metrics = Mutex::new(Some(metrics));
    let get = |address| ask(address, &[b"GET /metrics HTTP/1.1"]).assert_has("HTTP/1.1 200 OK");
    get(address);
    let (of_parent, of_child) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            support::fork::fork(|| {
                // It waits for no thread, and ends nothing.
                drop(metrics.lock().unwrap().take());
                let own = pytheus::serve("127.0.0.1:0").unwrap();
                get(own.local_addr().unwrap());
                (&of_child).write_all(b"1").unwrap();
                (&of_child).read_exact(&mut [0]).unwrap();
                own.shutdown();
            });
        });
        (&of_parent).read_exact(&mut [0]).unwrap();
        get(address);
        // The child lives on, and does not keep the port.
        metrics.lock().unwrap().take().unwrap().shutdown();
        assert!(TcpStream::connect(address).is_err());
        pytheus::serve(address).unwrap().shutdown();
        (&of_parent).write_all(b"2").unwrap();
    });
}
