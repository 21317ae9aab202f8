//! Backends by name.

use std::any::{TypeId, type_name};
use std::fmt;
use std::sync::Arc;

use crate::backends::api::{Backend, BackendError};
use crate::backends::config::load_error::LoadError;
use crate::backends::config::shape::shape;
use crate::backends::config::suggest::{slip, suggest};
use crate::backends::config::unavailable::unavailable;
use crate::backends::config::values::Config;
use crate::backends::single::{self, SingleProcessBackend};

/// A backend that can be made of a configuration, and so [loaded](crate::backends::load_backend) by its class or its name.
///
/// ```
/// use pytheus::backends::custom::{Backend, Config, Configure};
/// use pytheus::backends::{BackendError, BackendSpec, json, load_backend};
///
/// struct Ledger {
///     path: std::path::PathBuf,
/// }
///
/// impl Backend for Ledger {}
///
/// impl Configure for Ledger {
///     const NAME: &'static str = "ledger";
///
///     fn configure(config: &mut Config) -> Result<Self, BackendError> {
///         let path = config.path("path")?.ok_or_else(|| config.missing("path"))?;
///         // Before anything is opened: a key that is not known may be a slip.
///         config.finish()?;
///         Ok(Self { path })
///     }
/// }
///
/// // From now on `PYTHEUS_BACKEND_CLASS=ledger` finds it.
/// pytheus::register_backend!(Ledger);
///
/// load_backend(BackendSpec::of::<Ledger>().with_config(json!({"path": "ledger.db"})))?;
/// # Ok::<(), pytheus::backends::LoadError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be made of a configuration",
    label = "this backend does not implement `Configure`",
    note = "implement `pytheus::backends::custom::Configure` for it; one that is ready is loaded with `BackendSpec::instance`"
)]
pub trait Configure: Backend + Sized {
    /// Its name, as in `PYTHEUS_BACKEND_CLASS`.
    const NAME: &'static str;

    /// Other names that lead to it.
    const ALIASES: &'static [&'static str] = &[];

    /// Makes one. It may count in metrics; it must not load a backend.
    ///
    /// A background thread calls it where the environment names the class, again and again while it fails with anything
    /// but a [`ConfigError`](crate::backends::ConfigError).
    ///
    /// # Errors
    ///
    /// A [`ConfigError`](crate::backends::ConfigError) of `config`, or anything else that stands in the way.
    fn configure(config: &mut Config) -> Result<Self, BackendError>;
}

/// A class of backends: what [`register_backend!`](crate::register_backend) keeps.
#[derive(Clone, Copy)]
pub struct BackendClass {
    name: &'static str,
    aliases: &'static [&'static str],
    id: fn() -> TypeId,
    type_name: fn() -> &'static str,
    make: fn(&mut Config) -> Result<Arc<dyn Backend>, BackendError>,
}

impl BackendClass {
    /// The class that this type is.
    pub const fn of<B: Configure>() -> Self {
        fn make<B: Configure>(config: &mut Config) -> Result<Arc<dyn Backend>, BackendError> {
            Ok(Arc::new(B::configure(config)?))
        }
        Self { name: B::NAME, aliases: B::ALIASES, id: TypeId::of::<B>, type_name: type_name::<B>, make: make::<B> }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn id(&self) -> TypeId {
        (self.id)()
    }

    pub(crate) fn make(&self, config: &mut Config) -> Result<Arc<dyn Backend>, BackendError> {
        (self.make)(config)
    }

    fn has(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }

    /// The class of this name, among those of the program.
    pub(crate) fn named(name: &str) -> Result<Self, LoadError> {
        let classes: Vec<_> = inventory::iter::<Self>.into_iter().copied().collect();
        find(name, &classes)
    }
}

fn find(name: &str, classes: &[BackendClass]) -> Result<BackendClass, LoadError> {
    let mut found: Vec<_> = classes.iter().filter(|class| class.has(name)).collect();
    found.sort_by_key(|class| (class.type_name)());
    found.dedup_by_key(|class| class.id());
    match found[..] {
        [class] => Ok(*class),
        [] => Err(unknown(name, classes)),
        _ => {
            let types = found.iter().map(|class| (class.type_name)().to_owned()).collect();
            Err(LoadError::Ambiguous { name: name.to_owned(), types })
        }
    }
}

fn unknown(name: &str, classes: &[BackendClass]) -> LoadError {
    if let Some(error) = unavailable(name) {
        return error;
    }
    let names = || classes.iter().flat_map(|class| [class.name].into_iter().chain(class.aliases.iter().copied()));
    let plain = name.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    let suggestion = suggest(plain, names()).map(str::to_owned);
    let shown = slip(name, names()).map(str::to_owned);
    let mut known: Vec<_> = classes.iter().map(|class| class.name.to_owned()).collect();
    known.sort();
    known.dedup();
    LoadError::UnknownClass { name: shown, shape: shape(name), known, suggestion }
}

inventory::collect!(BackendClass);

impl fmt::Debug for BackendClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendClass").field("name", &self.name).field("aliases", &self.aliases).finish_non_exhaustive()
    }
}

