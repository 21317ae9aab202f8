//! Metrics of every kind: methods, refused values, limits, removal, and the help for tests.

mod auto_traits;
mod counters;
mod defaults;
mod facts;
mod limit;
mod observations;
mod removal;
mod sources;
mod testing;
