//! Metrics written piece by piece, and what becomes of them when that fails.

use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;

use pytheus::collector::Collector;
use pytheus::error::{RegisterError, ScrapeError};
use pytheus::exposition::{Exposition, WriteError, generate_metrics_from};
use pytheus::metrics::Histogram;
use pytheus::registry::{CollectorRegistry, FamilyView, REGISTRY, Registry};
use pytheus::snapshot::FamilySnapshot;

/// Some 300 KiB in two families.
fn large() -> CollectorRegistry {
    let registry = CollectorRegistry::new();
    for name in ["first_seconds", "second_seconds"] {
        let family = Histogram::builder(name, "H.").label_names(["path"]).registry(&registry).build().unwrap();
        for path in 0..200 {
            family.labels([("path", format!("/items/{path}"))]).unwrap().observe(0.5);
        }
    }
    registry
}

/// Keeps what it is given, call by call, until there are so many; then it is closed.
struct Socket {
    calls: Vec<Vec<u8>>,
    open_for: usize,
    flushed: bool,
}

impl Socket {
    fn new(open_for: usize) -> Self {
        Self { calls: Vec::new(), open_for, flushed: false }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.calls.len() == self.open_for {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.calls.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed = true;
        Ok(())
    }
}

/// A registry whose totals can't be had.
struct Down;

impl Registry for Down {
    fn register(&self, _: Arc<dyn Collector>) -> Result<(), RegisterError> {
        Ok(())
    }

    fn unregister(&self, _: &str) -> Option<Arc<dyn Collector>> {
        None
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError> {
        Err(ScrapeError::new("the store is down"))
    }
}

#[test]
fn the_pieces_are_the_text_and_none_is_large() {
    let registry = large();
    let mut socket = Socket::new(usize::MAX);
    Exposition::of(&registry).write_to(&mut socket).unwrap();
    assert!(socket.flushed);
    assert!(socket.calls.len() > 2, "{} pieces", socket.calls.len());
    assert!(socket.calls.iter().all(|piece| piece.len() < 80 * 1024));
    assert_eq!(String::from_utf8(socket.calls.concat()).unwrap(), generate_metrics_from(&registry).unwrap());
}

#[test]
fn nothing_to_write_is_no_piece() {
    let mut socket = Socket::new(0);
    let written = Exposition::of(&CollectorRegistry::new()).write_to(&mut socket);
    assert!(written.is_ok() && socket.calls.is_empty());
}

#[test]
fn a_piece_that_can_not_be_written_is_the_last_one() {
    let mut socket = Socket::new(1);
    let error = Exposition::of(&large()).write_to(&mut socket).unwrap_err();
    assert!(matches!(&error, WriteError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe), "{error:?}");
    assert_eq!(error.to_string(), "the metrics can't be written: broken pipe");
    assert!(error.source().is_some());
    assert!(socket.calls.len() == 1 && !socket.flushed);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn nothing_is_written_when_the_totals_can_not_be_had() {
    let mut socket = Socket::new(usize::MAX);
    let error = Exposition::of(&Down).write_to(&mut socket).unwrap_err();
    assert!(matches!(error, WriteError::Scrape(_)), "{error:?}");
    assert_eq!(error.to_string(), "the totals can't be had: the store is down");
    assert!(socket.calls.is_empty() && !socket.flushed);
    let error = io::Error::from(error);
    let inner = error.get_ref().expect("what it was made of");
    assert!(inner.is::<ScrapeError>());
}

#[test]
fn the_global_registry_is_written_too_and_shows_its_families_through_every_pointer() {
    pytheus::metric! {
        /// Requests.
        static REQUESTS: Counter = "requests_total";
    }
    REQUESTS.inc();
    let mut body = Vec::new();
    Exposition::new().write_to(&mut body).unwrap();
    assert_eq!(body, b"# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total 1\n");

    let names = |registry: &dyn Registry| {
        let mut names = Vec::new();
        registry.scrape(&mut |family: FamilyView<'_>| names.push(family.name().to_owned())).unwrap();
        names
    };
    let registry = Arc::new(large());
    assert_eq!(names(&REGISTRY), ["requests_total"]);
    assert_eq!(names(&&*registry), ["first_seconds", "second_seconds"]);
    assert_eq!(names(&registry), names(&&*registry));
    assert_eq!(names(&(Box::new(Arc::clone(&registry)) as Box<dyn Registry>)), names(&&*registry));
}
