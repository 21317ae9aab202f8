//! Real Prometheus servers of several generations store what was recorded, whichever format they ask for.
#![allow(clippy::float_cmp, reason = "what is stored is exact")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use pytheus::collector::collector_fn;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::exposition::Format;
use pytheus::http::endpoint_from;
use pytheus::metrics::{Counter, Gauge, Histogram, Info, StateSet, Summary};
use pytheus::registry::{CollectorRegistry, Registry as _};
use pytheus::snapshot::FamilySnapshot;
use support::multi::Random;
use support::prometheus::{Program, Server, programs};
use support::wait_for;

/// How many registries there are, each a target of its own.
const REGISTRIES: u64 = 8;

/// A way in which a server may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Protocol {
    /// In the configuration; none for a server that has no such option.
    name: Option<&'static str>,
    /// In the name of the job.
    short: &'static str,
    format: Format,
    arguments: &'static [&'static str],
}

impl Protocol {
    /// Returns what the content type of an answer has to have.
    fn content_type(self) -> [&'static str; 2] {
        match self.short {
            "open" => ["application/openmetrics-text;", "version=1.0.0"],
            "open001" => ["application/openmetrics-text;", "version=0.0.1"],
            "text" => ["text/plain;", "version=0.0.4"],
            "text1" => ["text/plain;", "version=1.0.0"],
            _ => ["application/vnd.google.protobuf;", "encoding=delimited"],
        }
    }
}

const fn protocol(name: &'static str, short: &'static str, format: Format) -> Protocol {
    Protocol { name: Some(name), short, format, arguments: &[] }
}

/// The protocols of a version, in groups: a group for each process.
fn protocols(version: &str) -> Vec<Vec<Protocol>> {
    let number = |part: usize| version.split('.').nth(part).and_then(|number| number.parse::<u32>().ok()).unwrap_or(0);
    if (number(0), number(1)) < (2, 49) {
        // They ask for OpenMetrics first; those that look for native histograms for protobuf.
        let native = &["--enable-feature=native-histograms"][..];
        let old = |short, format, arguments| vec![Protocol { name: None, short, format, arguments }];
        return vec![old("open", Format::OpenMetrics, &[]), old("proto", Format::Protobuf, native)];
    }
    let mut protocols = vec![
        protocol("PrometheusProto", "proto", Format::Protobuf),
        protocol("OpenMetricsText1.0.0", "open", Format::OpenMetrics),
        protocol("OpenMetricsText0.0.1", "open001", Format::OpenMetrics),
        protocol("PrometheusText0.0.4", "text", Format::Text),
    ];
    if number(0) >= 3 {
        protocols.push(protocol("PrometheusText1.0.0", "text1", Format::Text1));
    }
    vec![protocols]
}

/// Text in which everything that a format could trip over is frequent.
fn any_text(random: &mut Random) -> String {
    const PIECES: [&str; 12] = ["\n", "\\", "\"", "{", "}", "=", ",", "#", " ", "é", "🦀", "x"];
    (0..random.below(8)).map(|_| PIECES[usize::try_from(random.below(12)).unwrap()]).collect()
}

/// Floats of all classes. NaN has the bits of Prometheus' stale marker, or others.
fn any_float(random: &mut Random) -> f64 {
    const SPECIAL: [f64; 8] =
        [f64::INFINITY, f64::NEG_INFINITY, 0.0, 5e-324, f64::MAX, f64::MIN, 0.1, 9_007_199_254_740_993.0];
    match random.below(4) {
        0 => f64::from_bits(
            [0x7ff0_0000_0000_0002, 0x7ff8_0000_0000_0001, u64::MAX][usize::try_from(random.below(3)).unwrap()],
        ),
        1 => SPECIAL[usize::try_from(random.below(8)).unwrap()],
        2 => f64::from_bits(random.below(u64::MAX)),
        _ => (random.below(2_000_000) as f64 - 1e6) / 8.0,
    }
}

