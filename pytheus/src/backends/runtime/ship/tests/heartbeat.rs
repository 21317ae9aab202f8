use super::*;

/// Refuses every batch, and counts its heartbeats.
#[derive(Default)]
struct Beating {
    beats: AtomicUsize,
    refusals: AtomicUsize,
}

impl Backend for Beating {
    fn apply(&self, _: &Batch) -> Result<(), BackendError> {
        self.refusals.fetch_add(1, SeqCst);
        Err("not now".into())
    }

    fn heartbeat(&self) -> Option<Duration> {
        match self.beats.fetch_add(1, SeqCst) {
            // There is more to do.
            0 => Some(Duration::ZERO),
            1 => Some(Duration::from_millis(1)),
            _ => None,
        }
    }
}

#[test]
fn heartbeats_go_on_between_batches_that_fail_until_the_backend_ends_them() {
    let family = Family::counter();
    family.hold(&[("a", int(3), 0)]);
    let members: Arc<dyn LocalFamily> = family;
    let members: Families = Box::new(move || vec![Arc::clone(&members)]);
    let backend = Arc::new(Beating::default());
    let beating: Arc<dyn Backend> = Arc::<Beating>::clone(&backend);
    let shipper = Shipper::start_with(beating, Some(Duration::from_millis(1)), members).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while backend.beats.load(SeqCst) < 3 || backend.refusals.load(SeqCst) < 4 {
        assert!(Instant::now() < deadline, "{} heartbeats", backend.beats.load(SeqCst));
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(20));
    assert_eq!(backend.beats.load(SeqCst), 3);
    drop(shipper);
}
