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
        let program = crate::program("prometheus", "prometheus");
        let data = tempfile::tempdir().expect("a folder");
        let config = data.path().join("prometheus.yml");
        fs::write(&config, config_of(target)).expect("a configuration");
        let log = fs::File::create(data.path().join("log")).expect("a log");
        let port = crate::free_port();
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
        crate::wait_for("Prometheus", || server.ready());
        server
    }

    fn ready(&mut self) -> Result<(), String> {
        if let Some(status) = self.process.try_wait().expect("the state of Prometheus") {
            let log = fs::read_to_string(self.data.path().join("log")).unwrap_or_default();
            panic!("Prometheus ended ({status}):\n{log}");
        }
        let reply = crate::get(&format!("http://127.0.0.1:{}/-/ready", self.port))?;
        if reply.status == 200 { Ok(()) } else { Err(reply.body) }
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
