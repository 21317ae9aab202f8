//! Tells what processes of this machine have counted, and been killed before they could tell it.
//!
//! Exactly once. A process that has ended left its cells, which change no more, and its [notes](super::notes). What of it was
//! told is known once the server has said which errand of that process was the last that it has applied; the difference goes
//! to the server as an errand of the same writer, which it applies only while that is still the last. So of all that may
//! still be under way, of that process or of another one that was killed while it took over, one comes first, and the others
//! change nothing; who is refused asks again. Each errand is noted before it is sent, as the process itself would have done.
//! One process at a time takes over, under the lock of the file, which is free again when it ends.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use redis::FromRedisValue as _;

use super::errand::{self, Errand, Header, Mode, Reply, Request};
use super::fault::{RedisFault, Sort};
use super::layout::{self, Keys};
use super::notes::{self, Note, Notes};
use super::sender::{CODE, Common, layout_of};
use crate::backends::file::{Dead, Spool};
use crate::backends::{Arena, BackendError, FamilyKey, WriterId};
use crate::number::Number;
use crate::report::{self, Own};
use crate::storage::Sum;

/// How many are taken over at once.
const MOST: usize = 16;

/// The most steps in one errand.
const MOST_STEPS: usize = 20_000;

/// How many tries there are for one shard, each of which brings it further unless others do so meanwhile.
const MOST_TRIES: usize = 10_000;

/// Numbers to be left out, as the process may have given them away without a note.
const APART: u64 = 1_000;

/// What is left in a directory by those that were killed, where there is one.
pub(super) struct Heir(Option<Spool>);

/// A series, and what was counted in it.
struct Counted {
    family: Arc<FamilyKey>,
    totals: Vec<Number>,
}

impl Heir {
    pub(super) fn new(directory: Option<&PathBuf>) -> Result<Self, BackendError> {
        Ok(Self(directory.map(|directory| Spool::open(directory)).transpose()?))
    }

    pub(super) fn arena(&self) -> Option<Arc<dyn Arena>> {
        self.0.as_ref()?.arena()
    }

    /// The name of this writer, and where its notes go.
    pub(super) fn own(&self) -> Option<(String, PathBuf)> {
        let (id, path) = self.0.as_ref()?.own()?;
        Some((writer(&id), path))
    }

    pub(super) fn forked(&self) -> Result<(), BackendError> {
        self.0.as_ref().map_or(Ok(()), Spool::forked)
    }

    /// As if it were killed; but what it was about to send it sends later.
    #[cfg(test)]
    pub(super) fn die(&self) {
        if let Some(spool) = &self.0 {
            spool.close().expect("it can be unlocked");
        }
    }

    /// All was told; what was counted since is told by somebody.
    pub(super) fn close(&self, common: &Common) {
        let Some(spool) = &self.0 else { return };
        let own = self.own();
        if spool.close().is_ok() {
            self.inherit(common, own.as_ref().map(|(writer, _)| writer.as_str()));
        }
    }

    /// Takes over what the dead have left. What fails is tried again.
    pub(super) fn inherit(&self, common: &Common, own: Option<&str>) {
        let Some(spool) = &self.0 else { return };
        let outcome = spool.clean().and_then(|()| spool.dead(MOST)).and_then(|dead| {
            dead.into_iter().try_for_each(|dead| {
                let writer = writer(&dead.id());
                // One that can't be read does not keep the others back.
                if let Err(error) = take_over(common, &writer, &dead) {
                    let is_unreachable = error.is::<RedisFault>();
                    report::report(("redis spool", &writer), &failure(&error));
                    return if is_unreachable { Err(error) } else { Ok(()) };
                }
                dead.remove()?;
                if own == Some(&writer) {
                    forget(common, &writer);
                } else {
                    common.stats.taken_over();
                }
                Ok(())
            })
        });
        if let Err(error) = outcome.or_else(|error| if error.is::<RedisFault>() { Ok(()) } else { Err(error) }) {
            report::report(("redis spool", ""), &failure(&error));
        }
    }
}

