//! The totals of all processes, for a scrape: the index in one round trip, all that is wanted in another.

use std::collections::HashMap;
use std::sync::Arc;

use redis::{Cmd, FromRedisValue as _, RedisError, Value};

use super::combine::{self, Live, Series};
use super::common::{Common, layout_of};
use super::fault::RedisFault;
use super::layout::{self, Keys};
use super::link::Link;
use crate::backends::{FamilyKey, SeriesKey, Totals};
use crate::number::Number;

/// The most fields of a hash that are read at once.
const PAGE: usize = 100_000;

/// A family, its series, and the parts of each, one after the other.
pub(super) type Found = (Arc<FamilyKey>, Arc<[SeriesKey]>, Vec<Number>);

/// What was read before.
#[derive(Default)]
pub(super) struct Memory {
    /// Families, as the index has them.
    families: HashMap<String, Arc<FamilyKey>>,
    /// Their series, by key.
    series: HashMap<String, Series>,
    /// How many fields a huge key had.
    sizes: HashMap<String, usize>,
}

/// What the keys of some shards hold.
enum Contents {
    Found(Vec<Found>),
    /// Not all that the namespace has: it is laid out in another way.
    OtherLayout(String),
}

/// Puts in all that the scrape shows.
pub(super) fn load(common: &Common, memory: &mut Memory, totals: &mut Totals<'_>) -> Result<(), RedisFault> {
    let found = {
        let wants = |family: &FamilyKey| totals.wants(family);
        let deadline = totals.deadline().unwrap_or_else(|| common.deadline());
        let (mut groups, mut found) = (common.pool.groups(), Vec::new());
        while let Some(group) = groups.pop() {
            match common.pool.with(&group, deadline, |link| read(common, memory, &group, &wants, link)) {
                Ok(Contents::Found(some)) => found.extend(some),
                Ok(Contents::OtherLayout(layout)) => return Err(common.other_layout(&layout)),
                // They are not together any more.
                Err(fault) if fault.is_moved() && group.len() > 1 => {
                    groups.extend(group.into_iter().map(|one| vec![one]));
                }
                Err(fault) => return Err(fault),
            }
        }
        found
    };
    for (family, series, parts) in found {
        totals.put(family, series, parts);
    }
    Ok(())
}

fn command(name: &str, key: &str) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(key);
    command
}

fn read(
    common: &Common,
    memory: &mut Memory,
    group: &[usize],
    wants: &dyn Fn(&FamilyKey) -> bool,
    link: &mut Link<'_>,
) -> Result<Contents, RedisError> {
    let settings = &common.settings;
    let shards: Vec<_> = group.iter().map(|shard| Keys::new(&settings.namespace, *shard as u64)).collect();
    let mut commands = Vec::new();
    for keys in &shards {
        commands.push(command("HGETALL", &keys.families));
        let mut alive = command("ZRANGEBYSCORE", &keys.alive);
        alive.arg(common.long_ago()).arg("+inf");
        commands.push(alive);
        let mut layout = command("HGET", &keys.writers);
        layout.arg("layout");
        commands.push(layout);
    }
    let mut answers = link.pipeline(&commands)?.into_iter();
    let (mut families, mut writers) = (Vec::new(), Vec::new());
    for keys in &shards {
        let mut has_live = false;
        for (id, schema) in pairs(answers.next().unwrap_or_default()) {
            let Some(family) = memory.family(schema) else { continue };
            if wants(&family) {
                has_live |= layout::is_live(&family);
                let id = String::from_utf8_lossy(&id).into_owned();
                let key = (!layout::is_live(&family)).then(|| keys.family(&id));
                families.push((id, family, key));
            }
        }
        let alive: Vec<String> = Vec::from_redis_value(answers.next().unwrap_or_default())?;
        if has_live {
            writers.extend(alive.into_iter().map(|writer| (keys.own(&writer), writer)));
        }
        let layout = Option::<String>::from_redis_value(answers.next().unwrap_or_default())?;
        if let Some(layout) = layout.filter(|layout| *layout != layout_of(settings)) {
            return Ok(Contents::OtherLayout(layout));
        }
    }
    let own = writers.iter().map(|(key, _)| key);
    let hashes = families.iter().filter_map(|(_, _, key)| key.as_ref()).chain(own);
    let mut contents = memory.read_all(link, &hashes.cloned().collect::<Vec<_>>())?.into_iter();
    let mut found = Vec::new();
    let mut live: HashMap<String, Live> = HashMap::new();
    for (id, family, key) in families {
        if let Some(key) = key {
            let known = memory.series.entry(key).or_default();
            let (series, parts) = known.read(&family, &contents.next().unwrap_or_default());
            found.push((family, series, parts));
        } else {
            live.insert(id, Live::new(family));
        }
    }
    for ((_, writer), fields) in writers.iter().zip(contents) {
        combine::writer(writer, &fields, &mut live);
    }
    found.extend(live.into_values().map(Live::finish));
    Ok(Contents::Found(found))
}

