//! Examples of pytheus: see the files beside this one.
