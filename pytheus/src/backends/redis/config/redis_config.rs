//! The configuration, read and checked.

use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "redis-tls")]
use redis::{ClientTlsConfig, TlsCertificates};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};

use crate::backends::custom::{Config, Secret};
use crate::backends::redis::config::endpoints::{Endpoints, is_host, split_host_port, strip_brackets, with_host_port};
use crate::backends::redis::schema;
use crate::backends::{ConfigError, Value};

/// The default port of Redis.
const PORT: u64 = 6379;

/// The configured layout of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Native,
    #[cfg(feature = "redis-python")]
    Python,
}

pub(crate) struct RedisConfig {
    pub(crate) endpoints: Endpoints,
    /// User, password and database; never shown.
    pub(crate) credentials: RedisConnectionInfo,
    #[cfg(feature = "redis-tls")]
    pub(crate) certificates: Option<TlsCertificates>,
    /// The servers, for messages.
    pub(crate) display_addr: String,
    pub(crate) layout: Layout,
    pub(crate) namespace: String,
    pub(crate) partitions: usize,
    /// How long Redis keeps a namespace without a living process.
    pub(crate) retention: Duration,
    /// How long a silent process counts as living.
    pub(crate) lease: Duration,
    pub(crate) flush_interval: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) waits_at_start: bool,
    /// The directory with the cells of the processes of this namespace.
    pub(crate) spool: Option<PathBuf>,
}

impl RedisConfig {
    /// Reads all keys, and refuses unknown ones.
    pub(crate) fn read(config: &mut Config) -> Result<Self, ConfigError> {
        let seconds = |least: f64| Duration::from_secs_f64(least)..=WEEK;
        let (endpoints, credentials) = servers(config)?;
        #[cfg(feature = "redis-tls")]
        let certificates = certificates(config)?;
        let display_addr = endpoints.display_addr();
        let namespace = config.string("key_prefix")?.unwrap_or_else(|| "pytheus".to_owned());
        // A cluster hashes only the part of a key between braces.
        if namespace.is_empty() || namespace.len() > 200 || namespace.contains(['{', '}']) {
            return Err(config.invalid("key_prefix", "a text of 1 to 200 bytes, without `{` and `}`"));
        }
        let layout = layout(config)?;
        let timeout = config.duration("timeout", seconds(0.01))?.unwrap_or(Duration::from_secs(2));
        let partitions = config.integer("partitions", 1..=1024)?.unwrap_or(1);
        let partitions = usize::try_from(partitions).unwrap_or(1);
        let spool = config.path("spool_directory")?;
        let spool =
            spool.map(|directory| directory.join(spool_name(&display_addr, credentials.db(), &namespace, partitions)));
        let all = Self {
            endpoints,
            credentials,
            #[cfg(feature = "redis-tls")]
            certificates,
            display_addr,
            layout,
            namespace,
            partitions,
            retention: config
                .duration("expire_key_time", Duration::from_secs(1)..=YEAR * 10)?
                .unwrap_or(Duration::from_secs(3_600)),
            lease: config.duration("lease", seconds(0.5))?.unwrap_or(Duration::from_secs(10)),
            flush_interval: config.duration("flush_interval", seconds(0.001))?.unwrap_or(Duration::from_millis(100)),
            connect_timeout: config.duration("connect_timeout", seconds(0.01))?.unwrap_or(timeout).min(timeout),
            timeout,
            waits_at_start: config.bool("wait")?.unwrap_or(false),
            spool,
        };
        config.finish()?;
        Ok(all)
    }

    /// Returns the version of the schema and the number of partitions: all processes of a namespace agree on both.
    pub(crate) fn schema_version(&self) -> String {
        format!("2/{}", self.partitions)
    }
}

const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Reads the layout. The keys of Python have no room for some options.
fn layout(config: &mut Config) -> Result<Layout, ConfigError> {
    const PYTHON: &str = "pytheus-python";
    let layout = config.get("layout", "\"pytheus\" or \"pytheus-python\"", |value| {
        value.as_str().filter(|layout| matches!(*layout, "pytheus" | PYTHON)).map(str::to_owned)
    })?;
    if layout.as_deref() != Some(PYTHON) {
        return Ok(Layout::Native);
    }
    for (key, why) in [
        ("key_prefix", "Python's own scrapes do not read keys with a prefix"),
        ("cluster", "Python has none"),
        ("partitions", "Python's keys are not partitioned"),
        ("spool_directory", "its keys do not say which counts of a killed process they contain"),
    ] {
        if config.values().get(key).is_some_and(|value| !value.is_null()) {
            return Err(config.invalid(key, &format!("left out with the layout `{PYTHON}`: {why}")));
        }
    }
    #[cfg(feature = "redis-python")]
    return Ok(Layout::Python);
    #[cfg(not(feature = "redis-python"))]
    Err(config.invalid("layout", "\"pytheus\": this program has pytheus without its feature `redis-python`"))
}

