//! A scrape in two round trips: the indexes of all partitions, then all hashes that they name.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use redis::{FromRedisValue as _, Value};

use crate::backends::custom::{FamilyKey, Totals};
use crate::backends::redis::client::connection::{Session, SessionError};
use crate::backends::redis::client::error::RedisFault;
use crate::backends::redis::client::protocol::command;
use crate::backends::redis::context::Context;
use crate::backends::redis::read::series::{self, BadField, Fields, LiveSeries, ReadFamily, SeriesIndex};
use crate::backends::redis::schema::{self, PartitionKeys};

/// Fields of a hash read by one command.
const PAGE_LEN: usize = 100_000;

/// The series of a declaration, and whether a living process declares it.
type ReadDeclaration = (ReadFamily, bool);

/// Results of former scrapes: most series are the same each time.
#[derive(Default)]
pub(crate) struct ReadCache {
    /// Families and their ids, by their declarations in the index.
    families: HashMap<Vec<u8>, (Arc<FamilyKey>, String)>,
    /// By key.
    series: HashMap<String, SeriesIndex>,
    /// The number of fields of large hashes.
    large: HashMap<String, usize>,
}

/// A declaration in the index.
struct IndexEntry {
    family: Arc<FamilyKey>,
    id: String,
    /// When a process last began it.
    begun: u64,
    /// There are several of its name: only those of living processes are shown.
    has_rivals: bool,
    /// The key of its hash; none for live values, in the keys of the writers.
    key: Option<String>,
}

/// Reports a field of a key that can't be read.
fn bad_field(context: &Context, key: &str, BadField { field, why }: BadField) -> RedisFault {
    context.unreadable_field(key, &String::from_utf8_lossy(&field), &why)
}

/// Reads the declarations of some families, in the order in which they were begun.
pub(crate) fn declarations(
    context: &Context,
    partition: usize,
    wants: &dyn Fn(&FamilyKey) -> bool,
) -> Result<Vec<Arc<FamilyKey>>, RedisFault> {
    let keys = PartitionKeys::new(&context.config.namespace, partition);
    let index = context.on_partition(partition, |session| {
        Ok(Vec::from_redis_value(session.request(command("HGETALL", &[&keys.families]))?)?)
    })?;
    let declarations = ReadCache::default().declarations(&keys, index, wants);
    let declarations = declarations.map_err(|bad| bad_field(context, &keys.families, bad))?;
    Ok(declarations.into_iter().map(|declaration| declaration.family).collect())
}

/// Reads all families of a scrape.
pub(crate) fn load(context: &Context, cache: &mut ReadCache, totals: &mut Totals<'_>) -> Result<(), RedisFault> {
    let found = {
        let wants = |family: &FamilyKey| totals.includes(family);
        let deadline = totals.deadline().unwrap_or_else(|| context.deadline());
        let (mut groups, mut found) = (context.pool.topology.partition_groups(), Vec::new());
        while let Some(group) = groups.pop() {
            let read = |session: &mut Session<'_>| read(context, cache, &group, &wants, session);
            let read = context.pool.with_connection(&group, deadline, read);
            match read {
                Ok(read) => found.extend(read),
                // The group is no longer on one node.
                Err(fault) if fault.is_redirect() && group.len() > 1 => {
                    groups.extend(group.into_iter().map(|one| vec![one]));
                }
                Err(fault) => return Err(fault),
            }
        }
        found
    };
    for (ReadFamily { family, series, parts, times }, is_live) in found {
        totals.provide_declaration(family, series, parts, times, is_live);
    }
    Ok(())
}

/// Returns the reply to a command on a key.
fn reply(context: &Context, value: Option<Value>, key: &str) -> Result<Value, SessionError> {
    value.unwrap_or_default().extract_error().map_err(|error| match error.code() {
        Some("WRONGTYPE") => context.wrong_type(key, "value of another type").into(),
        _ => error.into(),
    })
}

fn read(
    context: &Context,
    cache: &mut ReadCache,
    group: &[usize],
    wants: &dyn Fn(&FamilyKey) -> bool,
    session: &mut Session<'_>,
) -> Result<Vec<ReadDeclaration>, SessionError> {
    let config = &context.config;
    let partitions: Vec<_> = group.iter().map(|one| PartitionKeys::new(&config.namespace, *one)).collect();
    let mut commands = Vec::new();
    for keys in &partitions {
        commands.extend([
            command("HGETALL", &[&keys.families]),
            context.living_writers(keys),
            command("HGET", &[&*keys.writers, "schema"]),
        ]);
    }
    let mut replies = session.pipeline_results(&commands)?.into_iter();
    let (mut declarations, mut writers, mut declared_keys) = (Vec::new(), Vec::new(), Vec::new());
    for keys in &partitions {
        let index = Vec::from_redis_value(reply(context, replies.next(), &keys.families)?)?;
        let alive: Vec<String> = Vec::from_redis_value(reply(context, replies.next(), &keys.alive)?)?;
        let version = reply(context, replies.next(), &keys.writers)?;
        let version = Option::<String>::from_redis_value(version)?;
        if let Some(version) = version.filter(|version| *version != config.schema_version()) {
            return Err(context.schema_mismatch(&version).into());
        }
        let found = cache.declarations(keys, index, wants);
        let mut found = found.map_err(|bad| bad_field(context, &keys.families, bad))?;
        let mut names = HashSet::new();
        if !found.iter().all(|one| names.insert(schema::name_of(&one.id))) {
            declared_keys.extend(alive.iter().map(|writer| keys.declared(writer)));
            for one in &mut found {
                one.has_rivals = true;
            }
        }
        if found.iter().any(|one| one.key.is_none()) {
            writers.extend(alive.into_iter().map(|writer| (keys.own(&writer), writer)));
        }
        declarations.extend(found);
    }
    let own = writers.iter().map(|(key, _)| key);
    let hashes = declarations.iter().filter_map(|one| one.key.as_ref()).chain(own).chain(&declared_keys);
    let hashes: Vec<_> = hashes.cloned().collect();
    let mut contents = cache.read_hashes(context, session, &hashes)?.into_iter();
    let mut found = Vec::new();
    let mut live: HashMap<&str, LiveSeries> = HashMap::new();
    for IndexEntry { family, id, key, .. } in &declarations {
        if let Some(key) = key {
            let index = cache.series.entry(key.clone()).or_default();
            let fields = contents.next().unwrap_or_default();
            let read = index.read(family, &fields).map_err(|bad| bad_field(context, key, bad))?;
            let (series, (parts, times)) = read;
            found.push(Some(ReadFamily { family: Arc::clone(family), series, parts, times }));
        } else {
            live.insert(id, LiveSeries::new(Arc::clone(family)));
            found.push(None);
        }
    }
    for (key, writer) in &writers {
        let fields = contents.next().unwrap_or_default();
        series::add_writer(writer, &fields, &mut live).map_err(|bad| bad_field(context, key, bad))?;
    }
    let declared: HashSet<_> = contents.flatten().map(|(field, _)| field).collect();
    let all = declarations.iter().zip(found).filter_map(|(declaration, found)| {
        let found = found.or_else(|| Some(live.remove(&*declaration.id)?.finish()))?;
        Some((found, !declaration.has_rivals || declared.contains(declaration.id.as_bytes())))
    });
    Ok(all.collect())
}

