//! Totals of processes anywhere, in a Redis: [`MultiProcessRedisBackend`]. With the feature `redis`.
//!
//! ```text
//! a call -> cell of this process                                         (no server is asked)
//! ===== the shipping thread, ten times a second ============================
//! batch -> errand (steps under a number) -> script, applied once          shard, errand, sender, apply.lua
//! ===== a thread of its own, now and then ==================================
//! the lease, the expiry; what is gone is told again                       keeper, sender, shard
//! what those have left that were killed, where there is a spool           notes, heir
//! ===== a scrape ===========================================================
//! index, then all hashes -> series -> totals                              scrape, combine
//! ```
//!
//! What is where in Redis: `layout`; beside Python, `python`.

mod backend;
mod berth;
mod combine;
mod errand;
mod fault;
#[cfg(unix)]
mod heir;
#[cfg(not(unix))]
#[path = "no_heir.rs"]
mod heir;
mod keeper;
mod layout;
mod link;
mod notes;
mod noting;
mod python;
mod request;
mod scrape;
mod sender;
mod servers;
mod settings;
mod shard;
mod stats;
#[cfg(test)]
mod tests;

pub use fault::RedisFault;

use std::sync::Arc;

/// Processes on any machines, with their totals in a Redis or Valkey: whichever of them answers a scrape shows the totals
/// of all. With the feature `redis`.
///
/// Counting is what it is in one process: nobody who counts waits for Redis, whatever happens to it. A thread sends what
/// has changed ten times a second; while Redis can't be reached, the numbers wait where they are counted, and need no
/// more room however long it takes. Redis need not be there when this is loaded.
///
/// Its names in `PYTHEUS_BACKEND_CLASS` are `redis` and `MultiProcessRedisBackend`. Its configuration, times in seconds:
///
/// | key | what it is | if left out |
/// |---|---|---|
/// | `host`, `port` | where Redis is | `127.0.0.1`, `6379` |
/// | `db` | the number of the database | `0` |
/// | `username`, `password` | who we are there | nobody |
/// | `url` | all of these, as `redis://user:password@host:6379/0` or `unix:///path`, in place of `host` and `port` | |
/// | `sentinels`, `service_name` | sentinels, as `["host:26379"]`, and the master to ask them for | none, `mymaster` |
/// | `cluster` | some nodes of a cluster, as `["host:6379"]` | none |
/// | `tls` | whether to use TLS, as `rediss://` does; with the feature `redis-tls` | `false` |
/// | `tls_ca`, `tls_cert`, `tls_key` | files in PEM format: who is trusted, and who we are | the system's, nobody |
/// | `key_prefix` | the namespace: who has the same one counts together | `pytheus` |
/// | `expire_key_time` | how long a namespace is kept after its last process has ended | `3600` |
/// | `flush_interval` | how often what has changed is sent | `0.1` |
/// | `timeout` | how long a scrape may take until it fails, whatever it waits for, and any request until it is repeated | `2` |
/// | `connect_timeout` | how much of it a connection may take | as `timeout` |
/// | `lease` | how long a process lives that can't be heard of: gauges of the living show it for so long after a kill | `10` |
/// | `shards` | over how many slots, and so nodes, of a cluster the families are spread; the same for all processes | `1` |
/// | `wait` | whether loading waits for Redis to answer, for `timeout` at most, and fails if it doesn't | `false` |
/// | `spool_directory` | a directory of this machine: see [below](#with-a-spool) | none |
/// | `layout` | how it is laid out: `pytheus`, or `pytheus-python` [beside Python](#beside-python) | `pytheus` |
///
/// ```no_run
/// use pytheus::backends::redis::MultiProcessRedisBackend;
/// use pytheus::backends::{Load, json, load_backend};
///
/// load_backend(Load::class::<MultiProcessRedisBackend>().config(json!({"host": "127.0.0.1", "port": 6379})))?;
/// # Ok::<(), pytheus::backends::LoadError>(())
/// ```
///
/// # What holds
///
/// - **Once.** What was counted is in the totals once, however often connections break and answers get lost: each batch
///   has a number, which is kept beside the totals, and both change together or not at all. (Who can't be heard of for more
///   than a day loses a batch of at most 1,000 series that was under way.)
/// - **A kill** loses what was counted since the last batch: at most `flush_interval`, while Redis answers; with a
///   [spool](#with-a-spool), nothing. [`shutdown`](super::shutdown) loses nothing.
/// - **Counters, histograms and summaries** of processes that have ended stay, until the namespace has had no process for
///   `expire_key_time`. A scrape extends no life.
/// - **Gauges** become one number as their mode says. A shared gauge is what was set last, in the order of arrival. Those of
///   the living go with their process: at once when it ends orderly, else with its lease.
/// - **A scrape** shows the process' own last counts, takes two round trips (to each node of a cluster), and fails where it
///   can't have all numbers. (A hash of more than 100,000 fields is read in pages.)
/// - **Removed series** are removed for all processes; what they count later begins at zero.
///
/// # When Redis loses data
///
/// Redis should keep what it is told: `appendonly yes`, and `maxmemory-policy noeviction`. Where it does not, this is seen
/// within three seconds, reported, and counted in `pytheus_redis_losses_total`:
///
/// - All is gone, or some keys (a restart without persistence, `FLUSHALL`, an eviction): each living process tells again
///   all that it has counted itself in what is gone. What ended processes have counted there is lost. A shared gauge is what
///   the first of those says who had set it. Series that another process had removed may come back.
/// - The last moments are gone (another server took over, which lags behind): the last 200 batches, up to 50,000 numbers, are
///   told again, each once. Those before, which should never be needed, are counted in `pytheus_redis_missed_batches_total`.
///
/// # With a spool
///
/// With `spool_directory`, a process counts in a file that it maps, as with
/// [`MultiProcessFileBackend`](super::MultiProcessFileBackend). When it is killed, also while Redis is away, what it had not
/// told yet is there: another process of the machine with the same configuration tells it, three seconds later at most, or the
/// next one that begins; once, whoever is killed meanwhile. `pytheus_redis_taken_over_total` counts them.
///
/// - That holds for counters, histograms and summaries. Gauges and removals that were not told go with their process, as they
///   do without a spool.
/// - Each namespace, server and number of `shards` has a directory of its own in there, for this user alone. What was left for
///   a server that is no longer configured stays, until somebody has that configuration again, or removes it.
/// - What is left should be told within 31 days: later, the batch that was under way might count twice. When Redis has lost
///   its data meanwhile, what the process had told before is lost with it, as that of all that have ended.
/// - A family that is made at run time, dropped and made again within a flush interval may lose what it has counted then, if
///   the process is killed in that moment.
/// - The directory has to be on a local file system that outlives the process: not that of a container which goes with it. It
///   should be emptied when the machine is started anew after a crash.
///
/// It costs nothing where something is counted, 64 KiB of disk or more for each process, and a line in a file for each batch
/// that is sent, of about as many bytes as the batch: the file is a megabyte long, or four times what all series need. When
/// the disk is full, nothing is sent until there is room, and series that begin then are dropped; what was begun counts on.
///
/// # Beside Python
///
/// With `"layout": "pytheus-python"`, processes count in the keys of Python's `pytheus` 0.6.1 from `PyPI`, so that both
/// share one Redis and one scrape while services move from one to the other. Names, labels, defaults and buckets have to be
/// the same on both sides. What is different then:
///
/// - **A scrape** shows the families that the program itself declares, as Redis knows of no others; in Python, too.
/// - **Once** holds for what is counted here, while Redis keeps its data. What it has lost is not told again; a batch of
///   which nobody has heard before that is left out, and counted in `pytheus_redis_missed_batches_total`. What Python counts
///   is counted as Python does it.
/// - **Expiry** is that of Python: each key lives for `expire_key_time` after it was last written or scraped.
/// - **Gauges** are shared, as Python's are. Those that are added up over the living go with a process that ends orderly,
///   and stay when it is killed. Other modes, info metrics and state sets are of each process alone: Python has none.
/// - **Numbers** are Redis' own: those of counters, gauges and sums are rounded to 17 digits after the point, and what would
///   make one infinite or NaN is left out and reported. (A gauge can be set to these.)
/// - **Labels** stand in Python's keys in the order in which the program names them, those with a default first. Where that
///   is not the order of the alphabet, Python should have counted in a family first: else its own scrapes show some series
///   twice. Here they show once, with the sum of both.
/// - **Scopes**: registries without one share their names with all of Python's, whatever stands before those in a scrape.
///   Those of registries with a scope are not Python's.
/// - A metric whose name has a `:` may have the key of another one's part, as `a:count` and a summary `a` do: Python mixes
///   them up, and so does this layout.
/// - It has no `key_prefix` (Python's own scrapes do not read what it writes there), no `cluster` and no `shards`. Python
///   refuses `layout` in its configuration: each has a file of its own.
///
/// It writes to no other keys but `pytheus/writer/*`, and needs the commands `EVALSHA`, `EVAL`, `TYPE`, `GET`, `SET`, `DEL`,
/// `EXPIRE`, `INCRBYFLOAT`, `HINCRBYFLOAT`, `HGETALL`, `HSET`, `HDEL`, `HEXISTS`, `HSCAN` and `PING`.
///
/// # What it needs
///
/// Redis 5 or later, or Valkey. In a list of access rights: the commands `EVALSHA`, `EVAL`, `TIME`, `TYPE`, `EXISTS`, `DEL`,
/// `EXPIRE`, `PEXPIRE`, `HGET`, `HSET`, `HSETNX`, `HDEL`, `HINCRBY`, `HKEYS`, `HGETALL`, `HSCAN`, `ZADD`, `ZREM`,
/// `ZRANGEBYSCORE` and `PING`, on the keys `{<key_prefix>:*`.
#[derive(Clone)]
pub struct MultiProcessRedisBackend(Arc<backend::Inner>);
