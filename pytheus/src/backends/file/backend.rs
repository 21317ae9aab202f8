//! Implements the backend.

use std::fmt;
use std::sync::Arc;

use crate::backends::custom::{AggregationScope, Arena, Backend, BackendError, Config, Configure, Removal, Totals};
use crate::backends::file::MultiProcessFileBackend;
use crate::backends::file::merge::{MergedDeclaration, Merger};
use crate::backends::file::state::{FileBackendState, Options};
use crate::sync::lock;

impl Backend for MultiProcessFileBackend {
    fn aggregation_scope(&self) -> AggregationScope {
        AggregationScope::Machine
    }

    fn arena(&self) -> Option<Arc<dyn Arena>> {
        self.0.attachment.arena()
    }

    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        if let Some(process) = self.0.attachment.process()? {
            totals.set_process_label(process.label());
        }
        let found = self.0.with_merger(|merger| merger.load(&|family| totals.includes(family)))?;
        for MergedDeclaration { family, series, parts, times, is_live } in found {
            totals.provide_declaration(family, series, parts, times, is_live);
        }
        Ok(())
    }

    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        let own = self.0.attachment.process().ok().flatten().map(|process| process.id());
        // Wait for a stopped lock holder here, without the lock that scrapes need.
        drop(self.0.attachment.directory.acquire_lock()?);
        self.0.with_merger(|merger| {
            if !merger.has_removed(removal) {
                merger.remove(own, &removal.series)?;
                self.0.remove_shared(&removal.series)?;
                merger.note_removed(removal);
            }
            Ok(())
        })
    }

    /// Checks that others find the counts, which are in a mapped file already.
    fn flush(&self) -> Result<(), BackendError> {
        Ok(self.0.attachment.process()?.map_or(Ok(()), |process| process.check())?)
    }

    fn close(&self) -> Result<(), BackendError> {
        let Some(process) = self.0.attachment.close() else { return Ok(()) };
        let found = process.check();
        process.close()?;
        // For others, the process has ended: its counts go to the archive.
        self.0.fold();
        Ok(found?)
    }

    fn after_fork(&self) -> Result<(), BackendError> {
        // Files that the parent had open mean nothing to the child.
        *lock(&self.0.merger) = Merger::new(&self.0.attachment);
        if self.0.attachment.after_fork()? {
            self.0.fold_if_many()?;
        }
        Ok(())
    }
}

impl Configure for MultiProcessFileBackend {
    const NAME: &'static str = "file";
    const ALIASES: &'static [&'static str] = &[
        "MultiProcessFileBackend",
        "pytheus.backends.file.MultiProcessFileBackend",
        "pytheus.backends.MultiProcessFileBackend",
    ];

    fn configure(config: &mut Config) -> Result<Self, BackendError> {
        let default = Options::default();
        let directory = config.path("directory")?;
        let allow_others = config.bool("allow_others")?.unwrap_or(default.allow_others);
        let archive_at = config.integer("archive_at", 1..=u64::MAX)?;
        let directory = directory.ok_or_else(|| config.missing("directory"))?;
        // Before anything is made.
        config.finish()?;
        let archive_at = archive_at.map_or(default.archive_at, |files| usize::try_from(files).unwrap_or(usize::MAX));
        Ok(Self(FileBackendState::open(&directory, Options { allow_others, archive_at })?))
    }
}

crate::register_backend!(MultiProcessFileBackend);

impl fmt::Debug for MultiProcessFileBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiProcessFileBackend")
            .field("directory", &self.0.attachment.directory.path())
            .finish_non_exhaustive()
    }
}
