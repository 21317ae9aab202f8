//! Every error that a program meets in `main` goes with `?` through any of the usual types of a `main`.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use pytheus::backends::custom::{Config, FamilyKey};
use pytheus::backends::{BackendSpec, MultiProcessFileBackend, SingleProcessBackend, flush, json, load_backend, shutdown};
use pytheus::collector::collector_fn;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::exposition::{Exposition, append_metrics, generate_metrics, generate_metrics_from};
use pytheus::metrics::Counter;
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

/// As `anyhow::Error` and its like.
#[derive(Debug)]
struct Anything(#[allow(dead_code)] Box<dyn Error + Send + Sync>);

impl<E: Error + Send + Sync + 'static> From<E> for Anything {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

macro_rules! mains {
    ($($main:ident -> $error:ty, $name:literal;)*) => {$(
        fn $main() -> Result<(), $error> {
            load_backend(BackendSpec::of::<SingleProcessBackend>())?;
            Config::new(json!({"directory": "/"}))?.string("directory")?;
            let folder = std::env::temp_dir().join(format!("pytheus-errors-{}", std::process::id()));
            std::fs::create_dir_all(&folder)?;
            drop(MultiProcessFileBackend::new(&folder)?);
            std::fs::remove_dir_all(&folder)?;

            let descriptor = Descriptor::new(Kind::Gauge, concat!($name, "_gauge"), "G.")?.with_labels(["l"])?;
            FamilyKey::from_json(&FamilyKey::new("", descriptor.clone()).to_json())?;
            REGISTRY.register(collector_fn([descriptor], || Ok(vec![])))?;
            let counter = Counter::builder(concat!($name, "_total"), "C.").label_names(["l"]).build()?;
            counter.labels([("l", "x")])?.inc();
            drop(counter.partial([("l", "x")])?);
            counter.remove([("l", "x")])?;
            let registry = CollectorRegistry::new().with_prefix("p")?.with_labels([("zone", "1")])?;

            generate_metrics()?;
            generate_metrics_from(&registry)?;
            append_metrics(&mut String::new())?;
            Exposition::new().write_to(&mut Vec::new())?;
            REGISTRY.collect()?;
            REGISTRY.scrape(&mut |_| {})?;
            flush()?;
            // Within a thread that a runtime waits for: the error has to be `Send` and `'static`.
            std::thread::spawn(|| shutdown(Duration::from_secs(1))).join().expect("it does not panic")?;
            Ok(())
        }
    )*};
}

mains! {
    boxed -> Box<dyn Error>, "boxed";
    boxed_for_threads -> Box<dyn Error + Send + Sync>, "boxed_for_threads";
    of_io -> io::Error, "of_io";
    anything -> Anything, "anything";
    shared -> Shared, "shared";
}

/// As errors that are kept and cloned.
#[derive(Debug)]
struct Shared(#[allow(dead_code)] Arc<dyn Error + Send + Sync>);

impl<E: Error + Send + Sync + 'static> From<E> for Shared {
    fn from(error: E) -> Self {
        Self(Arc::new(error))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    boxed()?;
    boxed_for_threads().map_err(|error| error.to_string())?;
    of_io()?;
    anything().map_err(|error| format!("{error:?}"))?;
    shared().map_err(|error| format!("{error:?}"))?;
    Ok(())
}
