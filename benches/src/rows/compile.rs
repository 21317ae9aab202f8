//! What a library costs those who build with it: crates, and the time of a clean release build of a program with one
//! counter, or with one annotated function where the library has attributes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{fs, io};

struct Program {
    name: &'static str,
    /// The dependencies, as they stand in the manifest of this package.
    needs: &'static [&'static str],
    main: &'static str,
}

const PROGRAMS: [Program; 9] = [
    Program {
        name: "pytheus",
        needs: &["pytheus"],
        main: r#"
            #[pytheus::counter(name = "calls_total", help = "Calls.")]
            fn call() {}
            fn main() { call(); print!("{}", pytheus::exposition::generate_metrics().unwrap()); }"#,
    },
    Program {
        name: "prometheus",
        needs: &["prometheus"],
        main: r#"
            fn main() {
                let counter = prometheus::IntCounter::new("calls_total", "Calls.").unwrap();
                prometheus::register(Box::new(counter.clone())).unwrap();
                counter.inc();
                print!("{}", prometheus::TextEncoder::new().encode_to_string(&prometheus::gather()).unwrap());
            }"#,
    },
    Program {
        name: "prometheus-client",
        needs: &["prometheus-client"],
        main: r#"
            use prometheus_client::{encoding, metrics::{counter::Counter, family::Family}, registry::Registry};
            #[derive(Clone, Debug, PartialEq, Eq, Hash, encoding::EncodeLabelSet)]
            struct Labels { method: String }
            fn main() {
                let mut registry = Registry::default();
                let counter = Family::<Labels, Counter>::default();
                registry.register("calls", "Calls", counter.clone());
                counter.get_or_create(&Labels { method: "get".to_owned() }).inc();
                let mut out = String::new();
                encoding::text::encode(&mut out, &registry).unwrap();
                print!("{out}");
            }"#,
    },
    Program {
        name: "metrics",
        needs: &["metrics", "metrics-exporter-prometheus"],
        main: r#"
            fn main() {
                let handle = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().unwrap();
                metrics::counter!("calls_total").increment(1);
                print!("{}", handle.render());
            }"#,
    },
    Program {
        name: "measured",
        needs: &["measured"],
        main: r#"
            use measured::metric::{MetricFamilyEncoding, name::MetricName};
            fn main() {
                let counter = measured::Counter::new();
                counter.inc();
                let mut encoder = measured::text::BufferedTextEncoder::new();
                let Ok(()) = counter.collect_family_into(MetricName::from_str("calls_total"), &mut encoder);
                println!("{:?}", encoder.finish());
            }"#,
    },
    Program {
        name: "fastmetrics",
        needs: &["fastmetrics"],
        main: r#"
            use fastmetrics::{format::text, metrics::counter::Counter, registry::Registry};
            fn main() {
                let mut registry = Registry::builder().build().unwrap();
                let counter = <Counter>::default();
                registry.register("calls", "Calls", counter.clone()).unwrap();
                counter.inc();
                let mut out = String::new();
                text::encode(&mut out, &registry, text::TextProfile::default()).unwrap();
                print!("{out}");
            }"#,
    },
    Program {
        name: "foundations-metrics",
        needs: &["foundations-metrics"],
        main: r#"
            use foundations_metrics::{Counter, EncodeMetric, NamedMetric, encode_to_text};
            fn main() {
                let counter = <Counter>::default();
                counter.inc();
                print!("{}", encode_to_text(&NamedMetric::new("calls_total", "Calls.", counter).encode()));
            }"#,
    },
    Program {
        name: "opentelemetry",
        needs: &["opentelemetry", "opentelemetry_sdk", "opentelemetry-prometheus", "prometheus"],
        main: r#"
            use opentelemetry::metrics::MeterProvider;
            fn main() {
                let registry = prometheus::Registry::new();
                let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().unwrap();
                let provider = opentelemetry_sdk::metrics::SdkMeterProvider::builder().with_reader(exporter).build();
                provider.meter("calls").u64_counter("calls").build().add(1, &[]);
                print!("{}", prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap());
            }"#,
    },
    Program {
        name: "autometrics",
        needs: &["autometrics", "prometheus"],
        main: r#"
            #[autometrics::autometrics]
            fn call() {}
            fn main() {
                call();
                print!("{}", prometheus::TextEncoder::new().encode_to_string(&prometheus::gather()).unwrap());
            }"#,
    },
];

/// Crates and seconds of each, the least of some rounds, as a table.
pub fn table(here: &Path, rounds: usize) -> io::Result<String> {
    let place = std::env::temp_dir().join(format!("pytheus-benches-{}", std::process::id()));
    let result = measure(here, &place, rounds);
    let _ = fs::remove_dir_all(&place);
    result
}

fn measure(here: &Path, place: &Path, rounds: usize) -> io::Result<String> {
    let manifest = fs::read_to_string(here.join("Cargo.toml"))?;
    let folders: Vec<_> = PROGRAMS.iter().map(|program| place.join(program.name)).collect();
    for (program, folder) in PROGRAMS.iter().zip(&folders) {
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("src/main.rs"), program.main)?;
        fs::write(folder.join("Cargo.toml"), manifest_of(program, &manifest, here))?;
        // The same versions as here.
        fs::copy(here.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    }
    let mut seconds = vec![f64::MAX; PROGRAMS.len()];
    for _ in 0..rounds {
        for (folder, seconds) in folders.iter().zip(&mut seconds) {
            *seconds = seconds.min(build(folder)?);
        }
    }
    let mut out =
        format!("a clean release build of a program with one counter\n  {:<30}{:>10}{:>10}\n", "", "crates", "seconds");
    for ((program, folder), seconds) in PROGRAMS.iter().zip(&folders).zip(seconds) {
        let _ = writeln!(out, "  {:<30}{:>10}{seconds:>10.1}", program.name, crates(folder)?);
    }
    Ok(out)
}

fn manifest_of(program: &Program, manifest: &str, here: &Path) -> String {
    let mut out =
        "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n"
            .to_owned();
    for need in program.needs {
        let line = manifest.lines().find(|line| line.strip_prefix(need).is_some_and(|rest| rest.starts_with(" = ")));
        let line = line.unwrap_or_default().replace("path = \"..", &format!("path = \"{}/..", here.display()));
        let _ = writeln!(out, "{line}");
    }
    out
}

fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).arg("--offline").current_dir(folder);
    // Not shared with this package, whose dependencies are built already.
    command.env("CARGO_TARGET_DIR", folder.join("target"));
    command
}

fn build(folder: &Path) -> io::Result<f64> {
    let _ = fs::remove_dir_all(folder.join("target"));
    let started = Instant::now();
    let status = cargo(folder, &["build", "--release", "--quiet"]).stdin(Stdio::null()).status()?;
    if status.success() {
        Ok(started.elapsed().as_secs_f64())
    } else {
        Err(io::Error::other(format!("the build in {} failed", folder.display())))
    }
}

/// All crates that are built, the program itself not counted.
fn crates(folder: &Path) -> io::Result<usize> {
    let tree = cargo(folder, &["tree", "--edges", "normal,build", "--prefix", "none", "--no-dedupe"]).output()?;
    let tree = String::from_utf8_lossy(&tree.stdout);
    let names: BTreeSet<_> = tree.lines().filter_map(|line| Some(line.split(" (").next()?.trim())).collect();
    Ok(names.len().saturating_sub(1))
}
