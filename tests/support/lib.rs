//! What several tests need: real servers and parsers, and the text that says how to install them.
