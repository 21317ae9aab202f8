//! A server leaves nothing behind: no thread, no file descriptor.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use pytheus::serve::Server;
use support::raw_http::ask;

/// The names of the threads of this process, and what its descriptors lead to, each with its number.
fn held() -> BTreeMap<String, usize> {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let threads = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
    let files = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let files = files.filter_map(|file| Some(fs::read_link(file.path()).ok()?.display().to_string()));
    // The number of a socket is another one each time, as is this folder.
    let files = files.map(|file| file.split([':', '[']).next().unwrap_or_default().to_owned());
    let files = files.filter(|file| !file.starts_with("/proc/"));
    let mut held = BTreeMap::new();
    for name in threads.map(|name| name.trim_end().to_owned()).chain(files) {
        *held.entry(name).or_default() += 1;
    }
    held
}

fn use_of(metrics: &Server) -> Vec<TcpStream> {
    let address: SocketAddr = metrics.local_addr().unwrap();
    for _scrape in 0..10 {
        ask(address, &[b"GET /metrics HTTP/1.1"]).assert_has("HTTP/1.1 200 OK");
    }
    // Idle, in the middle of a request, and gone.
    let requests = [&b""[..], b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: shop\r\n\r\n"];
    let clients = (0..60).map(|number| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(requests[number % 3]).unwrap();
        stream
    });
    let (staying, gone): (Vec<_>, Vec<_>) = clients.enumerate().partition(|(number, _)| number % 6 == 0);
    drop(gone);
    staying.into_iter().map(|(_, stream)| stream).collect()
}

// One test: it counts the threads of the process.
#[test]
fn nothing_is_left_of_a_server_that_has_ended() {
    let before = held();
    for _round in 0..3 {
        let metrics = pytheus::serve("127.0.0.1:0").unwrap();
        let clients = use_of(&metrics);
        assert!(held().contains_key("pytheus-serve"));
        metrics.shutdown();
        drop(clients);
    }
    support::wait_for("end of threads and files", || {
        let left = held();
        if left == before { Ok(()) } else { Err(format!("{left:?}, and before {before:?}")) }
    });
}
