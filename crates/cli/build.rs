//! Embeds `labs` and `scenarios`, so that an installed binary needs no other file, and the book,
//! packed.
//!
//! Files are named from the package's folder, those it watches and those in the table: clones that
//! share a target folder each embed their own files, also once the first of them is gone.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() {
    let root = PathBuf::from(env("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().expect("the repository's root exists");
    let mut files = Vec::new();
    for folder in ["labs", "scenarios"] {
        collect(&root, Path::new(folder), &mut files);
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).expect("below the root");
        let name = name.to_str().expect("names are UTF-8").replace('\\', "/");
        let file = format!("/../../{name}");
        let bytes = format!("include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {file:?}))");
        writeln!(table, "({name:?}, {bytes} as &[u8]),").expect("a string grows");
    }
    table.push(']');
    let out = PathBuf::from(env("OUT_DIR"));
    std::fs::write(out.join("content.rs"), table).expect("OUT_DIR is writable");
    pack_book(&root, &out.join("book.gz")).expect("the book is packed");
}

/// Every file below `book`: its name there, its length, its octets; all in one gzip file.
fn pack_book(root: &Path, out: &Path) -> std::io::Result<()> {
    let mut files = Vec::new();
    collect(root, Path::new("book"), &mut files);
    files.sort();
    let mut packer = GzEncoder::new(File::create(out)?, Compression::best());
    for file in &files {
        let octets = std::fs::read(file)?;
        let name = file.strip_prefix(root.join("book")).expect("below it");
        let name = name.to_str().expect("names are UTF-8").replace('\\', "/");
        write!(packer, "{name}\n{}\n", octets.len())?;
        packer.write_all(&octets)?;
    }
    packer.finish()?;
    Ok(())
}

fn env(name: &str) -> String {
    std::env::var(name).expect("cargo sets it")
}

/// Every file below `folder` of the repository; hidden ones are somebody's editor's.
fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed=../../{}", folder.display());
    let entries = std::fs::read_dir(root.join(folder));
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        match entry.path().is_dir() {
            true => collect(root, &folder.join(name), files),
            false => files.push(entry.path()),
        }
    }
}
