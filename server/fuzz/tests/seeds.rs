//! Every seed passes its target, whole and cut off anywhere.

use std::path::Path;

#[test]
fn every_seed_passes_its_target() {
    for (name, target) in valthree_fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let mut seeds = 0;
        for file in std::fs::read_dir(&folder).expect("each target has seeds") {
            let seed = std::fs::read(file.expect("a readable folder").path()).expect("a readable file");
            for end in 0..=seed.len() {
                target(&seed[..end]);
            }
            seeds += 1;
        }
        assert!(seeds > 0, "{name} has no seeds");
    }
}
