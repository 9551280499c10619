//! Embeds `labs` and `scenarios`, so that an installed binary needs no other file.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    let root = PathBuf::from(env("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().expect("the repository's root exists");
    let mut files = Vec::new();
    for folder in ["labs", "scenarios"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).expect("below the root");
        let name = name.to_str().expect("names are UTF-8").replace('\\', "/");
        writeln!(table, "({name:?}, include_bytes!({file:?}) as &[u8]),").expect("a string grows");
    }
    table.push(']');
    let out = Path::new(&env("OUT_DIR")).join("content.rs");
    std::fs::write(out, table).expect("OUT_DIR is writable");
}

fn env(name: &str) -> String {
    std::env::var(name).expect("cargo sets it")
}

/// Every file below `folder`; hidden ones are somebody's editor's.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
