//! A name server without a reply for minutes: scrapes fail by their deadline all the same, and no threads pile up.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pytheus::metric;
use servers::counting::{self, try_scrape};
use servers::server::{Server, config, impatient};
use servers::{TIMEOUT, retry_until};
use support::program;
use support::worker::Worker;

metric! {
    /// Requests.
    static HITS: Counter = "hits_total";
}

/// Resolves `slow` in ten minutes, `redis` at once, and other names as usual.
const SLOW: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    if (name && strcmp(name, "slow") == 0) {
        sleep(600);
        return EAI_AGAIN;
    }
    look_up *next = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
    return next(name && strcmp(name, "redis") == 0 ? "127.0.0.1" : name, service, hints, found);
}
"#;

#[test]
fn worker() {
    counting::serve(|words| match words {
        ["count", times] => {
            (0..times.parse().expect("a number")).for_each(|_: u64| HITS.inc());
            "ok".to_owned()
        }
        ["waiting"] => {
            let threads = fs::read_dir("/proc/self/task").expect("it is Linux").filter_map(Result::ok);
            let names = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
            names.filter(|name| name.trim() == "pytheus-connect").count().to_string()
        }
        other => panic!("{other:?}"),
    });
}

/// Starts a process whose system resolves names as [`SLOW`] does.
fn worker_of_slow_system(folder: &tempfile::TempDir) -> Worker {
    let [source, library]: [PathBuf; 2] = ["slow.c", "slow.so"].map(|name| folder.path().join(name));
    fs::write(&source, SLOW).expect("there is room");
    let mut cc = Command::new(program("cc", "gcc"));
    let compiled = cc.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl").status();
    assert!(compiled.expect("it starts").success());
    Worker::idle_with(&[("LD_PRELOAD", library.as_os_str())])
}

#[test]
fn a_hanging_name_server_does_not_hold_up_scrapes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut worker = worker_of_slow_system(&folder);
    let mut slow = impatient(6379);
    slow["host"] = "slow".into();
    assert_eq!(worker.ask(&format!("load redis {slow}")), "ok");
    for _ in 0..20 {
        assert_eq!(worker.ask("count 10"), "ok");
        try_scrape(&mut worker).expect_err("the name does not resolve");
    }
    // Or the error of the batch before the scrape.
    let said = retry_until(TIMEOUT, || match try_scrape(&mut worker) {
        Err(failed) if failed.contains("it takes too long to look up `slow` and to connect") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    said.expect("it says what it waits for");
    let waiting: usize = worker.ask("waiting").parse().expect("a number");
    assert!((1..=8).contains(&waiting), "{waiting} threads");
}

#[test]
fn a_server_is_found_by_its_name() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let mut worker = worker_of_slow_system(&folder);
    let mut named = config(server.port());
    named["host"] = "redis".into();
    assert_eq!(worker.ask(&format!("load redis {named}")), "ok");
    for what in ["count 10", "flushed"] {
        assert_eq!(worker.ask(what), "ok");
    }
    assert_eq!(counting::start(&config(server.port())).scrape().get("hits_total"), Some(&10.0));
}
