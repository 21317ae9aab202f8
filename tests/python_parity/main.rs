//! What the tests of Python pytheus promise, row by row of `behaviours.tsv`.

mod block_on;
mod count_attributes;
mod fault;
mod histogram;
mod labels;
mod metrics;
mod registry;
mod samples;
mod table;
mod time_attributes;
mod timing;
mod typed;
