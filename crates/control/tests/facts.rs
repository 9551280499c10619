//! Runs `tests/facts/*.facts`: rows `[place in facts.md] CALL => Code`, where the code is `ok` or
//! the API's error code, among lines as in `script` that prepare them. `repeat N: CALL` makes a
//! call N times with `${n}` counting from 1; every one of them must succeed. All rows of a file are
//! tried before the test fails.

mod account;
mod script;

use std::path::Path;

use script::Script;

/// Rows in all files: none may be lost.
const ROWS: usize = 520;

#[test]
fn calls_are_accepted_and_refused_as_documented() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/facts");
    let files = std::fs::read_dir(folder).expect("the folder is there");
    let mut rows = 0;
    let mut failures = Vec::new();
    for file in files {
        let file = file.expect("a file").path();
        let text = std::fs::read_to_string(&file).expect("text");
        let mut script = Script::new();
        for line in text.lines().map(str::trim) {
            rows += usize::from(line.starts_with('['));
            if let Err(why) = step(&mut script, line) {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                failures.push(format!("{name}: {line}\n    {why}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(rows, ROWS, "rows of all tables");
}

fn step(script: &mut Script, line: &str) -> Result<(), String> {
    if let Some(row) = line.strip_prefix('[') {
        let (_, row) = row.split_once("] ").expect("[fact] CALL");
        let (call, wanted) = row.rsplit_once(" => ").expect("CALL => CODE");
        return said(script, call.trim(), wanted);
    }
    if let Some(rest) = line.strip_prefix("repeat ") {
        let (count, call) = rest.split_once(": ").expect("repeat N: CALL");
        for n in 1..=count.parse().expect("a number") {
            let n: u32 = n;
            said(script, &call.replace("${n}", &n.to_string()), "ok")?;
        }
        return Ok(());
    }
    script.code = "ok".to_owned();
    said(script, line, "ok")
}

fn said(script: &mut Script, call: &str, wanted: &str) -> Result<(), String> {
    script.out.clear();
    script.run(call);
    if script.code == wanted {
        return Ok(());
    }
    Err(format!(
        "must be {wanted}, is {}\n{}",
        script.code, script.out
    ))
}
