//! The reply of `apply.lua`.

use redis::{FromRedisValue as _, Value};

use crate::backends::redis::client::error::RedisFault;
use crate::backends::redis::context::Context;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ScriptReply {
    Acknowledged(Acknowledgement),
    /// The expected state of the server is not there: it has lost data, or another process has recovered this writer.
    DataLoss,
}

/// The acknowledgement of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    /// The batch had been applied before, and its reply was lost.
    pub(crate) is_duplicate: bool,
    /// The generations of families without a known one; empty for a hash that is gone since.
    pub(crate) generations: Vec<(String, String)>,
    /// When the families that it declares were begun, in µs since 1970.
    pub(crate) begun: Vec<(String, u64)>,
}

impl ScriptReply {
    /// Parses a reply, and takes the server's clock from it; a refusal becomes a fault.
    pub(crate) fn parse(context: &Context, value: Value) -> Result<Self, RedisFault> {
        let Value::Array(parts) = value else { return Err(context.unexpected_reply()) };
        parse(context, parts).unwrap_or_else(|| Err(context.unexpected_reply()))
    }
}

fn parse(context: &Context, parts: Vec<Value>) -> Option<Result<ScriptReply, RedisFault>> {
    let mut parts = parts.into_iter();
    let mut text = || String::from_redis_value(parts.next()?).ok();
    let word = text()?;
    context.set_clock(text()?.parse().ok()?);
    Some(match word.as_str() {
        "data_loss" => Ok(ScriptReply::DataLoss),
        "schema" => Err(context.schema_mismatch(&text()?)),
        "type" => Err(context.wrong_type(&text()?, &text()?)),
        "value" => Err(context.not_a_number(&text()?, &text()?, &text()?)),
        "applied" | "duplicate" => {
            let mut pairs = || {
                let flat: Vec<String> = Vec::from_redis_value(parts.next()?).ok()?;
                Some(flat.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect::<Vec<_>>())
            };
            let (generations, begun) = (pairs()?, pairs()?);
            let time = |(family, time): (String, String)| Some((family, time.parse().ok()?));
            let begun = begun.into_iter().map(time).collect::<Option<_>>()?;
            let is_duplicate = word == "duplicate";
            Ok(ScriptReply::Acknowledged(Acknowledgement { is_duplicate, generations, begun }))
        }
        _ => return None,
    })
}
