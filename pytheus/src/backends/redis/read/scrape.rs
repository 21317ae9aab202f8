//! The totals of all processes, for a scrape: the index in one round trip, all that is wanted in another.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use redis::{Cmd, FromRedisValue as _, RedisError, Value};

use crate::backends::custom::{FamilyKey, SeriesKey, Totals};
use crate::backends::redis::client::connection::Link;
use crate::backends::redis::client::error::RedisFault;
use crate::backends::redis::context::{Common, layout_of};
use crate::backends::redis::read::series::{self, Bad, Live, Series};
use crate::backends::redis::schema::{self, Keys};
use crate::model::number::Number;

/// The most fields of a hash that are read at once.
const PAGE: usize = 100_000;

/// The numbers of a declaration.
pub(crate) struct Found {
    pub(crate) family: Arc<FamilyKey>,
    pub(crate) series: Arc<[SeriesKey]>,
    /// The parts of each series, one after the other.
    pub(crate) parts: Vec<Number>,
    /// When the value of each series was set, where that says which one shows.
    pub(crate) times: Vec<u64>,
}

/// The numbers of a declaration, and whether a living process has it.
type FoundOf = (Found, bool);

/// What was read before.
#[derive(Default)]
pub(crate) struct Memory {
    /// Families, as the index has them, and what they are called there.
    families: HashMap<Vec<u8>, (Arc<FamilyKey>, String)>,
    /// Their series, by key.
    series: HashMap<String, Series>,
    /// How many fields a huge key had.
    sizes: HashMap<String, usize>,
}

/// A declaration of a family that is wanted.
struct Declared {
    family: Arc<FamilyKey>,
    id: String,
    /// When a process began it last.
    begun: u64,
    /// Is it known whether a living process has it?
    is_asked: bool,
    /// Where its numbers are, unless each process has its own.
    key: Option<String>,
}

/// Why the numbers of some shards can't be had.
enum Failed {
    Redis(RedisError),
    /// The namespace is laid out in another way.
    Layout(String),
    /// A key holds something else.
    Type(String),
    /// A field of a key can't be read.
    Field(String, Bad),
}

impl From<RedisError> for Failed {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl Failed {
    fn fault(self, common: &Common) -> RedisFault {
        match self {
            Self::Redis(error) => RedisFault::of(&common.settings.place, &error),
            Self::Layout(layout) => common.other_layout(&layout),
            Self::Type(key) => common.other_type(&key, "value of another type"),
            Self::Field(key, Bad { field, why }) => common.unreadable(&key, &String::from_utf8_lossy(&field), &why),
        }
    }
}

/// The declarations in the index of a shard that are wanted, those that were begun first before the others.
pub(crate) fn declarations(
    common: &Common,
    shard: usize,
    wants: &dyn Fn(&FamilyKey) -> bool,
) -> Result<Vec<Arc<FamilyKey>>, RedisFault> {
    let keys = Keys::new(&common.settings.namespace, shard as u64);
    let index = common.pool.with(&[shard], common.deadline(), |link| {
        Ok(link.pipeline(&[command("HGETALL", &keys.families)])?.pop().unwrap_or_default())
    })?;
    let declared = Memory::default().declared(&keys, pairs(index), wants);
    let declared = declared.map_err(|bad| Failed::Field(keys.families.clone(), bad).fault(common))?;
    Ok(declared.into_iter().map(|declared| declared.family).collect())
}

/// Puts in all that the scrape shows.
pub(crate) fn load(common: &Common, memory: &mut Memory, totals: &mut Totals<'_>) -> Result<(), RedisFault> {
    let found = {
        let wants = |family: &FamilyKey| totals.includes(family);
        let deadline = totals.deadline().unwrap_or_else(|| common.deadline());
        let (mut groups, mut found) = (common.pool.groups(), Vec::new());
        while let Some(group) = groups.pop() {
            let read = common.pool.with(&group, deadline, |link| match read(common, memory, &group, &wants, link) {
                Err(Failed::Redis(error)) => Err(error),
                other => Ok(other),
            });
            match read {
                Ok(Ok(some)) => found.extend(some),
                Ok(Err(failed)) => return Err(failed.fault(common)),
                // They are not together any more.
                Err(fault) if fault.is_moved() && group.len() > 1 => {
                    groups.extend(group.into_iter().map(|one| vec![one]));
                }
                Err(fault) => return Err(fault),
            }
        }
        found
    };
    for (Found { family, series, parts, times }, is_live) in found {
        totals.provide_declaration(family, series, parts, times, is_live);
    }
    Ok(())
}

fn command(name: &str, key: &str) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(key);
    command
}