impl ReadCache {
    /// Parses the declarations of some families in an index, and sorts them by the time when they were begun.
    fn declarations(
        &mut self,
        keys: &PartitionKeys,
        index: Fields,
        wants: &dyn Fn(&FamilyKey) -> bool,
    ) -> Result<Vec<IndexEntry>, BadField> {
        let (mut declarations, mut begun) = (Vec::new(), HashMap::new());
        for (field, value) in index {
            if let [first, id @ ..] = &*field
                && char::from(*first) == schema::BEGUN
            {
                let time: Option<u64> = str::from_utf8(&value).ok().and_then(|time| time.parse().ok());
                let time = time.ok_or_else(|| BadField::value(&field, &value, "time in microseconds"))?;
                begun.insert(id.to_vec(), time);
                continue;
            }
            let (family, id) = self.family(&field, value)?;
            if wants(&family) {
                let key = (!schema::is_live(&family)).then(|| keys.family(&id));
                declarations.push(IndexEntry { family, id, begun: 0, has_rivals: false, key });
            }
        }
        for one in &mut declarations {
            one.begun = begun.get(one.id.as_bytes()).copied().unwrap_or(0);
        }
        declarations.sort_by(|one, other| (one.begun, &one.id).cmp(&(other.begun, &other.id)));
        Ok(declarations)
    }

    /// Parses an entry of the index: a family and its id.
    fn family(&mut self, field: &[u8], declaration: Vec<u8>) -> Result<(Arc<FamilyKey>, String), BadField> {
        let is_it = |id: &str| id.as_bytes() == field;
        if let Some((family, id)) = self.families.get(&declaration).filter(|(_, id)| is_it(id)) {
            return Ok((Arc::clone(family), id.clone()));
        }
        let text = str::from_utf8(&declaration).ok();
        let parsed = text.and_then(|text| text.parse().ok()).map(|json| FamilyKey::from_json(&json));
        let family = match parsed {
            Some(Ok(family)) => Arc::new(family),
            Some(Err(error)) => return Err(BadField::new(field, format!("declares no family: {error}"))),
            None => return Err(BadField::value(field, &declaration, "declaration of a family")),
        };
        let id = family.id();
        if !is_it(&id) {
            return Err(BadField::new(field, format!("declares another family, `{id}`")));
        }
        self.families.insert(declaration, (Arc::clone(&family), id.clone()));
        Ok((family, id))
    }

    /// Reads all hashes in one round trip, and large ones in pages.
    fn read_hashes(
        &mut self,
        context: &Context,
        session: &mut Session<'_>,
        keys: &[String],
    ) -> Result<Vec<Fields>, SessionError> {
        let is_large = |key: &String| self.large.get(key).is_some_and(|size| *size > PAGE_LEN);
        let commands: Vec<_> = keys.iter().filter(|key| !is_large(key)).map(|key| command("HGETALL", &[key])).collect();
        let mut whole = session.pipeline_results(&commands)?.into_iter();
        let mut all = Vec::with_capacity(keys.len());
        for key in keys {
            all.push(if is_large(key) {
                read_pages(context, session, key)?
            } else {
                Vec::from_redis_value(reply(context, whole.next(), key)?)?
            });
        }
        self.large.extend(keys.iter().cloned().zip(all.iter().map(Vec::len)).filter(|(_, size)| *size > PAGE_LEN / 2));
        Ok(all)
    }
}

/// Reads a large hash in pages: the server runs other commands in between. A field that changes is read before or after.
fn read_pages(context: &Context, session: &mut Session<'_>, key: &str) -> Result<Fields, SessionError> {
    let (mut found, mut cursor) = (HashMap::new(), "0".to_owned());
    loop {
        let scan = command("HSCAN", &[key, &cursor, "COUNT", &(PAGE_LEN / 10).to_string()]);
        let page = reply(context, session.pipeline_results(&[scan])?.pop(), key)?;
        let (next, page): (String, Fields) = redis::from_redis_value(page)?;
        // A scan may return a field twice.
        found.extend(page);
        if next == "0" {
            return Ok(found.into_iter().collect());
        }
        cursor = next;
    }
}
