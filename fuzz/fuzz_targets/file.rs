//! Reads any bytes as a file of the file backend. `tests/file_damaged/fuzz.rs` does the same for a while, from the same files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pytheus::__private::fuzz_read(bytes).expect("there is room for a file");
});
