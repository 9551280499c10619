//! Every file in `queries/`: queries and, after each, a line `----` and what it answers.
//!
//! `WIRELAB_BLESS=1` writes the answers into the files, for a person to read before committing.

use std::fs;
use std::path::Path;

use crate::support::show;

const SEPARATOR: &str = "\n----\n";
const BETWEEN: &str = "\n====\n";

#[test]
fn every_query_answers_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/queries");
    let entries = fs::read_dir(folder).expect("the folder is part of the repository");
    let mut count = 0;
    for entry in entries {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a text");
        let answered: Vec<String> = text
            .split(BETWEEN)
            .map(|case| {
                let query = case
                    .split(SEPARATOR)
                    .next()
                    .unwrap_or_default()
                    .trim_matches('\n');
                count += 1;
                format!("{query}{SEPARATOR}{}", show(query).trim_end())
            })
            .collect();
        if std::env::var_os("WIRELAB_BLESS").is_some() {
            fs::write(&path, answered.join(BETWEEN) + "\n").expect("the file can be written");
        } else {
            for (now, then) in answered.iter().zip(text.trim_end().split(BETWEEN)) {
                assert_eq!(now, then, "{}", path.display());
            }
        }
    }
    assert!(count > 250, "only {count} queries were found");
}
