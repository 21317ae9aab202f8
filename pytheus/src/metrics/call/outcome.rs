//! How a call ended.

use std::borrow::Cow;

use crate::model::labels::LabelValue;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It returned, and not an error.
    Ok,
    /// It returned an error.
    Error,
    /// It panicked.
    Panicked,
    /// Its future was dropped before it was done.
    Cancelled,
}

impl Outcome {
    /// `ok`, `error`, `panicked` or `cancelled`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
        }
    }

    /// That of a call that returned.
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
    fn place(&self) -> Option<usize> {
        Some(*self as usize)
    }
}

/// A returned value that knows whether it is an error.
///
/// `Result` does. Implement it for a type of your own, such as a reply with a status, and the attributes tell its
/// errors from its successes; any other value is [`Outcome::Ok`], such as `None`, a boxed value, or one of a generic type
/// without this bound. For those an attribute has the option `error`.
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
pub trait HasOutcome {
    /// Is this an error?
    fn is_error(&self) -> bool;
}

impl<T, E> HasOutcome for Result<T, E> {
    fn is_error(&self) -> bool {
        self.is_err()
    }
}

/// Finds out whether a value knows its outcome: the method of the first trait wins by needing no further reference.
///
/// Called as `(&Probe(&value)).probe_outcome()` with both traits in scope.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<'a, T: ?Sized>(pub &'a T);

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
