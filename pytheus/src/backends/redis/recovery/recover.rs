//! Tells what processes of this machine have counted, and been killed before they could tell it.
//!
//! Exactly once. A process that has ended left its cells, which change no more, and its [notes](crate::backends::redis::write::journal). What of it was
//! told is known once the server has said which batch of that process was the last that it has applied; the difference goes
//! to the server as an batch of the same writer, which it applies only while that is still the last. So of all that may
//! still be under way, of that process or of another one that was killed while it took over, one comes first, and the others
//! change nothing; who is refused asks again. Each batch is noted before it is sent, as the process itself would have done.
//! One process at a time takes over, under the lock of the file, which is free again when it ends.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::FromRedisValue as _;

use crate::backends::custom::{Aggregation, Arena, BackendError, FamilyKey, WriterId};
use crate::backends::failpoint::failpoint;
use crate::backends::file::{CrashedProcess, Spool};
use crate::backends::redis::berth::Berth;
use crate::backends::redis::client::error::{RedisFault, Sort};
use crate::backends::redis::context::{CODE, Common, layout_of};
use crate::backends::redis::recovery::remaining::{later, ops};
use crate::backends::redis::schema::{self, Keys};
use crate::backends::redis::write::journal::{self, Entry, Note, Notes, Told};
use crate::backends::redis::write::numbered_batch::{Header, Mode, NumberedBatch, Reply, Request};
use crate::model::number::Number;
use crate::report::{self, Own};

/// The most ops in one batch.
const MAX_OPS: usize = if cfg!(test) { 3 } else { 20_000 };

/// How many tries there are for one shard, each of which brings it further unless others do so meanwhile.
const MOST_TRIES: usize = 10_000;

/// Numbers to be left out, as the process may have given them away without a note.
const APART: u64 = 1_000;

/// So much earlier it seems to have ended once all of it is told: its number is then kept for a day, not for a month.
const SETTLED: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What is left in a directory by those that were killed, where there is one.
pub(crate) struct Heir {
    spool: Option<Spool>,
    /// Those that can't be taken over. They come after all others, and are reported once. One thread at a time looks.
    failed: Berth<HashSet<String>>,
}

/// A series, and what was counted in it.
struct Counted {
    family: Arc<FamilyKey>,
    totals: Vec<Number>,
}

/// How far it has come with one of the dead.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// All is told.
    Done,
    /// The same, and before, too: nobody goes on as that process, or ever did.
    Same,
    /// The time is over.
    More,
}

impl Heir {
    pub(crate) fn new(directory: Option<&PathBuf>) -> Result<Self, BackendError> {
        let spool = directory.map(|directory| Spool::open(directory)).transpose()?;
        Ok(Self { spool, failed: Berth::new(HashSet::new()) })
    }

    pub(crate) fn arena(&self) -> Option<Arc<dyn Arena>> {
        self.spool.as_ref()?.arena()
    }

    /// The name of this writer, and where its notes go.
    pub(crate) fn own(&self) -> Option<(String, PathBuf)> {
        let (id, path) = self.spool.as_ref()?.own()?;
        Some((writer(&id), path))
    }

    pub(crate) fn forked(&self) -> Result<(), BackendError> {
        self.failed.replace(HashSet::new());
        self.spool.as_ref().map_or(Ok(()), Spool::forked)
    }

    /// As if it were killed; but what it was about to send it sends later.
    #[cfg(test)]
    pub(crate) fn die(&self) {
        if let Some(spool) = &self.spool {
            spool.close().expect("it can be unlocked");
        }
    }

    /// All was told; what was counted since is told by somebody.
    pub(crate) fn close(&self, common: &Common) {
        let Some(spool) = &self.spool else { return };
        match spool.own() {
            Some((id, _)) => self.inherit(common, Some(&id)),
            // A child that could not begin has nothing to tell.
            None => drop(spool.close()),
        }
    }

    /// Takes over what the dead have left; with its own name, this process is the first of them. What fails is tried again.
    pub(crate) fn inherit(&self, common: &Common, own: Option<&str>) {
        let mut aboard = self.failed.board();
        let (Some(spool), Some(failed)) = (&self.spool, aboard.get()) else { return };
        if own.is_none() || spool.close().is_ok() {
            take_all(common, spool, own, failed);
        }
    }
}

