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

/// The writer of a request, and its precondition.
pub(crate) struct RequestHeader<'a> {
    pub(crate) writer: &'a str,
    pub(crate) acked_seq: u64,
    /// The number of this batch; [`acked_seq`](Self::acked_seq) for a renewal of the lease alone.
    pub(crate) seq: u64,
    pub(crate) lease_ms: u128,
    pub(crate) pid: String,
    /// `1`: the writer's own keys should exist; `0`: they may not; `recovery`: another process writes in its name.
    pub(crate) mode: &'a str,
}

#[derive(Default)]
pub(crate) struct ScriptRequest {
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl ScriptRequest {
    pub(crate) fn new(context: &Context, keys: &PartitionKeys, header: RequestHeader<'_>) -> Self {
        let (own, declared) = (keys.own(header.writer), keys.declared(header.writer));
        let keys = [&keys.writers, &keys.alive, &keys.families, &own, &declared];
        let arguments = [
            header.writer.to_owned(),
            header.acked_seq.to_string(),
            header.seq.to_string(),
            header.lease_ms.max(1).to_string(),
            context.config.retention.as_secs().max(1).to_string(),
            context.config.schema_version(),
            WriterId::random().to_string(),
            header.pid,
            header.mode.to_owned(),
        ];
        Self {
            keys: keys.map(|key| key.as_bytes().to_vec()).into(),
            arguments: arguments.map(String::into_bytes).into(),
        }
    }

    /// Adds a key, and returns its index.
    pub(crate) fn add_key(&mut self, key: String) -> usize {
        self.keys.push(key.into_bytes());
        self.keys.len()
    }

    pub(crate) fn add_family(&mut self, header: &FamilyHeader<'_>, ops: &[FieldOp]) {
        let FamilyHeader { family, declaration, begun, generation, key, mode } = header;
        let head = [family, declaration, generation, &*key.to_string(), mode, begun, &*ops.len().to_string()];
        self.arguments.extend(head.map(|text| text.as_bytes().to_vec()));
        for FieldOp { code, field, amount } in ops {
            self.arguments.extend([code.word(), field.as_bytes(), amount.as_bytes()].map(<[u8]>::to_vec));
        }
    }

    /// Returns keys and arguments in one list, and the number of keys.
    pub(crate) fn into_arguments(mut self) -> (Vec<Vec<u8>>, usize) {
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
    let header = RequestHeader {
        writer,
        acked_seq: partition.acked_seq,
        seq: batch.map_or(partition.acked_seq, |batch| batch.seq),
        lease_ms: context.config.lease.as_millis(),
        pid: std::process::id().to_string(),
        mode: if partition.had_own_keys { "1" } else { "0" },
    };
    let mut request = ScriptRequest::new(context, &partition.keys, header);
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