/// A registry with random metrics of every kind.
fn any_registry(seed: u64) -> CollectorRegistry {
    let mut random = Random(seed + 1);
    let registry = CollectorRegistry::new().with_prefix(format!("r{seed}")).unwrap();
    let registry = registry.with_labels([("app", any_text(&mut random))]).unwrap();
    for family in 0..12 {
        let help = any_text(&mut random);
        let values: Vec<_> = (0..=random.below(6)).map(|n| format!("{n}{}", any_text(&mut random))).collect();
        let labels = ["a", "b"];
        let pairs = |value: &String| [("a", value.clone()), ("b", value.chars().rev().collect())];
        for value in &values {
            match family {
                0 => Gauge::builder("gauge", &help)
                    .label_names(labels)
                    .registry(&registry)
                    .build()
                    .unwrap()
                    .labels(pairs(value))
                    .unwrap()
                    .set(any_float(&mut random)),
                1 => Counter::builder("sent_bytes_total", &help)
                    .unit("bytes")
                    .label_names(labels)
                    .registry(&registry)
                    .build()
                    .unwrap()
                    .labels(pairs(value))
                    .unwrap()
                    .inc_by(any_float(&mut random).abs().min(1e300)),
                2 => Counter::builder("tries", &help)
                    .label_names(labels)
                    .registry(&registry)
                    .build()
                    .unwrap()
                    .labels(pairs(value))
                    .unwrap()
                    .inc_by(random.below(u64::MAX)),
                3 | 4 => {
                    let (name, first) = if family == 3 { ("size", 0.001) } else { ("change", -1000.0) };
                    let histogram = Histogram::builder(name, &help).buckets([first, 1.0, 1e5, 1e6, 1e300]);
                    let histogram = histogram.label_names(labels).registry(&registry).build().unwrap();
                    let series = histogram.labels(pairs(value)).unwrap();
                    for _ in 0..random.below(20) {
                        let value = any_float(&mut random);
                        series.observe(if value.is_finite() { value / 4.0 } else { 0.5 });
                    }
                }
                5 => {
                    let summary = Summary::builder("times_seconds", &help).label_names(labels).registry(&registry);
                    summary.build().unwrap().labels(pairs(value)).unwrap().observe(random.below(1000) as f64 - 100.0);
                }
                6 => Info::builder("runs_info", &help)
                    .label_names(labels)
                    .registry(&registry)
                    .build()
                    .unwrap()
                    .labels(pairs(value))
                    .unwrap()
                    .set(),
                7 => StateSet::builder("phase", &help)
                    .states(["one", "two \"2\""])
                    .label_names(labels)
                    .registry(&registry)
                    .build()
                    .unwrap()
                    .labels(pairs(value))
                    .unwrap()
                    .set("two \"2\""),
                _ => {}
            }
        }
    }
    let descriptor = Descriptor::new(Kind::Summary, "quantiles", any_text(&mut random)).unwrap();
    let (small, great) = (any_float(&mut random), any_float(&mut random));
    registry
        .register(collector_fn([descriptor.clone()], move || {
            let mut family = FamilySnapshot::new(&descriptor);
            family.push_quantiles(&[], 7, 2.5, [(0.0, small), (0.5, great), (1.0, f64::NAN)]);
            Ok(vec![family])
        }))
        .unwrap();
    registry
}

/// Values by name and labels.
type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// What a server should have stored.
fn recorded(registry: &CollectorRegistry, format: Format) -> Samples {
    let mut samples = Samples::new();
    for family in registry.collect().unwrap() {
        let all = family.samples();
        // OpenMetrics has no sum that falls, and no sum and count of histograms with negative bounds.
        let negative = family.name().ends_with("_change");
        for sample in all {
            let labels = |sample: &pytheus::snapshot::Sample| -> BTreeMap<String, String> {
                let present = sample.labels().filter(|(_, value)| !value.is_empty());
                present.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
            };
            let key = (format!("{}{}", family.name(), sample.suffix()), labels(&sample));
            let value = sample.value().as_f64();
            let is_sum = sample.suffix() == "_sum";
            let is_count = sample.suffix() == "_count" && family.kind() == Kind::Histogram;
            let sum_of = |labels: &BTreeMap<String, String>| {
                let name = format!("{}_sum", family.name());
                let labels: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                registry.sample_value(&name, &labels).unwrap_or(0.0)
            };
            let is_left_out = format == Format::OpenMetrics
                && (is_sum && (value < 0.0 || negative) || is_count && (negative || sum_of(&key.1) < 0.0));
            if !is_left_out {
                samples.insert(key, value);
            }
        }
    }
    samples
}

/// What a server has stored of a job.
fn stored(server: &Server, job: &str) -> Result<Samples, String> {
    let own = [
        "up",
        "scrape_duration_seconds",
        "scrape_samples_post_metric_relabeling",
        "scrape_samples_scraped",
        "scrape_series_added",
    ];
    let points = server.query(&format!("{{job=\"{job}\"}}"))?;
    let mut samples = Samples::new();
    for (mut labels, value) in points {
        let name = labels.remove("__name__").unwrap_or_default();
        if own.contains(&name.as_str()) {
            continue;
        }
        assert!(labels.remove("job").is_some() && labels.remove("instance").is_some());
        let value = value.parse().map_err(|error| format!("{value}: {error}"))?;
        if let Some(other) = samples.insert((name.clone(), labels), value) {
            return Err(format!("{name} is there twice, also as {other}"));
        }
    }
    Ok(samples)
}

