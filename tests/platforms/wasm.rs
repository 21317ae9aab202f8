//! Counts where there is neither a process nor a clock, for the host that has loaded it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pytheus::backends::custom::Backend;
use pytheus::backends::{BackendSpec, load_backend};
use pytheus::exposition::{Ask, respond};
use pytheus::{counter, gauge, generate_metrics, metric};

metric! {
    /// Pages, by status.
    static PAGES: Counter = "pages_total" { labels: { status = "200" } };
    /// The last backup.
    static BACKUP: Gauge = "backup_seconds" { mode: most_recent };
    /// Times that the host has measured.
    static FRAME: Histogram = "frame_seconds" { buckets: [0.1, 1.0] };
    /// Times that the host has measured.
    static LOAD: Summary = "load_seconds";
}

#[counter(name = "jobs_total", help = "Jobs.", labels(outcome))]
#[gauge(name = "jobs_in_progress", help = "Jobs in progress.", track_inprogress)]
fn job(succeeds: bool) -> Result<(), ()> {
    if succeeds { Ok(()) } else { Err(()) }
}

static TEXT: Mutex<String> = Mutex::new(String::new());

/// Counts one frame, with the seconds that the host's clock has measured.
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
pub extern "C" fn frame(seconds: f64) {
    let _ = (job(true), job(false));
    PAGES.inc();
    PAGES.status("404").inc();
    PAGES.status("500").inc();
    PAGES.status("500").remove();
    BACKUP.set(seconds);
    FRAME.observe(seconds);
    LOAD.observe_duration(Duration::from_secs_f64(seconds));
}

/// A backend that is sent batches, which takes a thread.
struct Sent;

impl Backend for Sent {
    fn interval(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
}

/// Loads a backend in code, as there is no environment; 1 when that works, and one that can't work is refused.
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
pub extern "C" fn load() -> u32 {
    let refused = load_backend(BackendSpec::instance(Arc::new(Sent)));
    let is_refused = refused.is_err_and(|error| error.to_string().contains("neither a thread nor a clock"));
    u32::from(is_refused && load_backend(BackendSpec::named("single")).is_ok())
}

/// Scrapes, and returns the length of the text; 0 when it fails, or when a scraper gets something else.
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
pub extern "C" fn scrape() -> usize {
    let text = generate_metrics().unwrap_or_default();
    // Without threads and a clock, the scrape runs here.
    let is_answered = respond(&Ask::new().timeout_header("10")).body() == text.as_bytes();
    let length = if is_answered { text.len() } else { 0 };
    if let Ok(mut kept) = TEXT.lock() {
        *kept = text;
    }
    length
}

/// Returns the address of the text of the last scrape.
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
pub extern "C" fn text() -> *const u8 {
    TEXT.lock().map_or(std::ptr::null(), |text| text.as_ptr())
}
