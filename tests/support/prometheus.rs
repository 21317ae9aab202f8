//! A real Prometheus server.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::server::ServerProcess;

/// A Prometheus that scrapes one target each second, until it is dropped.
#[derive(Debug)]
pub struct Server(ServerProcess);

/// One series that a query gives: its labels, and its value as Prometheus writes it.
pub type Point = (BTreeMap<String, String>, String);

impl Server {
    /// Starts a server that scrapes `/metrics` of this port, under the job name `test`.
    ///
    /// # Panics
    ///
    /// When Prometheus is not installed or does not start.
    pub fn scraping(target: u16) -> Self {
        let program = crate::program("prometheus", "prometheus");
        let command = |port, folder: &Path| {
            let config = folder.join("prometheus.yml");
            fs::write(&config, config_of(target)).expect("a configuration");
            let mut command = Command::new(&program);
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
            command
        };
        Self(ServerProcess::start(command, is_ready))
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