#[cfg(test)]
std::thread_local! {
    /// What happens between the two requests of a step, once.
    pub(super) static BETWEEN: std::cell::Cell<Option<Box<dyn FnOnce()>>> = const { std::cell::Cell::new(None) };
}

fn failure(error: &BackendError) -> String {
    format!("what a process has counted that was killed can't be taken over yet: {error}")
}

/// The name of a writer that has notes: it is remembered for longer.
fn writer(id: &str) -> String {
    format!("s{id}")
}

/// Nobody asks after this writer any more.
fn forget(common: &Common, writer: &str) {
    for shard in 0..common.shards() {
        let keys = Keys::new(&common.settings.namespace, shard as u64);
        let mut commands = Vec::new();
        for (name, key) in [("ZREM", &keys.alive), ("HDEL", &keys.writers)] {
            let mut command = redis::cmd(name);
            command.arg(key).arg(writer);
            commands.push(command);
        }
        // Else it is forgotten later.
        let _ = common.pool.with(&[shard], common.deadline(), |link| link.pipeline(&commands).map(drop));
    }
}

/// By shard, then family and labels.
type All = BTreeMap<(usize, String, String), Counted>;

/// Tells all that this process had not told.
fn take_over(common: &Common, writer: &str, dead: &Dead) -> Result<(), BackendError> {
    let mut all = All::new();
    for (family, series, totals) in dead.counted()? {
        let id = layout::id(&family);
        let shard = usize::try_from(layout::shard_of(&id, common.settings.shards)).unwrap_or_default();
        let text = layout::series_text(&family, &series);
        let counted = all.entry((shard, id, text)).or_insert_with(|| Counted { family, totals: Vec::new() });
        // Of two that are alike, both.
        counted.totals = if counted.totals.is_empty() {
            totals
        } else {
            counted.totals.iter().zip(totals).map(|(one, other)| *one + other).collect()
        };
    }
    let mut conflicts = HashSet::new();
    for shard in 0..common.shards() {
        let mut tries = 0;
        while !step(common, writer, dead, shard, &all, &mut conflicts)? {
            tries += 1;
            if tries == MOST_TRIES {
                return Err(common.pool.fault(Sort::Other, "somebody else goes on as a process that has ended").into());
            }
        }
    }
    Ok(())
}

/// Tells a shard some of what it does not have yet. True when there is no more.
fn step(
    common: &Common,
    writer: &str,
    dead: &Dead,
    shard: usize,
    all: &All,
    conflicts: &mut HashSet<String>,
) -> Result<bool, BackendError> {
    let keys = Keys::new(&common.settings.namespace, shard as u64);
    let last: Option<u64> = common.pool.with(&[shard], common.deadline(), |link| {
        let mut command = redis::cmd("HGET");
        command.arg(&keys.writers).arg(writer);
        Ok(Option::from_redis_value(link.pipeline(&[command])?.pop().unwrap_or_default())?)
    })?;
    let unreadable = |error| format!("`{}` can't be used: {error}", dead.told.display());
    let (mut notes, told) = Notes::read(&dead.told).map_err(unreadable)?;
    let had = told.had(shard, last);
    let (mut errand, mut entries) = (Errand::default(), Vec::new());
    for ((_, id, series), counted) in all.iter().filter(|((at, id, _), _)| *at == shard && !conflicts.contains(id)) {
        let had = had.get(&(id.as_str(), series.as_str())).copied();
        let rest = rest(&counted.totals, had);
        if rest.iter().all(|part| *part == Number::Int(0)) {
            continue;
        }
        errand::add(&counted.family, series, &rest, errand.group(&Arc::from(id.as_str()), false));
        entries.push((id.clone(), series.clone(), counted.totals.clone()));
        if errand.steps() >= MOST_STEPS {
            break;
        }
    }
    if entries.is_empty() {
        return Ok(true);
    }
    let before = last.unwrap_or(0);
    errand.number = told.last(shard).max(before) + APART;
    notes
        .add(&[Note { sort: notes::Sort::Heir, shard, number: errand.number, before, entries }])
        .map_err(unreadable)?;
    #[cfg(test)]
    if let Some(act) = BETWEEN.take() {
        act();
    }
    match send(common, writer, shard, before, &errand, all)? {
        // Both are seen by the next step: it has more, or less, than was expected.
        Reply::Done(_) | Reply::Lost => {}
        Reply::Differ(families) => {
            for (id, schema) in families {
                let known = all.iter().find(|((_, known, _), _)| *known == id).map(|(_, known)| &known.family);
                report::count(Own::BackendConflicts, &[known.map_or(id.as_str(), |family| family.name())]);
                let message = format!(
                    "`{id}` is declared in another way by another program, which has {schema}: what a process has counted \
                     there that was killed shows nowhere"
                );
                report::report_as(report::Level::Error, ("redis conflict", &id), &message);
                conflicts.insert(id);
            }
        }
        Reply::Layout(_) | Reply::Type(..) => {
            return Err(common.pool.fault(Sort::Keys, "what is there is not of this namespace").into());
        }
    }
    Ok(false)
}

