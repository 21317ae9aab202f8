//! Registries beside the global one, duplicate registrations, and custom collectors.

mod collectors;
mod duplicates;
mod own;
