//! What the book and the README show is what the binary prints.

use std::path::{Path, PathBuf};

use crate::console;
use crate::harness::root;

#[test]
fn the_readme_shows_what_is_printed() {
    console::run_page(&root().join("README.md"));
}

#[test]
fn the_book_shows_what_is_printed() {
    let pages = pages();
    assert!(
        pages
            .iter()
            .map(|page| console::commands(page))
            .sum::<usize>()
            > 0,
        "no commands"
    );
    for page in pages {
        console::run_page(&page);
    }
}

#[test]
fn every_page_is_in_the_summary_and_every_link_leads_somewhere() {
    let source = root().join("book/src");
    let summary = std::fs::read_to_string(source.join("SUMMARY.md")).expect("a summary");
    for page in pages() {
        let name = page
            .strip_prefix(&source)
            .expect("below the book")
            .display()
            .to_string();
        assert!(
            name == "SUMMARY.md" || summary.contains(&format!("({name})")),
            "{name}"
        );
        check_links(&page);
    }
}

fn check_links(page: &Path) {
    let text = std::fs::read_to_string(page).expect("a page");
    let folder = page.parent().expect("a page is in a folder");
    for target in text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
    {
        let file = target.split('#').next().unwrap_or_default();
        if file.is_empty() || file.contains("://") {
            continue;
        }
        assert!(
            folder.join(file).exists(),
            "{}: broken link `{target}`",
            page.display()
        );
    }
}

fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("book/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the book") {
            let path = entry.expect("an entry").path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(kind) if kind == "md" => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}
