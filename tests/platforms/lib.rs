//! Nothing: the programs are examples.
