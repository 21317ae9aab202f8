//! The checked input of an expansion: plain facts, filled in by the check.

use proc_macro2::TokenStream;
use syn::{AngleBracketedGenericArguments, Attribute, Expr, Ident, LitBool, LitStr, Pat, Type, Visibility};

use crate::function::{Function, Shape};
use crate::options::{Buckets, Kind, Registry};

/// A function to instrument.
pub(crate) struct Instrument {
    pub(crate) function: Function,
    pub(crate) shape: Shape,
    pub(crate) krate: TokenStream,
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    pub(crate) effect: Effect,
    pub(crate) on: On,
    /// Whether the returned value is an error, where its type doesn't say so.
    pub(crate) error: Option<LateExpr>,
    /// A return type for a check by the compiler: it must not be a future.
    pub(crate) guarded: Option<Type>,
}

/// The metric to count in.
pub(crate) enum Source {
    /// A metric of the attribute's own, and its label values in the written order.
    Declared(Box<Metric>, Vec<LabelArg>),
    /// An existing metric.
    Handle(Expr),
    /// An existing metric, with labels of the call's end.
    LateHandle(Box<LateHandle>),
}

/// An existing metric and the calls of its label methods.
pub(crate) struct LateHandle {
    /// As it was written.
    pub(crate) handle: Expr,
    pub(crate) base: Expr,
    pub(crate) calls: Vec<HandleCall>,
    /// The name of the outcome.
    pub(crate) outcome: Ident,
    /// The name of the returned value, where a label uses it.
    pub(crate) ret: Option<Ident>,
}

/// A label method and its argument.
pub(crate) struct HandleCall {
    pub(crate) method: Ident,
    pub(crate) turbofish: Option<AngleBracketedGenericArguments>,
    pub(crate) args: Vec<HandleArg>,
}

pub(crate) enum HandleArg {
    /// Known before the body, and kept until it ends.
    Early(Expr),
    /// Evaluated where the series is looked up: a literal, or an expression of the outcome.
    InPlace(Expr),
    /// Known from the returned value.
    Ret(Expr),
}

/// The value of a label.
pub(crate) struct LabelArg {
    /// The name in Prometheus.
    pub(crate) name: String,
    pub(crate) value: LabelExpr,
}

#[derive(Clone)]
pub(crate) enum LabelExpr {
    Literal(LitStr),
    /// The name of the function, and its place among those of its `impl` block.
    Method {
        name: String,
        names: Vec<String>,
    },
    /// Known before the body.
    Early {
        value: Expr,
        typed: bool,
    },
    /// Known from the returned value.
    Late {
        value: LateExpr,
        typed: bool,
    },
    Outcome,
}

/// An expression on the returned value, by this name.
#[derive(Clone)]
pub(crate) struct LateExpr {
    pub(crate) value: Expr,
    pub(crate) ret: Ident,
}

/// The effect of a call on the metric.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Count,
    Observe,
    TrackInProgress,
    SetDuration,
    SetTimestamp,
}

/// The counted calls.
pub(crate) enum On {
    Call,
    /// Constants of the runtime's `On`.
    Outcomes(Vec<Ident>),
    /// A pattern of the returned value, and its guard.
    Pattern(Box<(Pat, Option<Expr>)>),
}

/// A metric to declare.
pub(crate) struct Metric {
    /// The path to the macro support of `pytheus`.
    pub(crate) private: TokenStream,
    pub(crate) kind: Kind,
    /// The enum of a state set.
    pub(crate) states: Option<Type>,
    pub(crate) name: Expr,
    pub(crate) help: Expr,
    pub(crate) namespace: Option<Expr>,
    pub(crate) unit: Option<Expr>,
    pub(crate) buckets: Option<Buckets>,
    pub(crate) mode: Option<Ident>,
    pub(crate) limit: Option<Expr>,
    pub(crate) zero_series: Option<LitBool>,
    pub(crate) registry: Option<Registry>,
    /// Sorted by name.
    pub(crate) labels: Vec<DeclaredLabel>,
    /// The struct of the labels, in place of a list.
    pub(crate) label_set: Option<Type>,
    /// The type with a method per label, and with the constants of their types.
    pub(crate) owner: Option<Ident>,
    /// Whether its arguments are checked here, and not at another function of the same block.
    pub(crate) is_checked: bool,
}

/// A label to declare.
pub(crate) struct DeclaredLabel {
    pub(crate) name: Ident,
    /// The name in Prometheus.
    pub(crate) text: String,
    pub(crate) values: Values,
    pub(crate) default: Option<Expr>,
    /// Its doc comment.
    pub(crate) docs: Vec<Attribute>,
}

/// The allowed values of a label.
pub(crate) enum Values {
    Open,
    Typed(Box<Type>),
    Outcome,
    /// The names of the functions of an `impl` block.
    Methods(Vec<String>),
}

impl Values {
    /// The values of a type.
    pub(crate) fn typed(ty: Type) -> Self {
        Self::Typed(Box::new(ty))
    }
}

/// A metric to declare as a `static`.
pub(crate) struct Static {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) metric: Metric,
    /// The name of the method of each label.
    pub(crate) setters: Vec<Ident>,
    /// Whether the attributes `#[diagnostic::..]` are missing here.
    pub(crate) lacks_prelude: bool,
}
