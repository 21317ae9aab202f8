//! Packages that cargo builds: plug-ins, static libraries, lints, and the machine code.

mod assembly;
mod lints;
mod packages;
