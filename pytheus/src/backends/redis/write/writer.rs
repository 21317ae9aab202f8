//! Sends what waits, shard by shard, until the server is known to have it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use redis::{FromRedisValue as _, RedisError, Value};

use crate::backends::custom::{Batch, FamilyKey, Removal, WriterId};
use crate::backends::redis::client::error::{RedisFault, Sort};
use crate::backends::redis::config::Settings;
use crate::backends::redis::context::{CODE, Common};
use crate::backends::redis::read::scrape;
use crate::backends::redis::read::series;
use crate::backends::redis::schema::{self, Keys};
use crate::backends::redis::write::journal::Notes;
use crate::backends::redis::write::numbered_batch::{self, NumberedBatch, Reply};
use crate::backends::redis::write::partition::{Found, Shard};
use crate::backends::redis::write::request::request;
use crate::report;

/// How often in a row a server may lose what it has said that it has, before it is left for the next time.
const MOST_LOSSES: usize = 8;

/// What one writer has told, and is about to.
pub(crate) struct Sender {
    writer: String,
    /// What was taken last, of whom: it comes again until it is known to be done.
    taken: Option<(WriterId, u64)>,
    pub(crate) shards: Vec<Shard>,
    /// Where there is a spool.
    pub(crate) notes: Option<Notes>,
    /// When the server gave no answer in time last.
    pub(crate) gave_up: Option<(Instant, RedisFault)>,
}

impl Sender {
    /// A writer that has told nothing; of this name, with notes there, where there is a spool.
    pub(crate) fn new(settings: &Settings, spooled: Option<(String, PathBuf)>) -> Self {
        let (writer, notes) = match spooled {
            Some((writer, path)) => (writer, Some(Notes::new(path))),
            None => (WriterId::random().to_string(), None),
        };
        let shards = (0..settings.shards).map(|shard| Shard::new(&settings.namespace, shard, &writer)).collect();
        Self { writer, taken: None, shards, notes, gave_up: None }
    }

    /// The label `pid` of this process, as others show it.
    pub(crate) fn process_label(&self) -> Arc<str> {
        series::process_label(&std::process::id().to_string(), &self.writer).into()
    }

    pub(crate) fn apply(&mut self, common: &Common, batch: &Batch) -> Result<(), RedisFault> {
        if self.takes(batch.writer, batch.sequence) {
            self.shorten_notes(common)?;
            let mut entries = vec![Vec::new(); self.shards.len()];
            let mut batches = vec![NumberedBatch::default(); self.shards.len()];
            // Changes come family by family.
            let families: Vec<_> = batch
                .changes
                .chunk_by(|one, next| Arc::ptr_eq(&one.family, &next.family))
                .map(|changes| {
                    let id = changes[0].family.id();
                    (self.place(&id), id, changes)
                })
                .collect();
            for (shard, id, changes) in &families {
                for change in *changes {
                    self.shards[*shard].change(id, change, &mut batches[*shard]);
                    if self.notes.is_some() && numbered_batch::is_noted(&change.family) {
                        let series = schema::series_text(&change.family, &change.series);
                        let told = numbered_batch::noted(&change.family, &change.totals, change.set_at);
                        entries[*shard].push((id.clone(), series, told));
                    }
                }
            }
            self.journal_batches(common, &batches, entries)?;
            for (shard, id, changes) in families {
                for change in changes {
                    self.shards[shard].told(&id, change);
                }
            }
            self.taken = Some((batch.writer, batch.sequence));
            self.push(batches);
        }
        self.send(common)
    }

    pub(crate) fn remove(&mut self, common: &Common, removal: &Removal) -> Result<(), RedisFault> {
        if self.takes(removal.writer, removal.sequence) {
            self.shorten_notes(common)?;
            let others = self.other_declarations(common, removal)?;
            let mut entries = vec![Vec::new(); self.shards.len()];
            let mut batches = vec![NumberedBatch::default(); self.shards.len()];
            for (family, series) in &removal.series {
                let id = family.id();
                let shard = self.place(&id);
                self.shards[shard].removal(&id, family, series, &mut batches[shard]);
                for other in
                    others.iter().filter(|other| other.is_same_family(family) && other.difference(family).is_some())
                {
                    if let Some(series) = family.translate(series, other) {
                        self.shards[shard].removal(&other.id(), other, &series, &mut batches[shard]);
                    }
                }
                if self.notes.is_some() {
                    entries[shard].push((id, schema::series_text(family, series), Vec::new()));
                }
            }
            self.journal_batches(common, &batches, entries)?;
            self.taken = Some((removal.writer, removal.sequence));
            self.push(batches);
        }
        self.send(common)
    }