/// Lets the [`NAME`](trait@crate::backends::custom::Configure) of a backend of your own, and its aliases, be found in
/// `PYTHEUS_BACKEND_CLASS`.
///
/// ```
/// # use pytheus::backends::custom::{Backend, BackendError, Config, Configure};
/// # struct Ledger;
/// # impl Backend for Ledger {}
/// # impl Configure for Ledger {
/// #     const NAME: &'static str = "ledger";
/// #     fn configure(_: &mut Config) -> Result<Self, BackendError> { Ok(Self) }
/// # }
/// pytheus::register_backend!(Ledger);
/// ```
///
/// In a library, the program must name the library somewhere, as for metrics: `use that_crate as _;`.
#[macro_export]
macro_rules! register_backend {
    ($($backend:ty),+ $(,)?) => {
        $($crate::__private::inventory::submit! { $crate::__private::BackendClass::of::<$backend>() })+
    };
}

impl Configure for SingleProcessBackend {
    const NAME: &'static str = single::NAMES[0];
    const ALIASES: &'static [&'static str] = single::NAMES.split_at(1).1;

    /// Reads no keys.
    fn configure(config: &mut Config) -> Result<Self, BackendError> {
        config.finish()?;
        Ok(Self)
    }
}

register_backend!(SingleProcessBackend);

#[cfg(test)]
mod tests {
    use super::*;

    struct Own;
    impl Backend for Own {}
    impl Configure for Own {
        const NAME: &'static str = "own";
        const ALIASES: &'static [&'static str] = &["single"];

        fn configure(_: &mut Config) -> Result<Self, BackendError> {
            Ok(Self)
        }
    }

    const SINGLE: BackendClass = BackendClass::of::<SingleProcessBackend>();
    const OWN: BackendClass = BackendClass::of::<Own>();

    #[test]
    fn a_class_is_found_by_each_of_its_names() {
        for name in ["single", "SingleProcessBackend", "pytheus.backends.base.SingleProcessBackend"] {
            assert_eq!(BackendClass::named(name).map(|class| class.name()).ok(), Some("single"), "{name}");
        }
        // Registered twice, it is the same class all the same.
        assert!(find("single", &[SINGLE, SINGLE]).is_ok());
    }

    #[test]
    fn two_classes_of_one_name_are_told_apart_by_their_types() {
        let error = find("single", &[SINGLE, OWN]).expect_err("which of them?").to_string();
        assert!(error.contains("pytheus::backends::single::SingleProcessBackend"), "{error}");
        assert!(error.contains("pytheus::backends::config::class::tests::Own"), "{error}");
        assert!(find("own", &[SINGLE, OWN]).is_ok());
    }

    #[test]
    fn an_unknown_name_lists_those_that_are_there_and_the_nearest() {
        let error = find("sinlge", &[OWN, SINGLE]).expect_err("a slip").to_string();
        assert!(error.contains("`sinlge`; did you mean `single`?"), "{error}");
        assert!(error.contains("`own`, `single`"), "{error}");
        let error = find("postgres", &[SINGLE]).expect_err("there is none").to_string();
        assert!(!error.contains("did you mean"), "{error}");
    }

    #[test]
    fn one_that_is_left_out_says_what_brings_it_in() {
        let error = find("redis", &[SINGLE]).expect_err("not compiled in").to_string();
        assert!(error.contains("the feature `redis` of pytheus"), "{error}");
    }
}
