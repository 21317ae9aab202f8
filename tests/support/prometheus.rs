//! A real Prometheus server.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A Prometheus that scrapes one target each second, until it is dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    port: u16,
    data: tempfile::TempDir,
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
        // A port that is free may be another's before Prometheus has it.
        let mut ports = (0..5).map(|_| Self::scraping_from(crate::free_port(), target));
        let mut said = String::new();
        ports.find_map(|start| start.map_err(|log| said = log).ok()).unwrap_or_else(|| panic!("{said}"))
    }

    /// Starts it on a port of its own; an error when Prometheus ends at once.
    fn scraping_from(port: u16, target: u16) -> Result<Self, String> {
        let program = crate::program("prometheus", "prometheus");
        let data = tempfile::tempdir().expect("a folder");
        let config = data.path().join("prometheus.yml");
        fs::write(&config, config_of(target)).expect("a configuration");
        let log = fs::File::create(data.path().join("log")).expect("a log");
        let process = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("Prometheus starts");
        let mut server = Self { process, port, data };
        crate::wait_for("Prometheus", || match server.ended() {
            Some(log) => Ok(Err(log)),
            None => server.ready().map(Ok),
        })
        .map(|()| server)
    }

    /// What it said, if it ended.
    fn ended(&mut self) -> Option<String> {
        let status = self.process.try_wait().expect("the state of Prometheus")?;
        let log = fs::read_to_string(self.data.path().join("log")).unwrap_or_default();
        Some(format!("Prometheus ended ({status}):\n{log}"))
    }

    fn ready(&self) -> Result<(), String> {
        let reply = crate::get(&format!("http://127.0.0.1:{}/-/ready", self.port))?;
        if reply.status != 200 {
            return Err(reply.body);
        }
        // Another Prometheus on this port would be ready as well.
        let flags = crate::get(&format!("http://127.0.0.1:{}/api/v1/status/flags", self.port))?.body;
        let own = self.data.path().to_str().is_some_and(|data| flags.contains(data));
        if own { Ok(()) } else { Err(format!("another server has the port: {flags}")) }
    }

    /// Answers a query as of now.
    ///
    /// # Errors
    ///
    /// When there is no answer, or the query is refused.
    pub fn query(&self, promql: &str) -> Result<Vec<Point>, String> {
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        let reply = crate::get_with(&url, &[("query", promql)])?;
        let answer: Value = serde_json::from_str(&reply.body).map_err(|error| format!("{error}: {}", reply.body))?;
        let points = answer["data"]["result"].as_array().ok_or_else(|| reply.body.clone())?;
        points.iter().map(|json| point(json).ok_or_else(|| reply.body.clone())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
