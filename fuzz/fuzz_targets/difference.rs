#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tt_fuzz::difference(data));
