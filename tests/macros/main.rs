//! Declarations and attributes: forms, hygiene and the help text.

mod declare;
mod functions;
mod handles;
mod help;
mod hygiene;
mod impl_blocks;
