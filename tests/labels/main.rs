//! Labels: given at run time, declared, with closed sets of values, and the identity of a series.

mod closed;
mod dynamic;
mod identity;
mod label_set;
mod typed;
