//! Threads that count, observe, remove and scrape at once.

mod concurrency;
mod property;
mod removal;
mod removal_races;
mod threads;
mod whole;
