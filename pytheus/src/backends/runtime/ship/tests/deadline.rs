use super::*;

/// Takes nothing until it is let go.
#[derive(Default)]
struct Hung {
    is_free: AtomicBool,
    taken: AtomicUsize,
}

impl Backend for Hung {
    fn apply(&self, _: &Batch) -> Result<(), BackendError> {
        while !self.is_free.load(SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        self.taken.fetch_add(1, SeqCst);
        Ok(())
    }
}

#[test]
fn who_has_a_deadline_waits_no_longer_for_a_pass_that_does_not_end() {
    let family = Family::counter();
    family.hold(&[("a", int(3), 0)]);
    let hung = Arc::new(Hung::default());
    let members: Arc<dyn LocalFamily> = family;
    let members: Families = Box::new(move || vec![Arc::clone(&members)]);
    let backend: Arc<dyn Backend> = Arc::<Hung>::clone(&hung);
    let shipper = Shipper::start_with(backend, Some(Duration::from_secs(3_600)), members).unwrap();
    // One that begins a pass, and one that meets it.
    for _ in 0..2 {
        let error = shipper.0.ship_by(Some(Instant::now() + Duration::from_millis(20))).unwrap_err().to_string();
        assert!(error.contains("was not sent in time"), "{error}");
    }
    assert_eq!(hung.taken.load(SeqCst), 0);
    hung.is_free.store(true, SeqCst);
    shipper.0.ship_by(Some(Instant::now() + Duration::from_secs(60))).unwrap();
    assert_eq!(hung.taken.load(SeqCst), 1);
}
