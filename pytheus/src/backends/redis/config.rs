//! What is configured.

use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "redis-tls")]
use redis::{ClientTlsConfig, TlsCertificates};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};

use crate::backends::custom::{Config, Secret};
use crate::backends::redis::client::topology::{self, Servers};
use crate::backends::redis::schema;
use crate::backends::{ConfigError, Value};

/// The port that Redis has.
const PORT: u64 = 6379;

/// How everything is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Own,
    /// As Python does it.
    Python,
}

/// The configuration, checked.
pub(crate) struct Settings {
    pub(crate) servers: Servers,
    /// Who we are there, with the secrets: never shown.
    pub(crate) who: RedisConnectionInfo,
    #[cfg(feature = "redis-tls")]
    pub(crate) certificates: Option<TlsCertificates>,
    /// Where the servers are, for people.
    pub(crate) place: String,
    pub(crate) layout: Layout,
    pub(crate) namespace: String,
    pub(crate) shards: u64,
    /// How long a namespace is kept when none of its processes lives.
    pub(crate) expiry: Duration,
    /// How long a process lives that has not been heard of.
    pub(crate) lease: Duration,
    pub(crate) interval: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    /// Must the server be there from the beginning?
    pub(crate) wait: bool,
    /// Where the cells of processes are that count for this namespace.
    pub(crate) spool: Option<PathBuf>,
}

impl Settings {
    /// Reads all keys, and refuses others.
    pub(crate) fn read(config: &mut Config) -> Result<Self, ConfigError> {
        let seconds = |least: f64| Duration::from_secs_f64(least)..=WEEK;
        let (servers, who) = servers(config)?;
        #[cfg(feature = "redis-tls")]
        let certificates = certificates(config)?;
        let place = servers.place();
        let namespace = config.string("key_prefix")?.unwrap_or_else(|| "pytheus".to_owned());
        // What stands between braces is what a cluster places a key by.
        if namespace.is_empty() || namespace.len() > 200 || namespace.contains(['{', '}']) {
            return Err(config.invalid("key_prefix", "a text of 1 to 200 bytes, without `{` and `}`"));
        }
        let layout = layout(config)?;
        let timeout = config.duration("timeout", seconds(0.01))?.unwrap_or(Duration::from_secs(2));
        let shards = config.integer("shards", 1..=1024)?.unwrap_or(1);
        let spool = config.path("spool_directory")?;
        let spool = spool.map(|directory| directory.join(spool_name(&place, who.db(), &namespace, shards)));
        let settings = Self {
            servers,
            who,
            #[cfg(feature = "redis-tls")]
            certificates,
            place,
            layout,
            namespace,
            shards,
            expiry: config
                .duration("expire_key_time", Duration::from_secs(1)..=YEAR * 10)?
                .unwrap_or(Duration::from_secs(3_600)),
            lease: config.duration("lease", seconds(0.5))?.unwrap_or(Duration::from_secs(10)),
            interval: config.duration("flush_interval", seconds(0.001))?.unwrap_or(Duration::from_millis(100)),
            connect_timeout: config.duration("connect_timeout", seconds(0.01))?.unwrap_or(timeout).min(timeout),
            timeout,
            wait: config.bool("wait")?.unwrap_or(false),
            spool,
        };
        config.finish()?;
        Ok(settings)
    }
}

const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// The layout; that of Python has no need of some keys.
fn layout(config: &mut Config) -> Result<Layout, ConfigError> {
    let layout = config.get("layout", "\"pytheus\" or \"pytheus-python\"", |value| match value.as_str()? {
        "pytheus" => Some(Layout::Own),
        "pytheus-python" => Some(Layout::Python),
        _ => None,
    })?;
    if layout == Some(Layout::Python) {
        for (key, why) in [
            ("key_prefix", "what Python writes under a prefix, its own scrapes do not read"),
            ("cluster", "Python knows of none"),
            ("shards", "Python's keys are not spread"),
            ("spool_directory", "what a killed process has told can't be known there"),
        ] {
            if config.values().get(key).is_some_and(|value| !value.is_null()) {
                return Err(config.invalid(key, &format!("left out with the layout `pytheus-python`: {why}")));
            }
        }
    }
    Ok(layout.unwrap_or(Layout::Own))
}

