//! The totals of several processes: sums, and series that come and go without end.

mod churn;
mod totals;
