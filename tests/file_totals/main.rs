//! The totals of several processes: sums, series that come and go without end, counts from before the load.

mod churn;
mod late;
mod totals;
