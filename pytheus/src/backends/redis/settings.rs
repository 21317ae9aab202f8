//! What is configured.

use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};

use crate::backends::{Config, ConfigError};

/// The port that Redis has.
const PORT: u64 = 6379;

/// The configuration, checked.
pub(super) struct Settings {
    /// With the secrets: never shown.
    pub(super) server: ConnectionInfo,
    /// Where that is, for people.
    pub(super) place: String,
    pub(super) namespace: String,
    pub(super) shards: u64,
    /// How long a namespace is kept when none of its processes lives.
    pub(super) expiry: Duration,
    /// How long a process lives that has not been heard of.
    pub(super) lease: Duration,
    pub(super) interval: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    /// Must the server be there from the beginning?
    pub(super) wait: bool,
}

impl Settings {
    /// Reads all keys, and refuses others.
    pub(super) fn read(config: &mut Config) -> Result<Self, ConfigError> {
        let seconds = |least: f64| Duration::from_secs_f64(least)..=Duration::from_secs(7 * 24 * 3_600);
        let server = server(config)?;
        let place = server.addr().to_string();
        let namespace = config.string("key_prefix")?.unwrap_or_else(|| "pytheus".to_owned());
        // What stands between braces is what a cluster places a key by.
        if namespace.is_empty() || namespace.len() > 200 || namespace.contains(['{', '}']) {
            return Err(config.invalid("key_prefix", "a text of 1 to 200 bytes, without `{` and `}`"));
        }
        config.get("layout", "\"pytheus\"", |value| (value == "pytheus").then_some(()))?;
        let timeout = config.duration("timeout", seconds(0.01))?.unwrap_or(Duration::from_secs(2));
        let settings = Self {
            server,
            place,
            namespace,
            shards: config.integer("shards", 1..=1024)?.unwrap_or(1),
            expiry: config.duration("expire_key_time", seconds(1.0))?.unwrap_or(Duration::from_secs(3_600)),
            lease: config.duration("lease", seconds(0.5))?.unwrap_or(Duration::from_secs(10)),
            interval: config.duration("flush_interval", seconds(0.001))?.unwrap_or(Duration::from_millis(100)),
            connect_timeout: config.duration("connect_timeout", seconds(0.01))?.unwrap_or(timeout).min(timeout),
            timeout,
            wait: config.bool("wait")?.unwrap_or(false),
        };
        config.finish()?;
        Ok(settings)
    }
}

/// The address and who we are there: of `url`, and of keys of their own, which go before.
fn server(config: &mut Config) -> Result<ConnectionInfo, ConfigError> {
    let url = config.secret("url")?;
    let (host, port) = (config.string("host")?, config.integer("port", 1..=65_535)?);
    let db = config.integer("db", 0..=i64::MAX.cast_unsigned())?;
    let (username, password) = (config.string("username")?, config.secret("password")?);
    let info = if let Some(url) = url {
        if let Some(key) = host.as_ref().map(|_| "host").or(port.map(|_| "port")) {
            return Err(config.invalid(key, "left out where there is a `url`"));
        }
        // What is wrong with it is not shown: it may have a password in it.
        let parsed = redis::parse_redis_url(url.reveal()).and_then(|url| url.into_connection_info().ok());
        parsed.ok_or_else(|| {
            config.invalid("url", "a URL such as \"redis://user:password@host:6379/0\"; `rediss` needs TLS")
        })?
    } else {
        let port = u16::try_from(port.unwrap_or(PORT)).unwrap_or_default();
        let address = ConnectionAddr::Tcp(host.unwrap_or_else(|| "127.0.0.1".to_owned()), port);
        address.into_connection_info().map_err(|_| config.invalid("host", "the name or address of a server"))?
    };
    let mut who: RedisConnectionInfo = info.redis_settings().clone();
    if let Some(db) = db {
        who = who.set_db(db.cast_signed());
    }
    if let Some(username) = username {
        who = who.set_username(username);
    }
    if let Some(password) = password {
        who = who.set_password(password.reveal());
    }
    Ok(info.set_redis_settings(who.set_lib_name("pytheus", env!("CARGO_PKG_VERSION"))))
}