/// Names the directory of a namespace, server and number of partitions: counts for one are not sent to another.
fn spool_name(display_addr: &str, db: i64, namespace: &str, partitions: usize) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = namespace.chars().take(40).map(plain).collect();
    let all = format!("{display_addr}\n{db}\n{namespace}\n{partitions}");
    format!("{name}-{:016x}", schema::hash(&all))
}

/// Reads servers and credentials from `url` and from their own keys, which have precedence.
fn servers(config: &mut Config) -> Result<(Endpoints, RedisConnectionInfo), ConfigError> {
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
        // The message does not quote the URL: it may contain a password.
        let parsed = redis::parse_redis_url(url.reveal()).and_then(|url| url.into_connection_info().ok());
        let is_insecure = |info: &ConnectionInfo| matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. });
        if parsed.as_ref().is_some_and(is_insecure) {
            return Err(config.invalid("url", "one without `#insecure`: name the authority to trust in `tls_ca`"));
        }
        let expected = "a URL such as \"redis://user:password@host:6379/0\", where `@ / ? # %` within a password are written as \
             `%40 %2F %3F %23 %25`, or the password is in `password`; `rediss` needs the feature `redis-tls` of pytheus";
        let parsed = parsed.filter(|_| is_plain(url.reveal()));
        parsed.ok_or_else(|| config.invalid("url", expected))?
    } else {
        let port = u16::try_from(port.unwrap_or(PORT)).unwrap_or_default();
        let host = host.as_deref().map_or("127.0.0.1", strip_brackets).to_owned();
        let address = match tls {
            Some(true) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            _ => ConnectionAddr::Tcp(host, port),
        };
        let wrong = |_| config.invalid("host", "the name or address of a server");
        address.into_connection_info().map_err(wrong)?
    };
    let mut credentials = info.redis_settings().clone();
    if let Some(db) = db {
        credentials = credentials.set_db(db.cast_signed());
    }
    credentials = with_credentials(config, credentials, username, ("password", password))?;
    let nodes = |key: &str, list: Vec<String>| -> Result<Vec<ConnectionAddr>, ConfigError> {
        let nodes = list.iter().map(|node| split_host_port(node));
        let nodes = nodes.map(|node| node.map(|(host, port)| with_host_port(info.addr(), host, port)));
        let nodes: Option<Vec<_>> = nodes.collect();
        nodes.filter(|nodes| !nodes.is_empty()).ok_or_else(|| config.invalid(key, "a list such as [\"host:6379\"]"))
    };
    let endpoints = match (cluster, sentinels) {
        (Some(_), _) if credentials.db() != 0 => return Err(config.invalid("db", "0, as a cluster has no other")),
        (Some(cluster), _) => Endpoints::Cluster(nodes("cluster", cluster)?),
        (None, Some(sentinels)) => Endpoints::Sentinels {
            nodes: nodes("sentinels", sentinels)?,
            service: service.unwrap_or_else(|| "mymaster".to_owned()),
            credentials: with_credentials(
                config,
                RedisConnectionInfo::default(),
                sentinel_username,
                ("sentinel_password", sentinel_password),
            )?,
        },
        (None, None) => Endpoints::Single(info.addr().clone()),
    };
    Ok((endpoints, credentials))
}

/// Returns whether the password in a URL is encoded. After a bare `@`, `/`, `?` or `#`, the rest of it would be taken for the
/// host, and shown in errors.
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
        && (host.is_empty() || is_host(host.rsplit_once(':').map_or(host, |(host, _)| host)))
        && url.match_indices('%').all(is_encoded)
}

/// Refuses a URL in the key of a host: hosts are shown in errors, and a URL may contain a password.
fn no_url(config: &Config, key: &str) -> Result<(), ConfigError> {
    let is_host = |text: &str| is_host(split_host_port(text).map_or(strip_brackets(text), |(host, _)| host));
    let values = match config.values().get(key) {
        Some(Value::Array(values)) => values.as_slice(),
        value => value.map(std::slice::from_ref).unwrap_or_default(),
    };
    if values.iter().filter_map(Value::as_str).all(is_host) {
        return Ok(());
    }
    let expected = "names or addresses alone: the user is in `username` and `password`, or in `url`";
    Err(config.invalid(key, expected))
}

/// Sets the user name and password, where they are configured.
fn with_credentials(
    config: &Config,
    mut credentials: RedisConnectionInfo,
    username: Option<String>,
    (key, password): (&str, Option<Secret>),
) -> Result<RedisConnectionInfo, ConfigError> {
    if let Some(password) = password {
        credentials = credentials.set_password(password.reveal());
    }
    if let Some(username) = username {
        // The `redis` crate sends no user name without a password.
        if credentials.password().is_none() {
            return Err(config.missing(key));
        }
        credentials = credentials.set_username(username);
    }
    Ok(credentials)
}

/// Reads the configured files with certificates.
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
