//! A real Prometheus server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::server::ServerProcess;

/// A Prometheus, until it is dropped.
#[derive(Debug)]
pub struct Server(ServerProcess);

/// A version of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// As it says itself.
    pub version: String,
    /// The executable.
    pub path: PathBuf,
}

/// Returns the versions that `prometheus_servers.sh` has unpacked; without them, the one of this machine.
///
/// # Panics
///
/// When Prometheus is not installed, or does not say its version.
pub fn programs() -> Vec<Program> {
    let profile = crate::profile_dir();
    let mut lists = profile.ancestors().map(|folder| folder.join("prometheus/servers.tsv"));
    if let Some(list) = lists.find_map(|list| fs::read_to_string(list).ok()) {
        let program = |line: &str| {
            let (version, path) = line.split_once('\t').expect("a version and a path");
            Program { version: version.to_owned(), path: path.into() }
        };
        return list.lines().map(program).collect();
    }
    let path = crate::program("prometheus", "prometheus");
    let said = Command::new(&path).arg("--version").output().expect("it starts");
    let said = [said.stdout, said.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let version = said.split_whitespace().nth(2).and_then(|version| version.split('+').next());
    vec![Program { version: version.expect("a version").to_owned(), path }]
}

/// One series that a query gives: its labels, and its value as Prometheus writes it.
pub type Point = (BTreeMap<String, String>, String);

impl Server {
    /// Starts a server that scrapes `/metrics` of this port, under the job name `test`.
    ///
    /// # Panics
    ///
    /// When Prometheus is not installed or does not start.
    pub fn scraping(target: u16) -> Self {
        Self::start(&crate::program("prometheus", "prometheus"), &config_of(target), &[])
    }

    /// Starts this program with a configuration and further arguments.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(program: &Path, configuration: &str, arguments: &[&str]) -> Self {
        let command = |port, folder: &Path| {
            let config = folder.join("prometheus.yml");
            fs::write(&config, configuration).expect("a configuration");
            let mut command = Command::new(program);
            command.args(arguments);
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
            command
        };
        Self(ServerProcess::start(command, is_ready))
    }

    /// Returns what it has said so far.
    pub fn log(&self) -> String {
        self.0.log()
    }

    /// Returns, for each target, the job, and the error of its last scrape, which is empty after a success.
    ///
    /// # Errors
    ///
    /// When there is no answer, or one target was not scraped yet.
    pub fn targets(&self) -> Result<BTreeMap<String, String>, String> {
        let reply = crate::get(&format!("http://127.0.0.1:{}/api/v1/targets?state=active", self.0.port()))?;
        let answer: Value = serde_json::from_str(&reply.body).map_err(|error| format!("{error}: {}", reply.body))?;
        let targets = answer["data"]["activeTargets"].as_array().ok_or_else(|| reply.body.clone())?;
        let target = |json: &Value| {
            let text = |json: &Value| json.as_str().map(str::to_owned);
            let is_scraped = json["health"] != "unknown";
            Some((text(&json["labels"]["job"])?, text(&json["lastError"])?)).filter(|_| is_scraped)
        };
        targets.iter().map(|json| target(json).ok_or_else(|| json.to_string())).collect()
    }

    /// Answers a query as of now.
    ///
    /// # Errors
    ///
    /// When there is no answer, or the query is refused.
    pub fn query(&self, promql: &str) -> Result<Vec<Point>, String> {
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.0.port());
        let reply = crate::get_with(&url, &[("query", promql)])?;
        let answer: Value = serde_json::from_str(&reply.body).map_err(|error| format!("{error}: {}", reply.body))?;
        let points = answer["data"]["result"].as_array().ok_or_else(|| reply.body.clone())?;
        points.iter().map(|json| point(json).ok_or_else(|| reply.body.clone())).collect()
    }
}

fn is_ready(port: u16, folder: &Path) -> Result<(), String> {
    let reply = crate::get(&format!("http://127.0.0.1:{port}/-/ready"))?;
    if reply.status != 200 {
        return Err(reply.body);
    }
    // Another Prometheus on this port would be ready as well.
    let flags = crate::get(&format!("http://127.0.0.1:{port}/api/v1/status/flags"))?.body;
    let is_own = folder.to_str().is_some_and(|folder| flags.contains(folder));
    if is_own { Ok(()) } else { Err(format!("another server has the port: {flags}")) }
}

fn config_of(target: u16) -> String {
    format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n  - job_name: test\n    \
         static_configs:\n      - targets: ['127.0.0.1:{target}']\n"
    )
}

/// `{"metric": {..labels}, "value": [time, "text"]}`.
fn point(json: &Value) -> Option<Point> {
    let labels = json["metric"].as_object()?;
    let labels = labels.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    Some((labels.collect::<Option<_>>()?, json["value"][1].as_str()?.to_owned()))
}
