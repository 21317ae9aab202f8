//! Totals of all processes of a machine, in the files of one directory.
//!
//! ```text
//! write    a call -> series -> cell in a mapped page of `process-<id>` or `shared`
//! read     header, log and cells of any such file
//! merge    archive + files of processes + shared file -> totals of a scrape
//! archive  file of an ended process -> archive
//! dir      the lock and the roster of the directory, and the locks of live processes
//! format   the bytes of all of these: FORMAT.md
//! ```
//!
//! Each folder uses those below it. The backend of Redis uses `write` and the three below for its spool.

mod archive;
mod backend;
mod dir;
mod format;
#[cfg(any(test, feature = "conformance"))]
mod fuzz;
mod merge;
mod read;
#[cfg(feature = "redis")]
mod spool;
mod state;
#[cfg(test)]
mod tests;
mod write;

pub use dir::error::{FileError, FileFault};
#[cfg(feature = "conformance")]
pub use fuzz::fuzz_read;
#[cfg(feature = "redis")]
pub(super) use spool::{CrashedProcess, Spool};

use std::path::Path;

use crate::backends::LoadError;
use crate::backends::custom::Configure as _;

/// Totals of all processes of one machine, in the files of one directory. Any of them answers a scrape. Needs no server.
///
/// Every process counts in a file of its own, which it maps into memory: counting costs as much as in a single process.
/// Different programs may share a directory.
///
/// Its names in `PYTHEUS_BACKEND_CLASS` are `file` and `MultiProcessFileBackend`. Its configuration:
///
/// | key | meaning | default |
/// |---|---|---|
/// | `directory` | path of the directory, which is made if it is missing. A relative path starts at the working directory | an error |
/// | `allow_others` | accept a directory that other users own, or can write to | `false` |
/// | `archive_at` | number of files from which on a process archives those of ended processes when it starts | `32` |
///
/// ```
/// use pytheus::backends::{BackendSpec, MultiProcessFileBackend, json, load_backend};
/// use pytheus::exposition::generate_metrics;
///
/// pytheus::metric! {
///     /// Jobs that are done.
///     static DONE: Counter = "jobs_done_total";
/// }
///
/// # let directory = std::env::temp_dir().join(format!("pytheus-doc-{}", std::process::id()));
/// load_backend(BackendSpec::of::<MultiProcessFileBackend>().with_config(json!({ "directory": directory })))?;
///
/// DONE.inc();
/// // What every process with this directory has baseline_of, those that have ended included.
/// assert!(generate_metrics()?.contains("jobs_done_total 1\n"));
/// # pytheus::backends::shutdown(std::time::Duration::from_secs(1))?;
/// # std::fs::remove_dir_all(directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What holds
///
/// - **A kill at any moment** loses no completed count: a mapped file outlives its process. (A process without a call of
///   `load_backend` counts in memory while another one keeps the directory locked at its
///   [first use](crate::backends::load_backend). Call `load_backend` at the start of `main` to avoid that.) Only a crash of
///   the machine loses counts, those not yet written to its disk; start with an empty directory after it.
/// - **Counters, histograms and summaries** of ended processes stay in the totals. The next scrape adds the file of such a
///   process to an archive, exactly once even if it crashes, and removes it. No total ever goes down, whichever process
///   answers.
/// - **A fork** makes a process of its own: the child starts a file at its first count or scrape, at zero, and keeps nothing
///   of its parent alive.
/// - **A removed series** is removed in all processes, a moment later or at [`flush`](crate::backends::flush). A process that
///   still counts in it starts at zero.
/// - **Series that come and go** leave nothing behind for long. The length of a file is bounded by a small multiple of what
///   its process needs at a time, and so is the memory of a scrape.
/// - **A full disk** is an error when the backend is loaded; the process then counts on alone, and keeps its earlier counts.
///   Later, updates of new series without room are dropped, and counted in
///   `pytheus_dropped_updates_total{reason="no_room"}`, until a second after there is room. Known series count on, since room
///   is taken before it is used. (With a limit on the length of files, `ulimit -f`, ignore `SIGXFSZ`, which would end the
///   program.)
/// - **No incomplete total is shown.** If a file is missing, replaced, damaged or unreadable, scrapes fail; the error names
///   the file and what to do: see [below](#lost-or-damaged-files).
/// - **Versions of a program that declare a metric differently** count side by side, in any order: a rolling upgrade, a
///   rollback, the upgrade again. The totals of each declaration are kept, and a scrape shows
///   [one family](crate::backends#versions-of-a-program) for all of them.
/// - **Permissions**: a directory of another user, or with other users' write permission, is refused unless `allow_others`.
///   Files have mode 0600, and symbolic links are not followed. Files that the superuser makes in a directory of another
///   user belong to that user.
/// - After [`shutdown`](crate::backends::shutdown), counts of this process are lost, and its series start no more. A process
///   may end without any call.
///
/// # Lost or damaged files
///
/// The file `roster` names each file that has to exist, so that all processes notice a loss. Each failure is a
/// [`FileError`], which names the file. [`flush`](crate::backends::flush) and [`shutdown`](crate::backends::shutdown) return
/// it, too, for a process that is never scraped.
///
/// | file | content | missing or replaced | damaged or unreadable |
/// |---|---|---|---|
/// | `process-<id>` | counts of a live process, or of an ended one that is not archived yet | scrapes fail | scrapes fail |
/// | `archive` | counts of ended processes | scrapes fail; a copy of the last archive will do | scrapes fail, except in a process that has read it: that one shows all, and writes it anew when it archives |
/// | `shared` | shared gauges and state sets | scrapes fail | loading fails; a process that has read it before shows all, unless the file became shorter |
/// | `roster` | names of these files | scrapes fail | scrapes fail |
/// | `lock` | number of the last process | it is made anew | loading fails if it is no plain file, or can't be opened; other text counts as no number |
/// | `new-..`, `archive-new` | no counts | removed by the next process that starts; remove a directory of such a name by hand | the same |
/// | the directory | all of these | scrapes fail | scrapes fail |
/// | a foreign `process-<id>`: a link, a pipe, a directory, or a copy | nothing | | skipped: reported, and counted in `pytheus_backend_files_skipped_total{reason="foreign"}` |
///
/// **To go on**, put the file back: scrapes then show everything again. If it is gone for good, end all processes that use
/// the directory, remove `roster` (and the damaged file), and start them again: the totals lack the lost counts from then on.
/// After `rm -rf DIR/*`, restart all of them.
///
/// **To start at zero**, end all processes, and remove the directory or its whole content. Removing some files is a loss.
///
/// **Never truncate a file** (`: > process-..`, `truncate`, `cp` over it) while processes use it. Its cells are mapped memory;
/// the system ends a process that counts behind the end of the file by the signal `SIGBUS`. This library installs no signal
/// handler. A scrape checks the length of a file before it reads it, and fails; only a truncation in that very moment ends the
/// scraping process. No process writes past a truncation, which would put zeros in place of counts.
///
/// Three losses go unnoticed: a file of an ended process, if `roster` is removed with it while no process uses the directory;
/// counts of a process that is killed after its file was removed; and cells that another program overwrites, since any number
/// may stand there.
///
/// Each process holds a shared `flock` on the directory. Programs that clean `/tmp`, such as systemd-tmpfiles, leave a locked
/// directory alone; for others, `/dev/shm` or `/run` are safer places.
///
/// # Gauges
///
/// The declaration says how the values of several processes become one, see
/// [`GaugeMode`](crate::descriptor::GaugeMode):
///
/// | mode | shows | when a process ends |
/// |---|---|---|
/// | `shared` (the default) | one value for all: the last one set, plus everything added since | the value stays, without its work in progress |
/// | `live_sum` | the sum of the values of live processes | its value goes |
/// | `live_min`, `live_max` | the least, the greatest value of live processes | its value goes |
/// | `most_recent` | the last value set, by the clock of the machine | the value stays |
/// | `live_most_recent` | the last value set by a live process | its value goes |
/// | `per_process` | a series for each process, with the label `pid` | its series goes |
///
/// A gauge without a value is shown as 0 if it is `shared` or `live_sum`, and has no sample in all other modes.
/// [`GaugeAggregate`](crate::backends::custom::GaugeAggregate) defines NaN, and values that were set at the same time.
///
/// The label `pid` is the process id, `4711`. If another live process has the same id, in another PID namespace or as a
/// copy of this crate in a plug-in of the same program, eight characters of its own are added: `1-3f9ac2d1`. The label stays
/// the same while the process has the backend.
///
/// Work in progress ([`track_inprogress`](crate::metrics::Gauge::track_inprogress)) is counted per process in each mode but
/// `most_recent`, and ends with its process. A `set` of a shared gauge replaces only the work in progress of its own process;
/// that of others is added on top.
///
/// If the clock is set back, an older value is the most recent one until the clock has caught up. State sets are shared; an
/// info metric shows the facts of all live processes.
///
/// # Limited to one process
///
/// - Custom collectors, and gauges with a closure: a scrape can run only the code of the process that answers it.
/// - Limits on the number of series: each process applies the limit to its own series. The totals may have more.
/// - `pytheus_dropped_updates_total` and similar metrics are of the process that answers.
/// - `clear` and `retain` of a family remove the series that this process has, in all processes; others stay.
/// - Series of a family end with it, when the family is made at run time and its last reference is dropped.
///
/// # Platforms
///
/// Linux, and other Unix systems with `flock` and `mmap`. The directory has to be on a local file system, such as `/dev/shm`
/// or `/tmp`: neither `flock` nor mapped files work between machines. Containers may share a directory if they share a kernel.
///
/// All processes of a directory run as one user: files are private, and a process without permission for one fails its
/// scrapes. The superuser may join them with `allow_others`, for example as a tool, or as a server that drops its privileges
/// after it has loaded the backend: its files belong to the user of the directory. In a directory of the superuser, such a
/// server can no longer read anything; give the directory to the other user first.
///
/// Once all processes have ended, `archive`, `lock`, `roster` and `shared` stay.
pub struct MultiProcessFileBackend(state::FileBackendState);

impl MultiProcessFileBackend {
    /// Attaches this process to a directory, with the default configuration.
    ///
    /// # Errors
    ///
    /// [`LoadError::Backend`] when the directory can't be used; its source is mostly a [`FileError`].
    pub fn new(directory: impl AsRef<Path>) -> Result<Self, LoadError> {
        let parts = state::FileBackendState::open(directory.as_ref(), state::Options::default());
        let refused = |source| LoadError::Backend { class: Self::NAME.to_owned(), source };
        parts.map(Self).map_err(refused)
    }
}
