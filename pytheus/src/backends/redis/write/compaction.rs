//! Notes of what a sender is about to send.

use crate::backends::redis::client::error::{RedisFault, Sort};
use crate::backends::redis::context::Common;
use crate::backends::redis::write::journal::{self, Entry, Note};
use crate::backends::redis::write::numbered_batch::NumberedBatch;
use crate::backends::redis::write::writer::Sender;

impl Sender {
    /// Leaves out of the notes what is over, when they have become long. Before anything new is taken.
    pub(crate) fn shorten_notes(&mut self, common: &Common) -> Result<(), RedisFault> {
        let Some(notes) = &mut self.notes else { return Ok(()) };
        // What waits was noted with its number, and may be applied yet, or never.
        if !notes.are_long() || self.shards.iter().any(|shard| !shard.pending.is_empty()) {
            return Ok(());
        }
        let base = self.shards.iter().enumerate().map(|(at, shard)| Note {
            sort: journal::Sort::Base,
            shard: at,
            number: shard.acked,
            before: shard.acked,
            entries: shard.noted(),
        });
        notes.replace(&base.collect::<Vec<_>>()).map_err(|error| refused(common, &error))
    }

    /// Notes batches that are to be pushed, where there is a spool. While that can't be done they are not sent: what is counted
    /// waits.
    pub(crate) fn journal_batches(
        &mut self,
        common: &Common,
        batches: &[NumberedBatch],
        entries: Vec<Vec<Entry>>,
    ) -> Result<(), RedisFault> {
        let Some(notes) = &mut self.notes else { return Ok(()) };
        let shards = self.shards.iter().enumerate();
        let new = shards.zip(batches).zip(entries).filter(|((_, batch), _)| batch.ops() > 0);
        let new = new.map(|(((at, shard), _), entries)| Note {
            sort: journal::Sort::NumberedBatch,
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