/// A directory of its own for each namespace and server: what was counted for one is not told to another.
fn spool_name(place: &str, db: i64, namespace: &str, shards: u64) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = namespace.chars().take(40).map(plain).collect();
    let all = format!("{place}\n{db}\n{namespace}\n{shards}");
    format!("{name}-{:016x}", schema::hash(&all))
}

/// Where servers are and who we are there: of `url`, and of keys of their own, which go before.
fn servers(config: &mut Config) -> Result<(Servers, RedisConnectionInfo), ConfigError> {
    ["host", "cluster", "sentinels"].into_iter().try_for_each(|key| no_url(config, key))?;
    let url = config.secret("url")?;
    let (host, port) = (config.string("host")?, config.integer("port", 1..=65_535)?);
    let db = config.integer("db", 0..=i64::MAX.cast_unsigned())?;
    let (username, password) = (config.string("username")?, config.secret("password")?);
    let (cluster, sentinels) = (config.strings("cluster")?, config.strings("sentinels")?);
    let service = config.string("service_name")?;
    let (sentinel_username, sentinel_password) =
        (config.string("sentinel_username")?, config.secret("sentinel_password")?);
    let tls = config.bool("tls")?;
    let lists = [("cluster", cluster.is_some()), ("sentinels", sentinels.is_some())];
    for (key, instead) in [("host", host.is_some()), ("port", port.is_some())] {
        if let Some((other, _)) = lists.iter().chain(&[("url", url.is_some())]).find(|(_, given)| instead && *given) {
            return Err(config.invalid(key, &format!("left out where there is `{other}`")));
        }
    }
    if cluster.is_some() && sentinels.is_some() {
        return Err(config.invalid("sentinels", "left out where there is `cluster`"));
    }
    if cfg!(not(feature = "redis-tls")) {
        let without = |key: &str| config.values().contains_key(key);
        let key = ["tls_ca", "tls_cert", "tls_key"].into_iter().find(|key| without(key));
        if let Some(key) = key.or((tls == Some(true)).then_some("tls")) {
            return Err(config.invalid(key, "left out: this program has pytheus without its feature `redis-tls`"));
        }
    }
    let info = if let Some(url) = url {
        // What is wrong with it is not shown: it may have a password in it.
        let parsed = redis::parse_redis_url(url.reveal()).and_then(|url| url.into_connection_info().ok());
        let is_insecure = |info: &ConnectionInfo| matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. });
        if parsed.as_ref().is_some_and(is_insecure) {
            return Err(config.invalid("url", "one without `#insecure`: name whom to trust with `tls_ca`"));
        }
        let right = "a URL such as \"redis://user:password@host:6379/0\", where `@ / ? # %` within a password are written as \
             `%40 %2F %3F %23 %25`, or the password is in `password`; `rediss` needs the feature `redis-tls` of pytheus";
        let parsed = parsed.filter(|_| is_plain(url.reveal()));
        parsed.ok_or_else(|| config.invalid("url", right))?
    } else {
        let port = u16::try_from(port.unwrap_or(PORT)).unwrap_or_default();
        let host = host.as_deref().map_or("127.0.0.1", topology::bare);
        let wrong = |_| config.invalid("host", "the name or address of a server");
        address(host.to_owned(), port, tls == Some(true)).into_connection_info().map_err(wrong)?
    };
    let mut who = info.redis_settings().clone();
    if let Some(db) = db {
        who = who.set_db(db.cast_signed());
    }
    who = known_as(config, who, ("username", username), ("password", password))?;
    let nodes = |key: &str, list: Vec<String>| -> Result<Vec<ConnectionAddr>, ConfigError> {
        let nodes: Option<Vec<_>> = list
            .iter()
            .map(|node| topology::split(node).map(|(host, port)| topology::beside(info.addr(), host, port)))
            .collect();
        nodes.filter(|nodes| !nodes.is_empty()).ok_or_else(|| config.invalid(key, "a list such as [\"host:6379\"]"))
    };
    let servers = match (cluster, sentinels) {
        (Some(_), _) if who.db() != 0 => return Err(config.invalid("db", "0, as a cluster has no other")),
        (Some(cluster), _) => Servers::Cluster(nodes("cluster", cluster)?),
        (None, Some(sentinels)) => Servers::Sentinels {
            nodes: nodes("sentinels", sentinels)?,
            service: service.unwrap_or_else(|| "mymaster".to_owned()),
            who: known_as(
                config,
                RedisConnectionInfo::default(),
                ("sentinel_username", sentinel_username),
                ("sentinel_password", sentinel_password),
            )?,
        },
        (None, None) => Servers::One(info.addr().clone()),
    };
    Ok((servers, who))
}

