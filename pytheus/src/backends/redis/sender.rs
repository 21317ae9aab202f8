//! Sends what waits, shard by shard, until the server is known to have it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use redis::{FromRedisValue as _, RedisError, Script, Value};

use super::errand::{Errand, Reply};
use super::fault::{RedisFault, Sort};
use super::layout;
use super::link::Pool;
use super::notes::Notes;
use super::request::request;
use super::settings::Settings;
use super::shard::Shard;
use super::stats::Stats;
use crate::backends::{Batch, Combine, FamilyKey, Removal, WriterId};
use crate::report::{self, Own};

/// The script that applies an errand.
pub(super) const CODE: &str = include_str!("apply.lua");

/// How often in a row a server may lose what it has said that it has, before it is left for the next time.
const MOST_LOSSES: usize = 8;

/// What all that talk to the server have in common.
pub(super) struct Common {
    pub(super) settings: Arc<Settings>,
    pub(super) stats: Arc<Stats>,
    pub(super) pool: Pool,
    pub(super) script: Script,
    /// The server's clock, when it was heard of last, in ms since 1970.
    clock: AtomicU64,
}

impl Common {
    pub(super) fn new(settings: Settings) -> Self {
        let (settings, stats) = (Arc::new(settings), Arc::new(Stats::default()));
        let pool = Pool::new(Arc::clone(&settings), Arc::clone(&stats));
        Self { settings, stats, pool, script: Script::new(CODE), clock: AtomicU64::new(0) }
    }

    /// Who has died before this need not be asked after.
    pub(super) fn long_ago(&self) -> u64 {
        self.clock.load(Relaxed).saturating_sub(60_000)
    }

    pub(super) fn shards(&self) -> usize {
        usize::try_from(self.settings.shards).unwrap_or(1)
    }

    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.settings.timeout
    }
}

/// What one writer has told, and is about to.
pub(super) struct Sender {
    writer: String,
    /// What was taken last, of whom: it comes again until it is known to be done.
    taken: Option<(WriterId, u64)>,
    pub(super) shards: Vec<Shard>,
    /// Where there is a spool.
    pub(super) notes: Option<Notes>,
    reported: HashSet<String>,
    /// When the server gave no answer in time last.
    pub(super) gave_up: Option<(Instant, RedisFault)>,
}

impl Sender {
    /// A writer that has told nothing; of this name, with notes there, where there is a spool.
    pub(super) fn new(settings: &Settings, spooled: Option<(String, PathBuf)>) -> Self {
        let (writer, notes) = match spooled {
            Some((writer, path)) => (writer, Some(Notes::new(path))),
            None => (WriterId::random().to_string(), None),
        };
        let shards = (0..settings.shards).map(|shard| Shard::new(&settings.namespace, shard, &writer)).collect();
        Self { writer, taken: None, shards, notes, reported: HashSet::new(), gave_up: None }
    }

    pub(super) fn apply(&mut self, common: &Common, batch: &Batch) -> Result<(), RedisFault> {
        if self.takes(batch.writer, batch.sequence) {
            self.shorten_notes(common)?;
            let mut entries = vec![Vec::new(); self.shards.len()];
            let mut errands = vec![Errand::default(); self.shards.len()];
            let mut at: Option<(*const FamilyKey, String, usize)> = None;
            for change in &batch.changes {
                let address = Arc::as_ptr(&change.family);
                if at.as_ref().is_none_or(|at| !std::ptr::eq(at.0, address)) {
                    let id = layout::id(&change.family);
                    let shard = self.place(&id);
                    at = Some((address, id, shard));
                }
                if let Some((_, id, shard)) = &at
                    && self.shards[*shard].change(id, change, &mut errands[*shard])
                    && self.notes.is_some()
                    && change.family.combine() == Combine::Add
                {
                    let series = layout::series_text(&change.family, &change.series);
                    entries[*shard].push((id.clone(), series, change.totals.clone()));
                }
            }
            self.note_errands(common, &errands, entries)?;
            self.taken = Some((batch.writer, batch.sequence));
            self.push(errands);
        }
        self.send(common)
    }

    pub(super) fn remove(&mut self, common: &Common, removal: &Removal) -> Result<(), RedisFault> {
        if self.takes(removal.writer, removal.sequence) {
            self.shorten_notes(common)?;
            let mut entries = vec![Vec::new(); self.shards.len()];
            let mut errands = vec![Errand::default(); self.shards.len()];
            for (family, series) in &removal.series {
                let id = layout::id(family);
                let shard = self.place(&id);
                self.shards[shard].removal(&id, family, series, &mut errands[shard]);
                if self.notes.is_some() {
                    entries[shard].push((id, layout::series_text(family, series), Vec::new()));
                }
            }
            self.note_errands(common, &errands, entries)?;
            self.taken = Some((removal.writer, removal.sequence));
            self.push(errands);
        }
        self.send(common)
    }