fn send(
    common: &Common,
    writer: &str,
    shard: usize,
    before: u64,
    errand: &Errand,
    all: &All,
) -> Result<Reply, BackendError> {
    let keys = Keys::new(&common.settings.namespace, shard as u64);
    let own = keys.own(writer);
    let answer = common.pool.with(&[shard], common.deadline(), |link| {
        let mut request = Request::new(
            [keys.writers.as_str(), &keys.alive, &keys.families, &own],
            [
                writer.to_owned(),
                before.to_string(),
                errand.number.to_string(),
                // It lives no more.
                "1".to_owned(),
                common.settings.expiry.as_secs().max(1).to_string(),
                layout_of(&common.settings),
                WriterId::random().to_string(),
                String::new(),
                "heir".to_owned(),
            ],
        );
        for group in &errand.groups {
            let known = all.range((shard, group.family.to_string(), String::new())..).next();
            let Some((_, known)) = known else { continue };
            let schema = known.family.to_json().to_string();
            let key = request.key(keys.family(&group.family));
            let header = Header { family: &group.family, schema: &schema, incarnation: "", key, mode: Mode::Hash };
            request.group(&header, &group.steps);
        }
        let (rest, count) = request.finish();
        link.script(&common.script, CODE, &rest, count)
    })?;
    match Reply::parse(answer) {
        Some((reply, _)) => Ok(reply),
        None => Err(common.pool.fault(Sort::Protocol, "it gives no answer that a script of pytheus would give").into()),
    }
}

/// What of these numbers is not there yet.
fn rest(totals: &[Number], had: Option<&[Number]>) -> Vec<Number> {
    let Some(had) = had.filter(|had| had.len() == totals.len()) else { return totals.to_vec() };
    // The sum of observations may well be less.
    let counts = if totals.len() == 1 { 1 } else { totals.len() - 1 };
    let is_less = |(total, had): (&Number, &Number)| match (total, had) {
        (Number::Int(total), Number::Int(had)) => total < had,
        (total, had) => total.as_f64() < had.as_f64(),
    };
    if totals.iter().zip(had).take(counts).any(is_less) {
        // Removed, and begun anew.
        return totals.to_vec();
    }
    let part = |(total, had): (&Number, &Number)| match (*total, *had) {
        (Number::Int(total), Number::Int(had)) => Number::Int(total.wrapping_sub(had)),
        (total, had) => {
            let mut rest = Sum::ZERO;
            rest += total.as_f64();
            rest += -had.as_f64();
            let rest = rest.value();
            if rest == 0.0 { Number::Int(0) } else { Number::Float(rest) }
        }
    };
    totals.iter().zip(had).map(part).collect()
}
