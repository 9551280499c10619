//! Runs `tests/transcripts/*.calls` (see `script`) and compares what is said, with the moments at
//! which states and the data plane follow, with a snapshot that people read.

mod account;
mod script;

use std::path::Path;

use script::Script;

#[test]
fn transcripts_read_as_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let mut script = Script::new();
        script.run(&std::fs::read_to_string(&file).expect("text"));
        let name = file
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        insta::assert_snapshot!(name, script.out);
    }
}
