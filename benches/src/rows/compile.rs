//! What a library costs those who build with it: crates, and the time of a clean release build of a program with one
//! counter, or with one annotated function where the library has attributes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{fs, io};

/// Whose build ours is to beat: the library with a derive that most use.
const DERIVE: &str = "prometheus-client, derive";
/// The most crates that ours may be.
const CRATES: usize = 20;

struct Program {
    name: &'static str,
    /// The dependencies, as they stand in the manifest of this package.
    needs: &'static [&'static str],
    /// Whether the program needs the features that are named there.
    features: bool,
    main: &'static str,
}

const PROGRAMS: [Program; 10] = [
    Program {
        name: "pytheus",
        needs: &["pytheus"],
        features: false,
        main: r#"
            #[pytheus::counter(name = "calls_total", help = "Calls.")]
            fn call() {}
            fn main() { call(); print!("{}", pytheus::exposition::generate_metrics().unwrap()); }"#,
    },
    Program {
        name: "prometheus",
        needs: &["prometheus"],
        features: false,
        main: r#"
            fn main() {
                let counter = prometheus::IntCounter::new("calls_total", "Calls.").unwrap();
                prometheus::register(Box::new(counter.clone())).unwrap();
                counter.inc();
                print!("{}", prometheus::TextEncoder::new().encode_to_string(&prometheus::gather()).unwrap());
            }"#,
    },
    Program {
        name: DERIVE,
        needs: &["prometheus-client"],
        features: false,
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
        features: true,
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
        features: false,
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
        features: false,
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
        name: "fastmetrics, derive",
        needs: &["fastmetrics"],
        features: true,
        main: r#"
            use fastmetrics::{format::text, metrics::{counter::Counter, family::Family}, registry::Registry};
            #[derive(Clone, PartialEq, Eq, Hash, fastmetrics::derive::LabelSet)]
            struct Labels { method: String }
            fn main() {
                let mut registry = Registry::builder().build().unwrap();
                let counter = Family::<Labels, Counter>::default();
                registry.register("calls", "Calls", counter.clone()).unwrap();
                counter.with_or_new(&Labels { method: "get".to_owned() }, |counter| { counter.inc(); });
                let mut out = String::new();
                text::encode(&mut out, &registry, text::TextProfile::default()).unwrap();
                print!("{out}");
            }"#,
    },
    Program {
        name: "foundations-metrics",
        needs: &["foundations-metrics"],
        features: false,
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
        features: true,
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
        features: true,
        main: r#"
            #[autometrics::autometrics]
            fn call() {}
            fn main() {
                call();
                print!("{}", prometheus::TextEncoder::new().encode_to_string(&prometheus::gather()).unwrap());
            }"#,
    },
];

/// One clean build.
#[derive(Debug, Clone, Copy)]
struct Build {
    seconds: f64,
    /// Of all cores together, which another process on them disturbs less.
    core_seconds: f64,
}

/// The builds of a program.
pub struct Built {
    name: &'static str,
    crates: usize,
    builds: Vec<Build>,
}

impl Built {
    /// The least: what else went on made it only longer.
    fn least(&self, of: fn(&Build) -> f64) -> f64 {
        self.builds.iter().map(of).fold(f64::MAX, f64::min)
    }

    fn seconds(&self) -> f64 {
        self.least(|build| build.seconds)
    }

    fn core_seconds(&self) -> f64 {
        self.least(|build| build.core_seconds)
    }
}

/// Builds all programs, one after the other, so many times.
pub fn measure(here: &Path, rounds: usize) -> io::Result<Vec<Built>> {
    let place = std::env::temp_dir().join(format!("pytheus-benches-{}", std::process::id()));
    let result = measure_in(&place, here, rounds);
    let _ = fs::remove_dir_all(&place);
    result
}

fn measure_in(place: &Path, here: &Path, rounds: usize) -> io::Result<Vec<Built>> {
    let manifest = fs::read_to_string(here.join("Cargo.toml"))?;
    let folder = |program: &Program| place.join(program.name.replace(", ", "-"));
    let mut all = Vec::new();
    for program in &PROGRAMS {
        let folder = folder(program);
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("src/main.rs"), program.main)?;
        fs::write(folder.join("Cargo.toml"), manifest_of(program, &manifest, here))?;
        // The same versions as here.
        fs::copy(here.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        all.push(Built { name: program.name, crates: crates(&folder)?, builds: Vec::new() });
    }
    for round in 1..=rounds {
        for (program, built) in PROGRAMS.iter().zip(&mut all) {
            built.builds.push(build(&folder(program))?);
        }
        eprintln!("round {round} of {rounds}");
    }
    Ok(all)
}