/// The answer to a command about a key.
fn answer(value: Option<Value>, key: &str) -> Result<Value, Failed> {
    value.unwrap_or_default().extract_error().map_err(|error| match error.code() {
        Some("WRONGTYPE") => Failed::Type(key.to_owned()),
        _ => Failed::Redis(error),
    })
}

fn read(
    common: &Common,
    memory: &mut Memory,
    group: &[usize],
    wants: &dyn Fn(&FamilyKey) -> bool,
    link: &mut Link<'_>,
) -> Result<Vec<FoundOf>, Failed> {
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
    let mut answers = link.each(&commands)?.into_iter();
    let (mut declared, mut writers, mut declaring) = (Vec::new(), Vec::new(), Vec::new());
    for keys in &shards {
        let index = pairs(answer(answers.next(), &keys.families)?);
        let alive: Vec<String> =
            Vec::from_redis_value(answer(answers.next(), &keys.alive)?).map_err(RedisError::from)?;
        let layout = answer(answers.next(), &keys.writers)?;
        let layout = Option::<String>::from_redis_value(layout).map_err(RedisError::from)?;
        if let Some(layout) = layout.filter(|layout| *layout != layout_of(settings)) {
            return Err(Failed::Layout(layout));
        }
        let mut wanted =
            memory.declared(keys, index, wants).map_err(|bad| Failed::Field(keys.families.clone(), bad))?;
        // Whether somebody living declares it matters where there are two declarations.
        let mut names = HashSet::new();
        if !wanted.iter().all(|one| names.insert(schema::name_of(&one.id))) {
            declaring.extend(alive.iter().map(|writer| keys.declared(writer)));
            for one in &mut wanted {
                one.is_asked = true;
            }
        }
        if wanted.iter().any(|one| one.key.is_none()) {
            writers.extend(alive.into_iter().map(|writer| (keys.own(&writer), writer)));
        }
        declared.extend(wanted);
    }
    let own = writers.iter().map(|(key, _)| key);
    let hashes = declared.iter().filter_map(|declared| declared.key.as_ref()).chain(own).chain(&declaring);
    let mut contents = memory.read_all(link, &hashes.cloned().collect::<Vec<_>>())?.into_iter();
    let mut found = Vec::new();
    let mut live: HashMap<&str, Live> = HashMap::new();
    for Declared { family, id, key, .. } in &declared {
        if let Some(key) = key {
            let known = memory.series.entry(key.clone()).or_default();
            let fields = contents.next().unwrap_or_default();
            let read = known.read(family, &fields).map_err(|bad| Failed::Field(key.clone(), bad))?;
            let (series, (parts, times)) = read;
            found.push(Some(Found { family: Arc::clone(family), series, parts, times }));
        } else {
            live.insert(id, Live::new(Arc::clone(family)));
            found.push(None);
        }
    }
    for (key, writer) in &writers {
        let fields = contents.next().unwrap_or_default();
        series::writer(writer, &fields, &mut live).map_err(|bad| Failed::Field(key.clone(), bad))?;
    }
    let living: HashSet<_> = contents.flatten().map(|(field, _)| field).collect();
    let all = declared.iter().zip(found).filter_map(|(declared, found)| {
        let found = found.or_else(|| Some(live.remove(&*declared.id)?.finish()))?;
        Some((found, !declared.is_asked || living.contains(declared.id.as_bytes())))
    });
    Ok(all.collect())
}

