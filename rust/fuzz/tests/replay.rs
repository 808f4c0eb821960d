//! Every target on its corpus: whole, cut anywhere, and with single bytes changed.

use std::fs;
use std::path::Path;

/// Runs a target on its files, and with each of them cut and changed at so many places, spread evenly.
fn replay(name: &str, target: fn(&[u8]), places: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let data = fs::read(&file).unwrap();
        target(&data);
        for place in (0..data.len()).step_by(data.len().div_ceil(places)) {
            target(&data[..place]);
            for byte in [0, 1, 0xff] {
                let mut changed = data.clone();
                changed[place] = byte;
                target(&changed);
            }
        }
    }
}

/// One test, as memory is counted for the whole process.
#[test]
fn nothing_panics_or_takes_too_much_memory() {
    replay("circuit", zkinfer_fuzz::circuit, 48);
    replay("proof", zkinfer_fuzz::proof, 48);
    replay("verify", zkinfer_fuzz::verify, 3);
    replay("r1cs", zkinfer_fuzz::r1cs, 48);
    replay("setup", zkinfer_fuzz::setup, 48);
    replay("opening", zkinfer_fuzz::opening, 48);
    replay("pairing", zkinfer_fuzz::pairing, 24);
}
