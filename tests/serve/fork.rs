//! A forked child has no part in the server of its parent.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, mpsc};
use std::thread;

use support::raw_http::ask;

// One test: it forks the process.
#[test]
fn a_forked_child_leaves_the_server_and_its_port_to_the_parent() {
    let metrics = pytheus::serve("127.0.0.1:0").unwrap();
    let address = metrics.local_addr().unwrap();
    let metrics = Mutex::new(Some(metrics));
    let get = |address| ask(address, &[b"GET /metrics HTTP/1.1"]).assert_has("HTTP/1.1 200 OK");
    let threads = || fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    get(address);
    let (of_parent, of_child) = UnixStream::pair().unwrap();
    of_parent.set_read_timeout(Some(support::TIMEOUT)).unwrap();
    // A thread that ends holds a lock of std, and a child that is forked just then can start none.
    support::wait_for("end of the scrape's threads", || match threads() {
        left if left == before => Ok(()),
        left => Err(format!("{left} threads, and {before} before")),
    });
    let (has_begun, begun) = mpsc::sync_channel(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            has_begun.send(()).unwrap();
            (&of_parent).read_exact(&mut [0]).unwrap();
            get(address);
            // The child lives on, and does not keep the port.
            metrics.lock().unwrap().take().unwrap().shutdown();
            assert!(TcpStream::connect(address).is_err());
            pytheus::serve(address).unwrap().shutdown();
            (&of_parent).write_all(b"2").unwrap();
        });
        begun.recv().unwrap();
        // On the thread of these variables: in a child, the stacks of other threads are used again.
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
}
