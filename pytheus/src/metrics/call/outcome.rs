//! The outcome of a call.

use std::borrow::Cow;

use crate::model::labels::LabelValue;

/// The outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It returned a value other than an error.
    Ok,
    /// It returned an error.
    Error,
    /// It panicked.
    Panicked,
    /// Its future was dropped before it was done.
    Cancelled,
}

impl Outcome {
    /// Returns `ok`, `error`, `panicked` or `cancelled`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns the outcome of a call that returned.
    #[doc(hidden)]
    #[must_use]
    pub const fn of(error: bool) -> Self {
        if error { Self::Error } else { Self::Ok }
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for Outcome {
    const VALUES: Option<&'static [&'static str]> = Some(&["ok", "error", "panicked", "cancelled"]);

    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }

    fn into_label(self) -> Cow<'static, str> {
        Cow::Borrowed(self.as_str())
    }

    #[inline]
    fn index(&self) -> Option<usize> {
        Some(*self as usize)
    }
}

/// A returned value that may be an error.
///
/// `Result` implements it. Implement it for a type of your own, such as a reply with a status, and the attributes tell its
/// errors from its successes. Any other value is [`Outcome::Ok`], such as `None`, a boxed value, or a value of a generic type
/// without this bound; for those an attribute has the option `error`.
///
/// ```
/// use pytheus::metrics::HasOutcome;
///
/// struct Reply {
///     status: u16,
/// }
///
/// impl HasOutcome for Reply {
///     fn is_error(&self) -> bool {
///         self.status >= 500
///     }
/// }
/// ```
///
/// A `Result` is an error as an `Err`, and as an `Ok` of a type that calls itself one. With the feature `http`, the types
/// `StatusCode` and `Response` of the crate `http` do, at a status of 500 and above, and so do tuples that begin with a
/// `StatusCode`, as web frameworks take them: an `Ok(Response)` with status 500 is an error. For those of 400 and above, say
/// `error = ret.status().as_u16() >= 400`. A value behind `impl IntoResponse` shows no status: return the
/// `Response` itself, or say `error = ..`.
pub trait HasOutcome {
    /// Returns whether this is an error.
    fn is_error(&self) -> bool;
}

impl<T, E> HasOutcome for Result<T, E> {
    fn is_error(&self) -> bool {
        self.is_err()
    }
}

/// Probes for [`HasOutcome`]: its method is found first, as it needs no further reference.
///
/// Called as `(&Probe(&value)).probe_outcome()` with both traits in scope.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// An `Ok` may hold a reply that is an error itself. A method of the type's own comes before those of traits.
impl<T: HasOutcome, E> Probe<'_, Result<T, E>> {
    #[doc(hidden)]
    pub fn probe_outcome(&self) -> Outcome {
        Outcome::of(self.0.as_ref().map_or(true, HasOutcome::is_error))
    }
}

#[doc(hidden)]
pub trait ProbeOutcome {
    fn probe_outcome(&self) -> Outcome;
}

impl<T: HasOutcome + ?Sized> ProbeOutcome for Probe<'_, T> {
    fn probe_outcome(&self) -> Outcome {
        Outcome::of(self.0.is_error())
    }
}

#[doc(hidden)]
pub trait ProbeAny {
    fn probe_outcome(&self) -> Outcome;
}

impl<T: ?Sized> ProbeAny for &Probe<'_, T> {
    fn probe_outcome(&self) -> Outcome {
        Outcome::Ok
    }
}