/// Fields and values.
pub(super) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Fields and values of a hash, whatever protocol it comes in.
pub(super) fn pairs(value: Value) -> Fields {
    let text = |value| match value {
        Value::BulkString(text) => Some(text),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    };
    let mut pairs = Vec::new();
    match value {
        Value::Array(flat) => {
            pairs.reserve(flat.len() / 2);
            let mut flat = flat.into_iter();
            while let (Some(field), Some(value)) = (flat.next(), flat.next()) {
                pairs.extend(text(field).zip(text(value)));
            }
        }
        Value::Map(map) => pairs.extend(map.into_iter().filter_map(|(field, value)| text(field).zip(text(value)))),
        _ => {}
    }
    pairs
}

impl Memory {
    /// The family of this text; `None` of one that a version to come has written.
    fn family(&mut self, schema: Vec<u8>) -> Option<Arc<FamilyKey>> {
        let schema = String::from_utf8(schema).ok()?;
        if let Some(family) = self.families.get(&schema) {
            return Some(Arc::clone(family));
        }
        let family = Arc::new(FamilyKey::from_json(&schema.parse().ok()?).ok()?);
        self.families.insert(schema, Arc::clone(&family));
        Some(family)
    }

    /// All hashes in one round trip, but for those that are huge.
    fn read_all(&mut self, link: &mut Link<'_>, keys: &[String]) -> Result<Vec<Fields>, RedisError> {
        let is_huge = |key: &String| self.sizes.get(key).is_some_and(|size| *size > PAGE);
        let commands: Vec<_> = keys.iter().filter(|key| !is_huge(key)).map(|key| command("HGETALL", key)).collect();
        let mut whole = link.pipeline(&commands)?.into_iter();
        let mut all = Vec::with_capacity(keys.len());
        for key in keys {
            let fields = if is_huge(key) { in_pages(link, key)? } else { pairs(whole.next().unwrap_or_default()) };
            all.push(fields);
        }
        self.sizes.extend(keys.iter().cloned().zip(all.iter().map(Vec::len)).filter(|(_, size)| *size > PAGE / 2));
        Ok(all)
    }
}

/// A huge hash, so that the server does other things in between. What changes meanwhile is read before or after.
fn in_pages(link: &mut Link<'_>, key: &str) -> Result<Fields, RedisError> {
    let (mut found, mut cursor) = (HashMap::new(), "0".to_owned());
    loop {
        let mut scan = command("HSCAN", key);
        scan.arg(&cursor).arg("COUNT").arg(PAGE / 10);
        let answer = link.pipeline(&[scan])?.pop().unwrap_or_default();
        let (next, page): (String, Value) = redis::from_redis_value(answer)?;
        // One field may come twice.
        found.extend(pairs(page));
        if next == "0" {
            return Ok(found.into_iter().collect());
        }
        cursor = next;
    }
}