    /// Takes note of how it went.
    pub(super) fn note(&mut self, fault: Option<RedisFault>) {
        self.gave_up = fault.filter(|fault| fault.sort() == Sort::Timeout).map(|fault| (Instant::now(), fault));
    }

    /// Is it new? What comes again waits already, or is done.
    fn takes(&self, writer: WriterId, sequence: u64) -> bool {
        self.taken != Some((writer, sequence))
    }

    fn place(&self, id: &str) -> usize {
        usize::try_from(layout::shard_of(id, self.shards.len() as u64)).unwrap_or_default()
    }

    fn push(&mut self, errands: Vec<Errand>) {
        for (shard, errand) in self.shards.iter_mut().zip(errands) {
            if errand.steps() > 0 {
                shard.push(errand);
            }
        }
    }

    /// Sends all that waits.
    pub(super) fn send(&mut self, common: &Common) -> Result<(), RedisFault> {
        if self.shards.iter().all(|shard| shard.pending.is_empty()) {
            return Ok(());
        }
        common.stats.begun();
        for place in 0..self.shards.len() {
            let mut losses = 0;
            while !self.shards[place].pending.is_empty() {
                self.step(common, place, false, &mut losses)?;
            }
        }
        common.stats.sent();
        Ok(())
    }

    /// Tells each shard that this writer lives, and sees whether it still has what it was told.
    pub(super) fn live(&mut self, common: &Common) -> Result<(), RedisFault> {
        for place in 0..self.shards.len() {
            self.step(common, place, true, &mut 0)?;
        }
        self.send(common)
    }

    /// Keeps what others have written, too, from expiring; and sees whether anything of it is gone.
    pub(super) fn keep(&mut self, common: &Common) -> Result<(), RedisFault> {
        for place in 0..self.shards.len() {
            let shard = &self.shards[place];
            let expiry = common.settings.expiry.as_secs().max(1);
            common.pool.with(&[place], common.deadline(), |link| {
                let mut list = redis::cmd("HKEYS");
                list.arg(&shard.keys.families);
                let families = link.pipeline(&[list])?.pop().unwrap_or_default();
                let families: Vec<String> = Vec::from_redis_value(families)?;
                let extend = |family: &String| {
                    let mut command = redis::cmd("EXPIRE");
                    command.arg(shard.keys.family(family)).arg(expiry);
                    command
                };
                for some in families.chunks(1_000) {
                    link.pipeline(&some.iter().map(extend).collect::<Vec<_>>())?;
                }
                Ok(())
            })?;
            self.look(common, place)?;
        }
        self.send(common)
    }

    /// Says farewell. What has died meanwhile is seen by the lease alone.
    pub(super) fn close(&mut self, common: &Common) -> Result<(), RedisFault> {
        for (place, shard) in self.shards.iter().enumerate() {
            let mut commands = Vec::new();
            for (name, key) in [("DEL", &shard.own), ("ZREM", &shard.keys.alive), ("HDEL", &shard.keys.writers)] {
                let mut command = redis::cmd(name);
                command.arg(key);
                // As long as there are notes, its last number is asked for.
                if name == "HDEL" && self.notes.is_some() {
                    continue;
                }
                if name != "DEL" {
                    command.arg(&self.writer);
                }
                commands.push(command);
            }
            common.pool.with(&[place], common.deadline(), |link| link.pipeline(&commands).map(drop))?;
        }
        Ok(())
    }

