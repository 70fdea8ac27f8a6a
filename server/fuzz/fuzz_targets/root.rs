//! Any bytes are refused, or are a database that is written and read again as the same one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use valthree::root::{self, Root};

fuzz_target!(|data: &[u8]| {
    let Ok(read) = Root::decode(data) else {
        return;
    };
    let bytes = root::encode(&read.header, read.recent.len(), read.recent.iter());
    let again = Root::decode(&bytes).expect("what was written can be read");
    assert_eq!(again, read);
    let same = root::encode(&again.header, again.recent.len(), again.recent.iter());
    assert_eq!(same, bytes);
});
