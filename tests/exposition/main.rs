//! The text of a scrape: format, parsers and the ways to write it.

mod direct;
mod formats;
mod negotiation;
mod property;
mod text;