    /// Every declaration that stands in the index of the families that are meant: a series is removed from all of them.
    fn other_declarations(&self, common: &Common, removal: &Removal) -> Result<Vec<Arc<FamilyKey>>, RedisFault> {
        let mut shards: Vec<_> = removal.series.iter().map(|(family, _)| self.place(&family.id())).collect();
        shards.sort_unstable();
        shards.dedup();
        let is_meant = |family: &FamilyKey| removal.series.iter().any(|(meant, _)| meant.is_same_family(family));
        let mut all = Vec::new();
        for shard in shards {
            all.extend(scrape::declarations(common, shard, &is_meant)?);
        }
        Ok(all)
    }

    /// Takes note of how it went.
    pub(crate) fn note(&mut self, fault: Option<RedisFault>) {
        self.gave_up = fault.filter(|fault| fault.sort() == Sort::Timeout).map(|fault| (Instant::now(), fault));
    }

    /// Is it new? What comes again waits already, or is done.
    fn takes(&self, writer: WriterId, sequence: u64) -> bool {
        self.taken != Some((writer, sequence))
    }

    fn place(&self, id: &str) -> usize {
        usize::try_from(schema::shard_of(id, self.shards.len() as u64)).unwrap_or_default()
    }

    fn push(&mut self, batches: Vec<NumberedBatch>) {
        for (shard, batch) in self.shards.iter_mut().zip(batches) {
            if batch.ops() > 0 {
                shard.push(batch);
            }
        }
    }

    /// Is there anything to be sent?
    pub(crate) fn waits(&self) -> bool {
        self.shards.iter().any(|shard| !shard.pending.is_empty())
    }

    /// Sends all that waits.
    pub(crate) fn send(&mut self, common: &Common) -> Result<(), RedisFault> {
        if !self.waits() {
            return Ok(());
        }
        common.stats.begun();
        // Every process of the namespace has been at the first shard: it knows how many there are.
        if self.shards.len() > 1 && !self.shards[0].had_own {
            self.step(common, 0, true, &mut 0)?;
        }
        self.each(common, |this, place| {
            let mut losses = 0;
            while !this.shards[place].pending.is_empty() {
                this.step(common, place, false, &mut losses)?;
            }
            Ok(())
        })?;
        common.stats.sent();
        Ok(())
    }

    /// Does something with each shard: see [`each_shard`].
    fn each(
        &mut self,
        common: &Common,
        mut act: impl FnMut(&mut Self, usize) -> Result<(), RedisFault>,
    ) -> Result<(), RedisFault> {
        each_shard(common, |place| act(self, place))
    }

    /// Tells each shard that this writer lives.
    pub(crate) fn live(&mut self, common: &Common) -> Result<(), RedisFault> {
        self.each(common, |this, place| this.step(common, place, true, &mut 0))
    }

    /// Sees whether each shard still has what it was told; what it has not is to be sent.
    pub(crate) fn check(&mut self, common: &Common) -> Result<(), RedisFault> {
        self.each(common, |this, place| this.look(common, place))
    }

    /// Says farewell. What has died meanwhile is seen by the lease alone.
    pub(crate) fn close(&mut self, common: &Common) -> Result<(), RedisFault> {
        self.each(common, |this, place| {
            let shard = &this.shards[place];
            let mut own = redis::cmd("DEL");
            own.arg(&shard.own).arg(&shard.declared);
            // Its last number stays: what it has sent without hearing of it may still arrive.
            let mut alive = redis::cmd("ZADD");
            alive.arg(&shard.keys.alive).arg("XX").arg(common.forgotten_in_an_hour()).arg(&this.writer);
            let farewell = [own, alive];
            common.pool.with(&[place], common.deadline(), |link| link.pipeline(&farewell).map(drop))
        })
    }

    /// One request: the first batch that waits, or none.
    fn step(&mut self, common: &Common, place: usize, only_live: bool, losses: &mut usize) -> Result<(), RedisFault> {
        let (shard, writer) = (&self.shards[place], &self.writer);
        let batch = if only_live { None } else { shard.pending.front() };
        let mut tries = 0;
        let answer = common.pool.with(&[place], common.deadline(), |link| {
            let request = request(common, shard, writer, batch, link)?;
            let (rest, keys) = request.finish();
            tries += 1;
            link.script(&common.script, CODE, &rest, keys)
        });
        let reply = answer.and_then(|answer| common.reply(answer)).inspect_err(|fault| {
            // Whether it was applied, nobody knows.
            if let Some(batch) = self.shards[place].pending.front_mut().filter(|_| !only_live)
                && (tries > 1 || tries == 1 && fault.is_open())
            {
                batch.in_doubt = true;
            }
        })?;
        match reply {
            Reply::Done(_) if only_live => self.shards[place].had_own = true,
            Reply::Done(done) => self.shards[place].finished(done),
            Reply::Lost => {
                *losses += 1;
                if *losses > MOST_LOSSES {
                    return Err(common.pool.fault(Sort::Other, "it keeps losing what it has just taken"));
                }
                self.look(common, place)?;
            }
            Reply::Layout(layout) => return Err(common.other_layout(&layout)),
            Reply::Type(key, found) => return Err(common.other_type(&key, &found)),
            Reply::Value(key, field, found) => return Err(common.no_number(&key, &field, &found)),
        }
        Ok(())
    }

