//! With the feature `tracing`, what the library has to report goes to the program's subscriber.

use std::io::{self, Write};
use std::process::Command;
use std::sync::Mutex;
use std::{env, mem};

use pytheus::backends::{BackendSpec, SingleProcessBackend, load_backend};
use pytheus::collector::collector_fn;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::exposition::generate_metrics;
use pytheus::registry::{REGISTRY, Registry};

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().expect("no other holder panics").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written() -> String {
    let bytes = mem::take(&mut *WRITTEN.lock().expect("no other holder panics"));
    String::from_utf8(bytes).expect("it is text")
}

/// A process of its own, with a backend that there is not.
#[test]
fn reports_go_to_the_subscriber() {
    if env::var_os("PYTHEUS_BACKEND_CLASS").is_none() {
        let mut child = Command::new(env::current_exe().expect("this program"));
        let output = child.env("PYTHEUS_BACKEND_CLASS", "none").arg("--nocapture").output().expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}{stderr}", String::from_utf8_lossy(&output.stdout));
        assert!(!stderr.contains("pytheus:"), "{stderr}");
        return;
    }

    tracing_subscriber::fmt().with_writer(|| Writer).without_time().with_ansi(false).init();
    generate_metrics().expect_err("there is no such backend");
    let text = written();
    assert!(text.starts_with("ERROR pytheus: there is no backend of the name that is given, "), "{text}");
    load_backend(BackendSpec::of::<SingleProcessBackend>()).expect("it takes nothing");

    let descriptor = Descriptor::new(Kind::Gauge, "broken", "B.").expect("a good name");
    REGISTRY.register(collector_fn([descriptor], || Err("out of paper".into()))).expect("a free name");
    generate_metrics().expect("the others");
    generate_metrics().expect("the others");
    assert_eq!(
        written(),
        " WARN pytheus: collector `broken` (described at tests/report_tracing.rs:52) is left out of the scrape: out of paper\n"
    );
}
