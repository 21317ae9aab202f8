//! Keys and arguments of `apply.lua`.

use redis::FromRedisValue as _;

use crate::backends::custom::WriterId;
use crate::backends::redis::client::connection::{Session, SessionError};
use crate::backends::redis::context::Context;
use crate::backends::redis::schema::{self, PartitionKeys};
use crate::backends::redis::write::numbered_batch::{FieldOp, NumberedBatch};
use crate::backends::redis::write::partition::Partition;

/// The header of a family's operations.
#[derive(Default)]
pub(crate) struct FamilyHeader<'a> {
    pub(crate) family: &'a str,
    /// The declaration, unless the server has it.
    pub(crate) declaration: &'a str,
    /// When this writer began the family, in µs since 1970; empty stands for now.
    pub(crate) begun: &'a str,
    /// The known generation of its hash.
    pub(crate) generation: &'a str,
    /// The index of its key, from 1.
    pub(crate) key: usize,
    /// `h` for a family's hash, `o` for the writer's own key, `r` for a removal.
    pub(crate) mode: &'static str,
}

/// The state that a request expects of the writer's own keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnKeys {
    Present,
    MaybeAbsent,
    /// Another process writes in the name of an ended one: there are none, and the lease is over.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there is no spool"))]
    Recovered,
}

/// Keys and arguments of a script.
#[derive(Default)]
pub(crate) struct ScriptRequest {
    keys: Vec<String>,
    arguments: Vec<String>,
}

impl ScriptRequest {
    /// Begins a request for the batch after `acked_seq`; one of the same number renews the lease alone.
    pub(crate) fn new(
        context: &Context,
        keys: &PartitionKeys,
        writer: &str,
        [acked_seq, seq]: [u64; 2],
        own_keys: OwnKeys,
    ) -> Self {
        let (lease, pid, mode) = match own_keys {
            OwnKeys::Recovered => (1, String::new(), "recovery"),
            OwnKeys::Present => (context.config.lease.as_millis(), std::process::id().to_string(), "1"),
            OwnKeys::MaybeAbsent => (context.config.lease.as_millis(), std::process::id().to_string(), "0"),
        };
        let PartitionKeys { writers, alive, families, .. } = keys.clone();
        let arguments = [
            writer.to_owned(),
            acked_seq.to_string(),
            seq.to_string(),
            lease.max(1).to_string(),
            context.config.retention.as_secs().max(1).to_string(),
            context.config.schema_version(),
            WriterId::random().to_string(),
            pid,
            mode.to_owned(),
        ];
        let keys = vec![writers, alive, families, keys.own(writer), keys.declared(writer)];
        Self { keys, arguments: arguments.into() }
    }

    /// Adds a key, and returns its index.
    pub(crate) fn add_key(&mut self, key: String) -> usize {
        self.keys.push(key);
        self.keys.len()
    }

    pub(crate) fn add_family(&mut self, header: &FamilyHeader<'_>, ops: &[FieldOp]) {
        let FamilyHeader { family, declaration, begun, generation, key, mode } = header;
        let head = [family, declaration, generation, &*key.to_string(), mode, begun, &*ops.len().to_string()];
        self.arguments.extend(head.map(str::to_owned));
        for FieldOp { code, field, amount } in ops {
            self.arguments.extend([code.word(), field, amount].map(str::to_owned));
        }
    }

    /// Returns keys and arguments in one list, and the number of keys.
    pub(crate) fn into_arguments(mut self) -> (Vec<String>, usize) {
        let key_count = self.keys.len();
        self.keys.append(&mut self.arguments);
        (self.keys, key_count)
    }
}

/// The index of the writer's own key.
const OWN_KEY: usize = 4;

/// Builds the request for a batch; without one, a renewal of the lease.
pub(crate) fn build(
    context: &Context,
    partition: &Partition,
    writer: &str,
    batch: Option<&NumberedBatch>,
    session: &mut Session<'_>,
) -> Result<ScriptRequest, SessionError> {
    let seq = batch.map_or(partition.acked_seq, |batch| batch.seq);
    let expected = if partition.had_own_keys { OwnKeys::Present } else { OwnKeys::MaybeAbsent };
    let mut request = ScriptRequest::new(context, &partition.keys, writer, [partition.acked_seq, seq], expected);
    let mut own_keys: Option<Vec<usize>> = None;
    for ops in batch.iter().flat_map(|batch| &batch.families) {
        let Some(state) = partition.families.get(&ops.family) else { continue };
        let family = &*ops.family;
        let is_live = schema::is_live(&state.family);
        if ops.is_removal {
            let own_key;
            let keys: &[usize] = if is_live {
                // A live value is removed from the keys of all living writers.
                match &mut own_keys {
                    Some(keys) => keys,
                    none => {
                        let writers = session.request(context.living_writers(&partition.keys))?;
                        let writers: Vec<String> = Vec::from_redis_value(writers)?;
                        none.insert(writers.iter().map(|one| request.add_key(partition.keys.own(one))).collect())
                    }
                }
            } else {
                own_key = [request.add_key(partition.keys.family(family))];
                &own_key
            };
            for &key in keys {
                request.add_family(&FamilyHeader { family, key, mode: "r", ..FamilyHeader::default() }, &ops.ops);
            }
            continue;
        }
        let header = FamilyHeader {
            family,
            declaration: if state.is_declared { "" } else { &state.declaration },
            begun: &state.begun.map_or_else(String::new, |begun| begun.to_string()),
            generation: state.generation.as_deref().filter(|_| !is_live).unwrap_or(""),
            key: if is_live { OWN_KEY } else { request.add_key(partition.keys.family(family)) },
            mode: if is_live { "o" } else { "h" },
        };
        request.add_family(&header, &ops.ops);
    }
    Ok(request)
}