/// Fields and values.
pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Fields and values of a hash, whatever protocol it comes in.
pub(crate) fn pairs(value: Value) -> Fields {
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
    /// The declarations of an index that are wanted, those that were begun first before the others.
    fn declared(
        &mut self,
        keys: &Keys,
        index: Fields,
        wants: &dyn Fn(&FamilyKey) -> bool,
    ) -> Result<Vec<Declared>, Bad> {
        let (mut declared, mut begun) = (Vec::new(), HashMap::new());
        for (field, value) in index {
            if let [first, id @ ..] = &*field
                && char::from(*first) == schema::BEGUN
            {
                let time: Option<u64> = str::from_utf8(&value).ok().and_then(|time| time.parse().ok());
                let time = time.ok_or_else(|| Bad::value(&field, &value, "time in microseconds"))?;
                begun.insert(id.to_vec(), time);
                continue;
            }
            let (family, id) = self.family(&field, value)?;
            if wants(&family) {
                let key = (!schema::is_live(&family)).then(|| keys.family(&id));
                declared.push(Declared { family, id, begun: 0, is_asked: false, key });
            }
        }
        for declared in &mut declared {
            declared.begun = begun.get(declared.id.as_bytes()).copied().unwrap_or(0);
        }
        declared.sort_by(|one, other| (one.begun, &one.id).cmp(&(other.begun, &other.id)));
        Ok(declared)
    }

    /// The family of an entry in the index, and what it is called there.
    fn family(&mut self, field: &[u8], schema: Vec<u8>) -> Result<(Arc<FamilyKey>, String), Bad> {
        let is_it = |id: &str| id.as_bytes() == field;
        if let Some((family, id)) = self.families.get(&schema).filter(|(_, id)| is_it(id)) {
            return Ok((Arc::clone(family), id.clone()));
        }
        let text = str::from_utf8(&schema).ok();
        let parsed = text.and_then(|text| text.parse().ok()).map(|json| FamilyKey::from_json(&json));
        let family = match parsed {
            Some(Ok(family)) => Arc::new(family),
            Some(Err(error)) => return Err(Bad::new(field, format!("declares no family: {error}"))),
            None => return Err(Bad::value(field, &schema, "declaration of a family")),
        };
        let id = family.id();
        if !is_it(&id) {
            return Err(Bad::new(field, format!("declares another family, `{id}`")));
        }
        self.families.insert(schema, (Arc::clone(&family), id.clone()));
        Ok((family, id))
    }

    /// All hashes in one round trip, but for those that are huge.
    fn read_all(&mut self, link: &mut Link<'_>, keys: &[String]) -> Result<Vec<Fields>, Failed> {
        let is_huge = |key: &String| self.sizes.get(key).is_some_and(|size| *size > PAGE);
        let commands: Vec<_> = keys.iter().filter(|key| !is_huge(key)).map(|key| command("HGETALL", key)).collect();
        let mut whole = link.each(&commands)?.into_iter();
        let mut all = Vec::with_capacity(keys.len());
        for key in keys {
            let fields = if is_huge(key) { in_pages(link, key)? } else { pairs(answer(whole.next(), key)?) };
            all.push(fields);
        }
        self.sizes.extend(keys.iter().cloned().zip(all.iter().map(Vec::len)).filter(|(_, size)| *size > PAGE / 2));
        Ok(all)
    }
}

/// A huge hash, so that the server does other things in between. What changes meanwhile is read before or after.
fn in_pages(link: &mut Link<'_>, key: &str) -> Result<Fields, Failed> {
    let (mut found, mut cursor) = (HashMap::new(), "0".to_owned());
    loop {
        let mut scan = command("HSCAN", key);
        scan.arg(&cursor).arg("COUNT").arg(PAGE / 10);
        let answer = answer(link.each(&[scan])?.pop(), key)?;
        let (next, page): (String, Value) = redis::from_redis_value(answer).map_err(RedisError::from)?;
        // One field may come twice.
        found.extend(pairs(page));
        if next == "0" {
            return Ok(found.into_iter().collect());
        }
        cursor = next;
    }
}