/// Whether what a URL means as a password is one: with `@`, `/`, `?` or `#` in it, the rest of the password would be taken
/// for the host, which shows in errors.
fn is_plain(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.find(['/', '?', '#']).map_or(rest, |end| &rest[..end]);
    let is_encoded = |(at, _): (usize, &str)| {
        url.get(at + 1..at + 3).is_some_and(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit()))
    };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    !rest.contains('#')
        && !user.contains(['@', '[', ']'])
        && !rest[authority.len()..].contains('@')
        && (host.is_empty() || topology::is_host(host.rsplit_once(':').map_or(host, |(host, _)| host)))
        && url.match_indices('%').all(is_encoded)
}

/// A URL is in its own key, as it may have a password in it: where servers are shows in errors.
fn no_url(config: &Config, key: &str) -> Result<(), ConfigError> {
    let is_url = |value: &Value| {
        let host =
            |text: &str| !topology::is_host(topology::split(text).map_or(topology::bare(text), |(host, _)| host));
        value.as_str().is_some_and(host)
    };
    let found = config.values().get(key);
    if !found.is_some_and(|value| is_url(value) || value.as_array().is_some_and(|list| list.iter().any(is_url))) {
        return Ok(());
    }
    let right = "names or addresses alone: who we are there is in `username` and `password`, or in `url`";
    Err(config.invalid(key, right))
}

/// Somebody with a name and a password of the configuration, where there are any.
fn known_as(
    config: &Config,
    mut who: RedisConnectionInfo,
    (_, username): (&str, Option<String>),
    (key, password): (&str, Option<Secret>),
) -> Result<RedisConnectionInfo, ConfigError> {
    if let Some(password) = password {
        who = who.set_password(password.reveal());
    }
    if let Some(username) = username {
        // Without one we would be nobody.
        if who.password().is_none() {
            return Err(config.missing(key));
        }
        who = who.set_username(username);
    }
    Ok(who)
}

#[cfg(feature = "redis-tls")]
fn address(host: String, port: u16, tls: bool) -> ConnectionAddr {
    if tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    }
}

#[cfg(not(feature = "redis-tls"))]
fn address(host: String, port: u16, _: bool) -> ConnectionAddr {
    ConnectionAddr::Tcp(host, port)
}

/// The certificates of files, where there are any.
#[cfg(feature = "redis-tls")]
fn certificates(config: &mut Config) -> Result<Option<TlsCertificates>, ConfigError> {
    let mut read = |key: &str| -> Result<Option<Vec<u8>>, ConfigError> {
        let Some(path) = config.path(key)? else { return Ok(None) };
        std::fs::read(path)
            .map(Some)
            .map_err(|error| config.invalid(key, &format!("the path of a file in PEM format ({error})")))
    };
    let (root_cert, client_cert, client_key) = (read("tls_ca")?, read("tls_cert")?, read("tls_key")?);
    let client_tls = match (client_cert, client_key) {
        (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig { client_cert, client_key }),
        (None, None) => None,
        (Some(_), None) => return Err(config.missing("tls_key")),
        (None, Some(_)) => return Err(config.missing("tls_cert")),
    };
    Ok((root_cert.is_some() || client_tls.is_some()).then_some(TlsCertificates { client_tls, root_cert }))
}
