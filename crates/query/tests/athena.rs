//! Every file in `athena/`: statements of Athena SQL and, after each, a line `----` and what it
//! answers. A case may hold several statements with a line `;;` between; it then shows the last
//! one's answer, or the first error.
//!
//! `WIRELAB_BLESS=1` writes the answers into the files, for a person to read before committing.

use std::fs;
use std::path::Path;

use crate::athena_support::World;

const SEPARATOR: &str = "\n----\n";
const BETWEEN: &str = "\n====\n";

#[test]
fn every_statement_answers_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/athena");
    let world = World::new();
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the folder is part of the repository")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let mut count = 0;
    let mut wrong = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a text");
        let mut answered = Vec::new();
        for case in text.trim_end().split(BETWEEN) {
            let sql = case.split(SEPARATOR).next().unwrap_or_default();
            let sql = sql.trim_matches('\n');
            let answer = format!("{sql}{SEPARATOR}{}", world.show(sql).trim_end());
            if answer != case {
                wrong.push(format!("{}:\n{case}\n\nnow:\n{answer}", path.display()));
            }
            answered.push(answer);
            count += 1;
        }
        if std::env::var_os("WIRELAB_BLESS").is_some() {
            fs::write(&path, answered.join(BETWEEN) + "\n").expect("the file can be written");
            wrong.clear();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count > 100, "only {count} cases were found");
}
