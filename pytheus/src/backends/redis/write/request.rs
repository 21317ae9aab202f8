//! What the script is asked, for an batch.

use redis::{FromRedisValue as _, RedisError};

use crate::backends::custom::WriterId;
use crate::backends::redis::client::connection::Link;
use crate::backends::redis::config::Settings;
use crate::backends::redis::context::{Common, layout_of};
use crate::backends::redis::schema;
use crate::backends::redis::write::numbered_batch::{Header, Mode, NumberedBatch, Request};
use crate::backends::redis::write::partition::Shard;
use std::time::Duration;

/// The request for an batch; without one, that says only that the writer lives.
pub(crate) fn request(
    common: &Common,
    shard: &Shard,
    writer: &str,
    batch: Option<&NumberedBatch>,
    link: &mut Link<'_>,
) -> Result<Request, RedisError> {
    let Settings { lease, expiry, .. } = &*common.settings;
    let keys = &shard.keys;
    let mut request = Request::new(
        [keys.writers.as_str(), &keys.alive, &keys.families, &shard.own, &shard.declared],
        [
            writer.to_owned(),
            shard.acked.to_string(),
            batch.map_or(shard.acked, |batch| batch.number).to_string(),
            milliseconds(*lease),
            expiry.as_secs().max(1).to_string(),
            layout_of(&common.settings),
            WriterId::random().to_string(),
            std::process::id().to_string(),
            u8::from(shard.had_own).to_string(),
        ],
    );
    let mut others: Option<Vec<usize>> = None;
    for group in batch.iter().flat_map(|batch| &batch.families) {
        let Some(known) = shard.families.get(&group.family) else { continue };
        let family = &*group.family;
        let is_live = schema::is_live(&known.family);
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
                let header = Header { family, schema: "", begun: "", incarnation: "", key, mode: Mode::Removal };
                request.group(&header, &group.ops);
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
        let begun = known.begun.map_or_else(String::new, |begun| begun.to_string());
        request.group(&Header { family, schema, begun: &begun, incarnation, key, mode }, &group.ops);
    }
    Ok(request)
}

/// Those who have been alive of late.
fn living(common: &Common, shard: &Shard, link: &mut Link<'_>) -> Result<Vec<String>, RedisError> {
    let mut command = redis::cmd("ZRANGEBYSCORE");
    command.arg(&shard.keys.alive).arg(common.long_ago()).arg("+inf");
    let answer = link.pipeline(&[command])?.pop().unwrap_or_default();
    Ok(Vec::from_redis_value(answer)?)
}

fn milliseconds(time: Duration) -> String {
    time.as_millis().max(1).to_string()
}