    /// Looks what the server has, and has it told again what is gone.
    fn look(&mut self, common: &Common, place: usize) -> Result<(), RedisFault> {
        let (shard, writer) = (&self.shards[place], &self.writer);
        let hashes = shard.incarnations();
        let (last, has_own, index, found) = common.pool.with(&[place], common.deadline(), |link| {
            let mut last = redis::cmd("HGET");
            last.arg(&shard.keys.writers).arg(writer);
            let mut own = redis::cmd("EXISTS");
            own.arg(&shard.own).arg(&shard.declared);
            let mut index = redis::cmd("HKEYS");
            index.arg(&shard.keys.families);
            let mut commands = vec![last, own, index];
            commands.extend(hashes.iter().map(|(id, _)| {
                let mut command = redis::cmd("HGET");
                command.arg(shard.keys.family(id)).arg(schema::SELF);
                command
            }));
            let mut answers = link.pipeline(&commands)?.into_iter();
            let mut next = || answers.next().unwrap_or(Value::Nil);
            let (last, own) = (Option::<u64>::from_redis_value(next())?, u64::from_redis_value(next())? == 2);
            let index = HashSet::<String>::from_redis_value(next())?;
            let found: Result<Vec<_>, _> = answers.map(Option::<String>::from_redis_value).collect();
            Ok::<_, RedisError>((last, own, index, found?))
        })?;
        let gone: Vec<_> = hashes
            .into_iter()
            .zip(found)
            .filter(|((_, known), found)| found.as_ref() != Some(known))
            .map(|((id, _), _)| id)
            .collect();
        let unlisted: Vec<_> = shard.listed().filter(|id| !index.contains(&***id)).cloned().collect();
        let only_unlisted = unlisted.iter().filter(|id| shard.families[*id].declared && !gone.contains(*id));
        let families = gone.len() + only_unlisted.count();
        let shard = &mut self.shards[place];
        if families > 0 || last.unwrap_or(0) < shard.acked {
            common.stats.lost();
            let what = format!(
                "Redis at {} has lost what it had (restarted, flushed, evicted, or another server took over): what this \
                 process has counted is told again, in {families} of its families; what processes have counted there that \
                 have ended is gone",
                common.settings.place
            );
            report::report_as(report::Level::Warning, ("redis", "lost"), &what);
        }
        common.stats.missed(shard.recover(Found { last, has_own, gone, unlisted }));
        Ok(())
    }
}

/// Does something with each shard: one that fails keeps no other one from it, unless all are at one server that can't be
/// reached. Gives the first fault.
fn each_shard(common: &Common, mut act: impl FnMut(usize) -> Result<(), RedisFault>) -> Result<(), RedisFault> {
    let mut outcome = Ok(());
    for place in 0..common.shards() {
        let done = act(place);
        let is_over = !common.pool.has_many() && done.as_ref().is_err_and(RedisFault::is_open);
        outcome = outcome.and(done);
        if is_over {
            break;
        }
    }
    outcome
}

/// Keeps what all have written from expiring.
pub(crate) fn keep(common: &Common) -> Result<(), RedisFault> {
    let expiry = common.settings.expiry.as_secs().max(1);
    each_shard(common, |place| {
        let keys = Keys::new(&common.settings.namespace, place as u64);
        common.pool.with(&[place], common.deadline(), |link| {
            let mut list = redis::cmd("HKEYS");
            list.arg(&keys.families);
            let families = link.pipeline(&[list])?.pop().unwrap_or_default();
            let families: Vec<String> = Vec::from_redis_value(families)?;
            let extend = |family: &String| {
                let mut command = redis::cmd("EXPIRE");
                command.arg(keys.family(family)).arg(expiry);
                command
            };
            let families: Vec<_> = families.iter().filter(|field| !field.starts_with(schema::BEGUN)).collect();
            for some in families.chunks(1_000) {
                link.pipeline(&some.iter().copied().map(extend).collect::<Vec<_>>())?;
            }
            Ok(())
        })
    })
}
