//! The reply of `apply.lua`.

use redis::{FromRedisValue as _, Value};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ScriptReply {
    Acknowledged(Acknowledgement),
    /// The expected state of the server is not there: it has lost data, or another process has recovered this writer.
    DataLoss,
    /// The namespace has another schema.
    WrongSchema(String),
    /// A key has another type.
    WrongType(String, String),
    /// A field of a key has a value that nothing can be added to.
    NotANumber(String, String, String),
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
    /// Parses the reply, and the server's time in ms since 1970.
    pub(crate) fn parse(value: Value) -> Option<(Self, u64)> {
        let Value::Array(parts) = value else { return None };
        let mut parts = parts.into_iter();
        let mut text = || String::from_redis_value(parts.next()?).ok();
        let (word, now) = (text()?, text()?.parse().ok()?);
        let reply = match word.as_str() {
            "data_loss" => Self::DataLoss,
            "schema" => Self::WrongSchema(text()?),
            "type" => Self::WrongType(text()?, text()?),
            "value" => Self::NotANumber(text()?, text()?, text()?),
            "applied" | "duplicate" => {
                let mut pairs = || {
                    let flat: Vec<String> = Vec::from_redis_value(parts.next()?).ok()?;
                    Some(flat.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect::<Vec<_>>())
                };
                let (generations, begun) = (pairs()?, pairs()?);
                let time = |(family, time): (String, String)| Some((family, time.parse().ok()?));
                let begun = begun.into_iter().map(time).collect::<Option<_>>()?;
                Self::Acknowledged(Acknowledgement { is_duplicate: word == "duplicate", generations, begun })
            }
            _ => return None,
        };
        Some((reply, now))
    }
}