/// For some time, as this process has to say meanwhile that it lives, or is about to end.
fn take_all(common: &Common, spool: &Spool, own: Option<&str>, failed: &mut HashSet<String>) {
    let longest = if own.is_some() { Duration::from_secs(1) } else { Duration::MAX };
    let deadline = Instant::now() + (common.settings.lease / 3).min(longest);
    let mut others = match spool.clean().and_then(|()| spool.others()) {
        Ok(others) => others,
        Err(error) => {
            report::report(("redis spool", ""), &failure(&error));
            return;
        }
    };
    failed.retain(|id| others.contains(id));
    others.sort_by_key(|id| (own != Some(id), failed.contains(id)));
    for id in others {
        match take_one(common, spool, &id, own == Some(&id), deadline) {
            Ok(()) if Instant::now() < deadline => {}
            Ok(()) => return,
            Err(error) if is_of_all(&error) => return,
            Err(error) => {
                // It keeps nobody from the others.
                if failed.insert(id.clone()) {
                    report::count(Own::BackendErrors, &["spool"]);
                    report::report(("redis spool", &id), &failure(&error));
                }
            }
        }
    }
}

/// Would it be the same with the next one? Whoever sends something reports it.
fn is_of_all(error: &BackendError) -> bool {
    let fault = error.downcast_ref::<RedisFault>();
    fault.is_some_and(|fault| !matches!(fault.sort(), Sort::Keys | Sort::Fields | Sort::Other))
}

fn take_one(common: &Common, spool: &Spool, id: &str, own: bool, deadline: Instant) -> Result<(), BackendError> {
    let Some(dead) = spool.claim(id)? else { return Ok(()) };
    failpoint("crash claimed");
    let writer = writer(id);
    let outcome = take_over(common, &writer, &dead, deadline)?;
    if outcome == Outcome::More {
        return Ok(());
    }
    dead.remove()?;
    failpoint("spool removed");
    settle(common, &writer, own && outcome == Outcome::Same);
    if !own {
        common.stats.taken_over();
    }
    Ok(())
}

fn failure(error: &BackendError) -> String {
    format!("what a process has counted that was killed can't be taken over yet: {error}")
}

/// The name of a writer that has notes: it is remembered for longer.
fn writer(id: &str) -> String {
    format!("s{id}")
}

/// Nobody asks after this writer any more, unless something of it is still under way.
fn settle(common: &Common, writer: &str, forget: bool) {
    let settled = u64::try_from(SETTLED.as_millis()).ok().and_then(|settled| common.long_ago().checked_sub(settled));
    for shard in 0..common.shards() {
        let keys = Keys::new(&common.settings.namespace, shard as u64);
        let command = |name: &str, key: &str| redis::cmd(name).arg(key).arg(writer).to_owned();
        let commands = match settled {
            _ if forget => vec![command("ZREM", &keys.alive), command("HDEL", &keys.writers)],
            Some(time) => vec![redis::cmd("ZADD").arg(&keys.alive).arg("XX").arg(time).arg(writer).to_owned()],
            // The server's time is not known.
            None => return,
        };
        // Else it is forgotten later.
        let _ = common.pool.with(&[shard], common.deadline(), |link| link.pipeline(&commands).map(drop));
    }
}

/// By shard, then family and labels.
type All = BTreeMap<(usize, String, String), Counted>;

/// Tells all that this process had not told, as far as there is time.
fn take_over(common: &Common, writer: &str, dead: &CrashedProcess, deadline: Instant) -> Result<Outcome, BackendError> {
    let mut all = All::new();
    for (family, series, totals) in dead.totals()? {
        let id = family.id();
        let shard = usize::try_from(schema::shard_of(&id, common.settings.shards)).unwrap_or_default();
        let text = schema::series_text(&family, &series);
        let counted = all.entry((shard, id, text)).or_insert_with(|| Counted { family, totals: Vec::new() });
        // Of two that are alike, both.
        counted.totals = if counted.totals.is_empty() {
            totals
        } else if counted.family.aggregation() == Aggregation::MostRecent {
            later(&counted.totals, &totals)
        } else {
            counted.totals.iter().zip(totals).map(|(one, other)| *one + other).collect()
        };
    }
    let mut outcome = Outcome::Same;
    for shard in 0..common.shards() {
        let mut tries = 0;
        loop {
            let step = step(common, writer, dead, shard, &all)?;
            if step != Outcome::More {
                outcome = if step == Outcome::Same { outcome } else { step };
                break;
            }
            outcome = Outcome::Done;
            tries += 1;
            if tries == MOST_TRIES {
                return Err(common.pool.fault(Sort::Other, "somebody else goes on as a process that has ended").into());
            }
            if Instant::now() >= deadline {
                return Ok(Outcome::More);
            }
        }
    }
    Ok(outcome)
}

