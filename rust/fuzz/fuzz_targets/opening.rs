//! The target of the same name, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zkinfer_fuzz::opening(data));
