//! The values of several processes as one: gauges, states, versions of a declaration, families made at run time.

mod families;
mod gauges;
mod sources;
mod states;
mod versions;
