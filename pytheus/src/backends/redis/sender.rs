//! Sends what waits, shard by shard, until the server is known to have it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use redis::{FromRedisValue as _, RedisError, Script, Value};

use super::errand::{Errand, Header, Mode, Reply, Request};
use super::fault::{RedisFault, Sort};
use super::layout;
use super::link::{Link, Pool};
use super::settings::Settings;
use super::shard::Shard;
use super::stats::Stats;
use crate::backends::{Batch, FamilyKey, Removal, WriterId};
use crate::report::{self, Own};

/// The script that applies an errand.
const CODE: &str = include_str!("apply.lua");

/// How often in a row a server may lose what it has said that it has, before it is left for the next time.
const MOST_LOSSES: usize = 8;

/// What all that talk to the server have in common.
pub(super) struct Common {
    pub(super) settings: Arc<Settings>,
    pub(super) stats: Arc<Stats>,
    pub(super) pool: Pool,
    script: Script,
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

    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.settings.timeout
    }
}

/// What one writer has told, and is about to.
pub(super) struct Sender {
    writer: String,
    /// What was taken last, of whom: it comes again until it is known to be done.
    taken: Option<(WriterId, u64)>,
    shards: Vec<Shard>,
    reported: HashSet<String>,
    /// When the server gave no answer in time last.
    pub(super) gave_up: Option<(Instant, RedisFault)>,
}

impl Sender {
    pub(super) fn new(settings: &Settings) -> Self {
        let writer = WriterId::random().to_string();
        let shards = (0..settings.shards).map(|shard| Shard::new(&settings.namespace, shard, &writer)).collect();
        Self { writer, taken: None, shards, reported: HashSet::new(), gave_up: None }
    }

    pub(super) fn apply(&mut self, common: &Common, batch: &Batch) -> Result<(), RedisFault> {
        if self.takes(batch.writer, batch.sequence) {
            let mut errands = vec![Errand::default(); self.shards.len()];
            let mut at: Option<(*const FamilyKey, String, usize)> = None;
            for change in &batch.changes {
                let address = Arc::as_ptr(&change.family);
                if at.as_ref().is_none_or(|at| !std::ptr::eq(at.0, address)) {
                    let id = layout::id(&change.family);
                    let shard = self.place(&id);
                    at = Some((address, id, shard));
                }
                if let Some((_, id, shard)) = &at {
                    self.shards[*shard].change(id, change, &mut errands[*shard]);
                }
            }
            self.push(errands);
        }
        self.send(common)
    }

    pub(super) fn remove(&mut self, common: &Common, removal: &Removal) -> Result<(), RedisFault> {
        if self.takes(removal.writer, removal.sequence) {
            let mut errands = vec![Errand::default(); self.shards.len()];
            for (family, series) in &removal.series {
                let id = layout::id(family);
                let shard = self.place(&id);
                self.shards[shard].removal(&id, family, series, &mut errands[shard]);
            }
            self.push(errands);
        }
        self.send(common)
    }

    /// Takes note of how it went.
    pub(super) fn note(&mut self, fault: Option<RedisFault>) {
        self.gave_up = fault.filter(|fault| fault.sort() == Sort::Timeout).map(|fault| (Instant::now(), fault));
    }

    /// Is it new? What comes again waits already, or is done.
    fn takes(&mut self, writer: WriterId, sequence: u64) -> bool {
        self.taken.replace((writer, sequence)) != Some((writer, sequence))
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
fn layout_of(settings: &Settings) -> String {
    format!("1/{}", settings.shards)
}

fn milliseconds(time: Duration) -> String {
    time.as_millis().max(1).to_string()
}

/// The request for an errand; without one, that says only that the writer lives.
fn request(
    common: &Common,
    shard: &Shard,
    writer: &str,
    errand: Option<&Errand>,
    link: &mut Link<'_>,
) -> Result<Request, RedisError> {
    let Settings { lease, expiry, .. } = &*common.settings;
    let keys = &shard.keys;
    let mut request = Request::new(
        [keys.writers.as_str(), &keys.alive, &keys.families, &shard.own],
        [
            writer.to_owned(),
            shard.acked.to_string(),
            errand.map_or(shard.acked, |errand| errand.number).to_string(),
            milliseconds(*lease),
            expiry.as_secs().max(1).to_string(),
            layout_of(&common.settings),
            WriterId::random().to_string(),
            std::process::id().to_string(),
            u8::from(shard.had_own).to_string(),
        ],
    );
    let mut others: Option<Vec<usize>> = None;
    for group in errand.iter().flat_map(|errand| &errand.groups) {
        let Some(known) = shard.families.get(&group.family) else { continue };
        let family = &*group.family;
        let is_live = layout::is_live(&known.family);
        if is_live && group.removes {
            let places = match &mut others {
                Some(places) => places,
                none => {
                    let writers = living(common, shard, link)?;
                    let keys = writers.iter().map(|writer| request.key(shard.keys.own(writer))).collect();
                    none.insert(keys)
                }
            };
            for &key in places.iter() {
                let header = Header { family, schema: "", incarnation: "", key, mode: Mode::Removal };
                request.group(&header, &group.steps);
            }
            continue;
        }
        let key = if is_live { 4 } else { request.key(shard.keys.family(family)) };
        let mode = match (group.removes, is_live) {
            (true, _) => Mode::Removal,
            (false, true) => Mode::Own,
            (false, false) => Mode::Hash,
        };
        let incarnation = if mode == Mode::Hash { known.incarnation.as_deref().unwrap_or("") } else { "" };
        let schema = if known.declared || group.removes { "" } else { &known.schema };
        request.group(&Header { family, schema, incarnation, key, mode }, &group.steps);
    }
    Ok(request)
}

/// Those who have been alive of late.
pub(super) fn living(common: &Common, shard: &Shard, link: &mut Link<'_>) -> Result<Vec<String>, RedisError> {
    let mut command = redis::cmd("ZRANGEBYSCORE");
    command.arg(&shard.keys.alive).arg(common.long_ago()).arg("+inf");
    let answer = link.pipeline(&[command])?.pop().unwrap_or_default();
    Ok(Vec::from_redis_value(answer)?)
}