fn difference(expected: &Samples, found: &Samples) -> String {
    let mut text = String::new();
    for (key, value) in expected {
        match found.get(key) {
            Some(found) if found.to_bits() == value.to_bits() || found.is_nan() && value.is_nan() => {}
            // A zero has one sign in the text of a query.
            Some(found) if *found == 0.0 && *value == 0.0 => {}
            found => {
                let _ = writeln!(text, "{key:?}: {found:?}, not {value:?}");
            }
        }
    }
    for key in found.keys().filter(|key| !expected.contains_key(key)) {
        let _ = writeln!(text, "{key:?} was not recorded");
    }
    text
}

/// The content types that were answered, by path.
type Answered = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// Serves the registries, on a thread of its own, for as long as the test runs.
fn serve(registries: &[Arc<CollectorRegistry>]) -> (SocketAddr, Answered) {
    let answered = Answered::default();
    let record = Arc::clone(&answered);
    let mut router = Router::new();
    for (number, registry) in registries.iter().enumerate() {
        // A path for each job, so that what was answered can be told apart.
        router = router.route_service(&format!("/r{number}/{{job}}"), endpoint_from(Arc::clone(registry)));
    }
    let router = router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let record = Arc::clone(&record);
        async move {
            let path = request.uri().path().to_owned();
            let response = next.run(request).await;
            let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
            let content_type = content_type.unwrap_or_default().to_owned();
            record.lock().unwrap().entry(path).or_default().push(content_type);
            response
        }
    }));
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    (receiver.recv().unwrap(), answered)
}

/// The name of a job.
fn job(program: &Program, protocol: Protocol, registry: usize) -> String {
    format!("{}-{}-{registry}", program.version, protocol.short)
}

fn configuration(program: &Program, protocols: &[Protocol], address: SocketAddr, registries: usize) -> String {
    let mut text = "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n".to_owned();
    for protocol in protocols {
        for registry in 0..registries {
            let job = job(program, *protocol, registry);
            let _ = write!(text, "  - job_name: '{job}'\n    metrics_path: /r{registry}/{job}\n");
            if let Some(name) = protocol.name {
                let _ = writeln!(text, "    scrape_protocols: ['{name}']");
            }
            let _ = writeln!(text, "    static_configs:\n      - targets: ['{address}']");
        }
    }
    text
}

#[test]
fn servers_of_each_generation_store_what_was_recorded_in_every_format() {
    let registries: Vec<_> = (0..REGISTRIES).map(|seed| Arc::new(any_registry(seed))).collect();
    let (address, answered) = serve(&registries);
    let programs = programs();
    let mut servers = Vec::new();
    for program in &programs {
        for group in protocols(&program.version) {
            let configuration = configuration(program, &group, address, registries.len());
            let server = Server::start(&program.path, &configuration, group[0].arguments);
            println!(
                "Prometheus {}: {}",
                program.version,
                group.iter().map(|one| one.short).collect::<Vec<_>>().join(", ")
            );
            servers.push((program, group, server));
        }
    }
    let mut wrong = String::new();
    for (program, group, server) in &servers {
        let errors = wait_for("a scrape of each target", || server.targets());
        for (job, error) in errors.iter().filter(|(_, error)| !error.is_empty()) {
            let _ = writeln!(wrong, "{job} is refused: {error}");
        }
        for protocol in group {
            for (number, registry) in registries.iter().enumerate() {
                let job = job(program, *protocol, number);
                let expected = recorded(registry, protocol.format);
                // Stored is what a query shows a moment later.
                let found = wait_for("the samples of a job", || {
                    let found = stored(server, &job)?;
                    if found.is_empty() { Err("none yet".to_owned()) } else { Ok(found) }
                });
                let difference = difference(&expected, &found);
                // A series that came twice would be stored once.
                let scraped = server.query(&format!("scrape_samples_scraped{{job=\"{job}\"}}")).unwrap();
                if scraped[0].1 != expected.len().to_string() {
                    let _ = writeln!(wrong, "{job} sent {} samples, not {}", scraped[0].1, expected.len());
                }
                if !difference.is_empty() {
                    let _ = writeln!(wrong, "{job}:\n{difference}");
                }
                let answered = answered.lock().unwrap();
                let types = &answered[&format!("/r{number}/{job}")];
                let is_right = |given: &String| protocol.content_type().iter().all(|part| given.contains(part));
                if !types.iter().all(is_right) {
                    let _ = writeln!(wrong, "{job} got {types:?}");
                }
            }
        }
        let log = server.log();
        for line in log.lines().filter(|line| line.contains("level=warn") || line.contains("level=WARN")) {
            let _ = writeln!(wrong, "{}: {line}", program.version);
        }
    }
    assert_eq!(wrong, "");
}