/// Tells a shard some of what it does not have yet.
fn step(
    common: &Common,
    writer: &str,
    dead: &CrashedProcess,
    shard: usize,
    all: &All,
) -> Result<Outcome, BackendError> {
    let keys = Keys::new(&common.settings.namespace, shard as u64);
    let last: Option<u64> = common.pool.with(&[shard], common.deadline(), |link| {
        let mut command = redis::cmd("HGET");
        command.arg(&keys.writers).arg(writer);
        Ok(Option::from_redis_value(link.pipeline(&[command])?.pop().unwrap_or_default())?)
    })?;
    failpoint("server probed");
    let unreadable = |error| format!("`{}` can't be used: {error}", dead.journal.display());
    let (mut notes, told) = Notes::read(&dead.journal).map_err(unreadable)?;
    if last.is_some_and(|last| last > 0) && told.last(shard) == 0 {
        // As all that is sent is noted before.
        return Err(format!("`{}` is gone, and Redis has what it should tell of", dead.journal.display()).into());
    }
    let had = told.had(shard, last);
    let (mut batch, mut entries) = (NumberedBatch::default(), Vec::new());
    for ((_, id, series), counted) in all.iter().filter(|((at, _, _), _)| *at == shard) {
        let had = had.get(&(id.as_str(), series.as_str())).copied();
        let ops = ops(&counted.family, series, &counted.totals, had);
        if ops.is_empty() {
            continue;
        }
        batch.group(&Arc::from(id.as_str()), false).extend(ops);
        entries.push((id.clone(), series.clone(), counted.totals.clone()));
        if batch.ops() >= MAX_OPS {
            break;
        }
    }
    if entries.is_empty() {
        return Ok(if told.is_applied(shard, last) { Outcome::Same } else { Outcome::Done });
    }
    let before = last.unwrap_or(0);
    batch.number = number(&mut notes, &told, shard, before, entries).map_err(unreadable)?;
    failpoint("recovery journaled");
    let reply = send(common, writer, shard, before, &batch, all)?;
    failpoint("recovery sent");
    match reply {
        // Both are seen by the next step: it has more, or less, than was expected.
        Reply::Done(_) | Reply::Lost => {}
        Reply::Layout(layout) => return Err(common.other_layout(&layout).into()),
        Reply::Type(key, found) => return Err(common.other_type(&key, &found).into()),
        Reply::Value(key, field, found) => return Err(common.no_number(&key, &field, &found).into()),
    }
    Ok(Outcome::More)
}

/// The number of an batch that is noted now; or that of the same one, which somebody has noted and may have sent. So notes
/// don't grow while a server refuses it.
fn number(
    notes: &mut Notes,
    told: &Told,
    shard: usize,
    before: u64,
    entries: Vec<Entry>,
) -> Result<u64, std::io::Error> {
    if let Some(known) = told.same(shard, before, &entries) {
        return Ok(known);
    }
    let number = told.last(shard).max(before).saturating_add(APART);
    notes.add(&[Note { sort: journal::Sort::Heir, shard, number, before, entries }])?;
    Ok(number)
}

fn send(
    common: &Common,
    writer: &str,
    shard: usize,
    before: u64,
    batch: &NumberedBatch,
    all: &All,
) -> Result<Reply, BackendError> {
    let keys = Keys::new(&common.settings.namespace, shard as u64);
    let (own, declared) = (keys.own(writer), keys.declared(writer));
    let answer = common.pool.with(&[shard], common.deadline(), |link| {
        let mut request = Request::new(
            [keys.writers.as_str(), &keys.alive, &keys.families, &own, &declared],
            [
                writer.to_owned(),
                before.to_string(),
                batch.number.to_string(),
                // It lives no more.
                "1".to_owned(),
                common.settings.expiry.as_secs().max(1).to_string(),
                layout_of(&common.settings),
                WriterId::random().to_string(),
                String::new(),
                "heir".to_owned(),
            ],
        );
        for group in &batch.families {
            let known = all.range((shard, group.family.to_string(), String::new())..).next();
            let Some((_, known)) = known else { continue };
            let schema = known.family.to_json().to_string();
            let key = request.key(keys.family(&group.family));
            // It was begun before those of all that live.
            let (family, begun) = (&*group.family, "0");
            let header = Header { family, schema: &schema, begun, incarnation: "", key, mode: Mode::Hash };
            request.group(&header, &group.ops);
        }
        let (rest, count) = request.finish();
        link.script(&common.script, CODE, &rest, count)
    })?;
    Ok(common.reply(answer)?)
}
