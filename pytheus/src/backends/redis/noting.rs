//! Notes of what a sender is about to send.

use super::common::Common;
use super::errand::Errand;
use super::fault::{RedisFault, Sort};
use super::notes::{self, Entry, Note};
use super::sender::Sender;

impl Sender {
    /// Leaves out of the notes what is over, when they have become long. Before anything new is taken.
    pub(super) fn shorten_notes(&mut self, common: &Common) -> Result<(), RedisFault> {
        let Some(notes) = &mut self.notes else { return Ok(()) };
        // What waits was noted with its number, and may be applied yet, or never.
        if !notes.are_long() || self.shards.iter().any(|shard| !shard.pending.is_empty()) {
            return Ok(());
        }
        let base = self.shards.iter().enumerate().map(|(at, shard)| Note {
            sort: notes::Sort::Base,
            shard: at,
            number: shard.acked,
            before: shard.acked,
            entries: shard.noted(),
        });
        notes.replace(&base.collect::<Vec<_>>()).map_err(|error| refused(common, &error))
    }

    /// Notes errands that are to be pushed, where there is a spool. While that can't be done they are not sent: what is counted
    /// waits.
    pub(super) fn note_errands(
        &mut self,
        common: &Common,
        errands: &[Errand],
        entries: Vec<Vec<Entry>>,
    ) -> Result<(), RedisFault> {
        let Some(notes) = &mut self.notes else { return Ok(()) };
        let shards = self.shards.iter().enumerate();
        let new = shards.zip(errands).zip(entries).filter(|((_, errand), _)| errand.steps() > 0);
        let new = new.map(|(((at, shard), _), entries)| Note {
            sort: notes::Sort::Errand,
            shard: at,
            number: shard.next_number(),
            before: shard.acked,
            entries,
        });
        notes.add(&new.collect::<Vec<_>>()).map_err(|error| refused(common, &error))
    }
}

fn refused(common: &Common, error: &std::io::Error) -> RedisFault {
    common.pool.fault(Sort::Other, format!("nothing is sent while `spool_directory` can't be written to ({error})"))
}
