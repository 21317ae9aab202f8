//! Totals of all processes of a machine, in the files of one directory.
//!
//! ```text
//! a call -> child -> cell in a mapped page of `process-<id>`            own, process
//! ===== a scrape =======================================================
//! archive + files of all processes -> peer -> table -> totals           merge, known, table
//! a file that nobody has locked any more -> archive, file gone          fold
//! a log that says mostly what is over -> a short one in its place       compact, root
//! ```

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

/// Many processes of one machine, in the files of one directory: whichever of them answers a scrape shows the totals of
/// all. Needs no server.
///
/// Every process counts in a file of its own, which it maps: counting costs what it costs in one process. Different
/// programs may share a directory.
///
/// Its names in `PYTHEUS_BACKEND_CLASS` are `file` and `MultiProcessFileBackend`. Its configuration:
///
/// | key | what it is | if left out |
/// |---|---|---|
/// | `directory` | where the files are; made if it isn't there. A relative path begins at the working directory | an error |
/// | `allow_others` | whether other users may own the directory, or write to it | `false` |
/// | `archive_at` | how many files a process may find when it begins, without folding those of the dead first | `32` |
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
/// - **A kill at any moment** loses no count that was completed: what is in a mapped file is there without the process.
///   (A process that leaves the loading to its [first use](crate::backends::load_backend) counts in memory while another one
///   keeps the directory locked; calling `load_backend` at the start of `main` leaves no such moment.)
///   (Only the machine's own end loses what was not written to its disk: after it, begin with an empty directory.)
/// - **Counters, histograms and summaries** of processes that have ended stay in the totals. The scrape that finds such
///   a process adds its file to an archive, exactly once, whatever is killed meanwhile, and removes it. No total ever
///   goes down, whichever process answers.
/// - **A fork** makes a process of its own: the child begins a file of its own when it first counts or scrapes, at zero, and
///   keeps nothing of its parent alive.
/// - **A series that is removed** is removed in all processes, a moment later, or by [`flush`](crate::backends::flush).
///   One that still counts in it begins at zero.
/// - **Series that come and go** leave nothing behind for long: a file is as long as what its process has at a time needs,
///   times a small number, and so is what a scrape remembers of it.
/// - **A full disk** is an error when the backend is loaded; what was counted before counts on, in this process alone.
///   Later, what is counted in series that find no room when they begin is dropped until a second after there is room, and
///   that is counted (`pytheus_dropped_updates_total{reason="no_room"}`); those that have begun count on. Room is taken
///   before it is used.
///   (With a limit on the length of files, `ulimit -f`, the program should ignore `SIGXFSZ`, which else ends it.)
/// - **No smaller total stands in for a whole one.** Where a file is missing, replaced, damaged or not to be read, scrapes
///   fail, and say which file, and what to do: see [below](#files-that-are-lost-or-damaged).
/// - **Versions of a program that declare a metric differently** count side by side, in any order: a rolling upgrade, a
///   rollback, the upgrade again. The totals of each declaration are kept; a scrape shows
///   [one family](crate::backends#versions-of-a-program) that has all of them.
/// - **Permissions**: a directory that others can write to, or that belongs to somebody else, is refused unless
///   `allow_others`. Files are for their user alone (0600), and symbolic links aren't followed. What the superuser makes in
///   a directory of another user belongs to that user.
/// - After [`shutdown`](crate::backends::shutdown), what this process still counts is lost, and its series begin no
///   more. Nothing needs to be called before a process ends.
///
/// # Files that are lost or damaged
///
/// The file `roster` names each file that has to be there, so that all processes notice a loss: those that have seen the file,
/// and those that begin later. Each failure is a [`FileError`], which names the file; [`flush`](crate::backends::flush)
/// and [`shutdown`](crate::backends::shutdown) say it too, for a process that is never scraped.
///
/// | file | holds | where it is missing, or another file is in its place | where it is damaged, or may not be read |
/// |---|---|---|---|
/// | `process-<id>` | the counts of a process that lives, or that the archive doesn't have yet | scrapes fail | scrapes fail |
/// | `archive` | the counts of processes that have ended | scrapes fail; a copy of the last one is as good | scrapes fail, but of a process that has read it: that one shows all, and writes it anew when it archives |
/// | `shared` | shared gauges and state sets | scrapes fail | loading fails; a process that has read it before shows all, unless the file became shorter |
/// | `roster` | the names of these files | scrapes fail | scrapes fail |
/// | `lock` | the number of the last process | it is made anew | loading fails while it is no plain file, or may not be opened; a text that is no number counts as none |
/// | `new-..`, `archive-new` | nothing that counts | removed by the next process that begins; a directory of such a name has to be removed by hand | the same |
/// | the directory | all of these | scrapes fail | scrapes fail |
/// | `process-<id>` that no process has made, and that is a link, a pipe, a directory, .., or a copy of another | nothing | | it is skipped: reported, and counted in `pytheus_backend_files_skipped_total{reason="foreign"}` |
///
/// **To go on**, put the file back: scrapes show all of it again. If it can't be had back, end all processes that use the
/// directory, remove `roster` there (and the file, if it is damaged), and start them again: the totals then begin without what
/// was lost. After `rm -rf DIR/*` it is enough to start all of them again.
///
/// **To begin at zero**, end all processes and remove the directory, or all that is in it. Removing some of the files is a loss.
///
/// **Never cut a file short** (`: > process-..`, `truncate`, `cp` over it) while processes use it. Cells are memory that is
/// mapped from the file; where the file ends, there is none, and the system ends a process that counts there by the signal
/// `SIGBUS`. This library installs no handler of signals. A scrape looks at the length of a file before it reads it, and fails;
/// only a file that is cut in that very moment ends the process that scrapes, too. Processes never write past such a cut, which
/// would put zeros in place of counts.
///
/// Three losses can't be noticed: of a file of an ended process, if `roster` is removed with it while no process uses the
/// directory; of what a process counts that is killed after its file was removed; and of bytes of cells
/// that another program overwrites, as any number may stand there.
///
/// Each process holds a shared `flock` on the directory. Programs that clean `/tmp`, such as systemd-tmpfiles, leave such a
/// directory alone; of others, `/dev/shm` or `/run` are safer places.
///
/// # Gauges
///
/// How the values of several processes become one is part of the declaration, see
/// [`GaugeMode`](crate::model::descriptor::GaugeMode):
///
/// | mode | shows | when a process ends |
/// |---|---|---|
/// | `shared` (the default) | one value for all: the last that was set, plus what was added since | stays; its work in progress goes |
/// | `live_sum` | the sum | its share goes |
/// | `live_min`, `live_max` | the least, the greatest of those that were set | its value goes |
/// | `most_recent` | what was set last, by the clock of the machine | stays |
/// | `live_most_recent` | what a living process has set last | its value goes |
/// | `per_process` | a series each, told apart by the label `pid` | its series goes |
///
/// A gauge that nobody has set is shown as 0 if it is `shared` or `live_sum`, and has no sample in all other modes.
/// [`GaugeAggregate`](crate::backends::custom::GaugeAggregate) says what becomes of NaN, and of values that were set at the same time.
///
/// The label `pid` is the number of the process, `4711`. A process that begins while another living one is called by the
/// same number, in another PID namespace, or as a copy of this crate in a plug-in of the same program, is called by its
/// number and eight characters of its own, `1-3f9ac2d1`. A label stays the same for as long as the process has the backend.
///
/// Work in progress ([`track_inprogress`](crate::metrics::Gauge::track_inprogress)) is counted by each process, whatever the
/// mode, and ends with it; the one mode without it is `most_recent`, which shows what was set. A `set` of a shared gauge
/// knows that of its own process alone: work of others stands on top.
///
/// A clock that is set back makes an older value the most recent one, until the clock has caught up. State sets are
/// shared; an info metric shows what any living process states.
///
/// # What belongs to one process all the same
///
/// - Custom collectors, and gauges that are read by a closure: a scrape can run the code of the process that answers it,
///   not that of others.
/// - Limits on the number of series: each process has the limit for itself, for it decides while it counts. The totals may
///   have more series than that, of different processes.
/// - `pytheus_dropped_updates_total` and its like: they say what happened to the process that answers.
/// - `clear` and `retain` of a family: they remove the series that this process has, in all processes; others stay.
/// - What a family has counted that is made at run time and dropped again, with all that refers to it: its series end.
///
/// # Where it works
///
/// On Linux, and other Unix systems with `flock` and `mmap`. The directory has to be on a local file system, such as that of
/// `/dev/shm`, or `/tmp`: `flock` and mapped files don't work between machines. Containers may share a directory if they
/// share a kernel.
///
/// All processes that share a directory run as one user: files are for theirs alone, and a process that may not read the
/// file of another fails its scrapes. The superuser may join them with `allow_others`, for one as a tool, or as a server that
/// drops its privileges after it has loaded the backend: its files belong to the user of the directory. In a directory of the
/// superuser such a server can't read anything any more; so give the directory to the other user before.
///
/// Files of processes are in the directory as long as they are used, then `archive`, `shared`, `lock` and `roster` alone.
pub struct MultiProcessFileBackend(backend::State);

impl MultiProcessFileBackend {
    /// Joins the processes that use this directory, with everything that can be configured left out.
    ///
    /// # Errors
    ///
    /// [`LoadError::Backend`] when the directory can't be used; its source is mostly a [`FileError`].
    pub fn new(directory: impl AsRef<Path>) -> Result<Self, LoadError> {
        let parts = backend::State::open(directory.as_ref(), backend::Options::default());
        let refused = |source| LoadError::Backend { class: Self::NAME.to_owned(), source };
        parts.map(Self).map_err(refused)
    }
}