    /// One request: the first errand that waits, or none.
    fn step(&mut self, common: &Common, place: usize, only_live: bool, losses: &mut usize) -> Result<(), RedisFault> {
        let (shard, writer) = (&self.shards[place], &self.writer);
        let errand = if only_live { None } else { shard.pending.front() };
        let outcome = common.pool.with(&[place], common.deadline(), |link| {
            let request = request(common, shard, writer, errand, link)?;
            let (rest, keys) = request.finish();
            link.script(&common.script, CODE, &rest, keys)
        });
        let answer = outcome.inspect_err(|fault| {
            // Whether it was applied, nobody knows.
            if let Some(errand) = self.shards[place].pending.front_mut().filter(|_| !only_live && fault.is_open()) {
                errand.in_doubt = true;
            }
        })?;
        let Some((reply, clock)) = Reply::parse(answer) else {
            return Err(common.pool.fault(Sort::Protocol, "it gives no answer that a script of pytheus would give"));
        };
        common.clock.store(clock, Relaxed);
        match reply {
            Reply::Done(_) if only_live => self.shards[place].had_own = true,
            Reply::Done(incarnations) => self.shards[place].finished(incarnations),
            Reply::Lost => {
                *losses += 1;
                if *losses > MOST_LOSSES {
                    return Err(common.pool.fault(Sort::Other, "it keeps losing what it has just taken"));
                }
                self.look(common, place)?;
            }
            Reply::Differ(families) => {
                for (id, schema) in families {
                    self.differs(place, &id, schema);
                }
            }
            Reply::Layout(layout) => {
                let own = layout_of(&common.settings);
                let what = format!(
                    "the namespace `{}` is laid out as {layout}, where this program has {own} (version/shards)",
                    common.settings.namespace
                );
                return Err(common.pool.fault(Sort::Keys, what));
            }
            Reply::Type(key, found) => {
                let what = format!("the key `{key}` is a {found}, which is not of pytheus");
                return Err(common.pool.fault(Sort::Keys, what));
            }
        }
        Ok(())
    }

    /// Looks what the server has, and has it told again what is gone.
    fn look(&mut self, common: &Common, place: usize) -> Result<(), RedisFault> {
        let (shard, writer) = (&self.shards[place], &self.writer);
        let hashes = shard.incarnations();
        let (last, has_own, found) = common.pool.with(&[place], common.deadline(), |link| {
            let mut last = redis::cmd("HGET");
            last.arg(&shard.keys.writers).arg(writer);
            let mut own = redis::cmd("EXISTS");
            own.arg(&shard.own);
            let mut commands = vec![last, own];
            commands.extend(hashes.iter().map(|(id, _)| {
                let mut command = redis::cmd("HGET");
                command.arg(shard.keys.family(id)).arg(layout::SELF);
                command
            }));
            let mut answers = link.pipeline(&commands)?.into_iter();
            let mut next = || answers.next().unwrap_or(Value::Nil);
            let (last, own) = (Option::<u64>::from_redis_value(next())?, bool::from_redis_value(next())?);
            let found: Result<Vec<_>, _> = answers.map(Option::<String>::from_redis_value).collect();
            Ok::<_, RedisError>((last, own, found?))
        })?;
        let gone: Vec<_> = hashes
            .into_iter()
            .zip(found)
            .filter(|((_, known), found)| found.as_ref() != Some(known))
            .map(|((id, _), _)| id)
            .collect();
        let shard = &mut self.shards[place];
        if !gone.is_empty() || last.unwrap_or(0) < shard.acked {
            common.stats.lost();
            let what = format!(
                "Redis at {} has lost what it had (restarted, flushed, evicted, or another server took over): {} families \
                 are told again as this process has counted them; what processes have counted that have ended is gone",
                common.settings.place,
                gone.len()
            );
            report::report_as(report::Level::Warning, ("redis", "lost"), &what);
        }
        common.stats.missed(shard.recover(last, has_own, &gone));
        Ok(())
    }

    /// A family stands in the index in other words than this process has for it.
    fn differs(&mut self, place: usize, id: &str, schema: String) {
        let Some(known) = self.shards[place].families.get_mut(id) else { return };
        let stored = schema.parse().map_err(Into::into).and_then(|json| FamilyKey::from_json(&json));
        let difference = match &stored {
            Ok(stored) => known.family.difference(stored).map(str::to_owned),
            Err(error) => Some(error.to_string()),
        };
        let Some(difference) = difference else {
            known.schema = schema;
            return;
        };
        let family = Arc::clone(&known.family);
        let own = std::mem::take(&mut known.schema);
        let key = self.shards[place].keys.families.clone();
        self.shards[place].conflict(id);
        report::count(Own::BackendConflicts, &[family.name()]);
        if self.reported.insert(id.to_owned()) {
            let message = format!(
                "`{}` is declared in another way by another program: their {difference} differ. What this process counts \
                 there shows nowhere, as `{key}` in Redis has {schema}, where this program has {own}",
                family.name()
            );
            report::report_as(report::Level::Error, ("redis conflict", id), &message);
        }
    }
}

/// How a namespace is laid out.
pub(super) fn layout_of(settings: &Settings) -> String {
    format!("1/{}", settings.shards)
}
