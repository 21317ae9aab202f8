//! A child that comes of a process while that loads a backend waits for nobody: it may load one itself.
#![cfg(unix)]
#![allow(unsafe_code, reason = "`fork` has no safe form")]

use std::panic::catch_unwind;
use std::sync::{Mutex, mpsc};
use std::thread;

use pytheus::backends::custom::{Backend, Config, Configure};
use pytheus::backends::{BackendError, BackendSpec, SingleProcessBackend, load_backend};
use pytheus::exposition::generate_metrics;
use pytheus::metric;

metric! {
    /// Anything.
    static COUNTED: Counter = "counted_total";
}

/// One that is made once it is told to.
struct Waits;

static TOLD: Mutex<Option<mpsc::Receiver<()>>> = Mutex::new(None);
static BEGUN: Mutex<Option<mpsc::Sender<()>>> = Mutex::new(None);

impl Backend for Waits {}

impl Configure for Waits {
    const NAME: &'static str = "waits";

    fn configure(_: &mut Config) -> Result<Self, BackendError> {
        let told = TOLD.lock().expect("no other holder panics").take().ok_or("made twice")?;
        BEGUN.lock().expect("no other holder panics").take().ok_or("made twice")?.send(())?;
        told.recv()?;
        Ok(Self)
    }
}

#[test]
fn a_child_does_not_wait_for_a_thread_that_it_does_not_have() {
    let (tell, told) = mpsc::channel();
    let (starts, started) = mpsc::channel();
    *TOLD.lock().expect("no other holder panics") = Some(told);
    *BEGUN.lock().expect("no other holder panics") = Some(starts);
    let loads = thread::spawn(|| load_backend(BackendSpec::of::<Waits>()));
    started.recv().expect("it is being made");
    COUNTED.inc();

    // SAFETY: the child allocates, which the allocators that tests run with bear, as for any program that forks.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: sends a signal that ends this process, should it hang.
        unsafe { libc::alarm(300) };
        let worked = catch_unwind(|| {
            COUNTED.inc();
            generate_metrics().expect("nobody loads here");
            load_backend(BackendSpec::of::<SingleProcessBackend>()).expect("nothing is loaded here");
            assert!(load_backend(BackendSpec::of::<Waits>()).is_err());
            assert!(generate_metrics().expect("the totals").contains("counted_total "));
        });
        // SAFETY: ends the process, and nothing else.
        unsafe { libc::_exit(i32::from(worked.is_err())) }
    }
    assert!(child > 0, "{}", std::io::Error::last_os_error());
    let mut status = 0;
    // SAFETY: a child of this process; the status is a number of ours.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the child failed, or was waiting");

    tell.send(()).expect("it waits");
    loads.join().expect("it does not panic").expect("the only one");
    assert!(generate_metrics().expect("the totals").contains("counted_total 1\n"));
}