fn manifest_of(program: &Program, manifest: &str, here: &Path) -> String {
    let mut out =
        "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n"
            .to_owned();
    for need in program.needs {
        let line = manifest.lines().find(|line| line.strip_prefix(need).is_some_and(|rest| rest.starts_with(" = ")));
        let mut line = line.unwrap_or_default().replace("path = \"..", &format!("path = \"{}/..", here.display()));
        if let Some((before, after)) = line.split_once(", features = [").filter(|_| !program.features) {
            line = format!("{before}{}", after.split_once(']').map_or("", |(_, rest)| rest));
        }
        let _ = writeln!(out, "{line}");
    }
    out
}

fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).arg("--offline").current_dir(folder);
    // Not shared with this package, whose dependencies are built already; nor remembered by a wrapper.
    command.env("CARGO_TARGET_DIR", folder.join("target")).env_remove("RUSTC_WRAPPER");
    command
}

fn build(folder: &Path) -> io::Result<Build> {
    let _ = fs::remove_dir_all(folder.join("target"));
    let before = core_seconds_of_children();
    let started = Instant::now();
    let status = cargo(folder, &["build", "--release", "--quiet"]).stdin(Stdio::null()).status()?;
    if status.success() {
        let seconds = started.elapsed().as_secs_f64();
        Ok(Build { seconds, core_seconds: core_seconds_of_children() - before })
    } else {
        Err(io::Error::other(format!("the build in {} failed", folder.display())))
    }
}

/// What the processes that this one waited for, and theirs, took of the cores; always 0 where the system does not say.
fn core_seconds_of_children() -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let status = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in brackets, may hold spaces. After it, the 14th and 15th are what is looked for.
    let fields = status.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND
}

/// All crates that are built, the program itself not counted.
fn crates(folder: &Path) -> io::Result<usize> {
    let tree = cargo(folder, &["tree", "--edges", "normal,build", "--prefix", "none", "--no-dedupe"]).output()?;
    if !tree.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&tree.stderr).into_owned()));
    }
    let tree = String::from_utf8_lossy(&tree.stdout);
    let names: BTreeSet<_> = tree.lines().filter_map(|line| Some(line.split(" (").next()?.trim())).collect();
    Ok(names.len().saturating_sub(1))
}

/// The least of all rounds, as a table, and what ours is to reach.
pub fn table(all: &[Built]) -> String {
    let mut out = format!(
        "a clean release build of a program with one counter, least of {} (* = to {DERIVE})\n  \
         {:<30}{:>8}{:>10}{:>8}{:>14}{:>8}\n",
        all.first().map_or(0, |built| built.builds.len()),
        "",
        "crates",
        "seconds",
        "*",
        "core seconds",
        "*"
    );
    let Some(derive) = all.iter().find(|built| built.name == DERIVE) else { return out };
    for built in all {
        let (name, crates, seconds, core_seconds) = (built.name, built.crates, built.seconds(), built.core_seconds());
        let [ratio, core_ratio] = [seconds / derive.seconds(), core_seconds / derive.core_seconds()];
        let _ =
            writeln!(out, "  {name:<30}{crates:>8}{seconds:>10.1}{ratio:>8.2}{core_seconds:>14.1}{core_ratio:>8.2}");
    }
    let verdict = |met| if met { "met" } else { "MISSED" };
    if let Some(ours) = all.first() {
        let (crates, ratio) = (ours.crates, ours.seconds() / derive.seconds());
        let _ = writeln!(out, "crates: {crates}, at most {CRATES}: {}", verdict(crates <= CRATES));
        let _ = writeln!(out, "seconds, to {DERIVE}: {ratio:.2}, at most 1: {}", verdict(ratio <= 1.0));
    }
    out
}

/// Every build, as CSV.
pub fn csv(all: &[Built]) -> String {
    let mut out = "program,crates,round,seconds,core_seconds\n".to_owned();
    for Built { name, crates, builds } in all {
        for (round, Build { seconds, core_seconds }) in (1..).zip(builds) {
            let _ = writeln!(out, "\"{name}\",{crates},{round},{seconds:.2},{core_seconds:.2}");
        }
    }
    out
}
