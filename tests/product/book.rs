//! What the book and the README show is what the binary prints.

use std::path::{Path, PathBuf};

use crate::console;
use crate::harness::{Place, root};

#[test]
fn the_readme_shows_what_is_printed() {
    console::run_page(&root().join("README.md"));
}

/// `WIRELAB_PAGES=nacl-ephemeral,egress-empty` chooses pages.
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
    let chosen = std::env::var("WIRELAB_PAGES").unwrap_or_default();
    let is_chosen = |page: &Path| {
        let name = page.file_stem().and_then(|name| name.to_str());
        chosen.is_empty() || chosen.split(',').any(|it| Some(it) == name)
    };
    for page in pages.iter().filter(|page| is_chosen(page)) {
        console::run_page(page);
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

#[test]
fn the_preprocessor_says_for_whom_it_works_and_hands_the_book_back_with_pictures() {
    let place = Place::new();
    let asks = |renderer| place.wirelab(&["book", "--preprocess", "supports", renderer]);
    asks("html").exits(0);
    asks("latex").exits(1);
    let chapter = serde_json::json!({"Chapter": {
        "content": "{{#topology nacl-ephemeral seed=7}}\n", "path": "a.md", "sub_items": [],
    }});
    let root = root().join("book");
    let sent = serde_json::json!([{"root": root}, {"items": [chapter, "Separator"]}]);
    std::fs::write(place.here().join("sent"), sent.to_string()).expect("a file");
    let book = place
        .shell("wirelab book --preprocess < sent")
        .exits(0)
        .json();
    let made = book["items"][0]["Chapter"]["content"]
        .as_str()
        .expect("a text");
    assert!(
        made.contains("<svg") && made.contains("subnet replica"),
        "{made}"
    );
    assert_eq!(book["items"][1], "Separator");
}

#[test]
fn pages_are_read_without_a_clone_by_name_path_and_words() {
    let place = Place::new();
    let book = |arguments: &[&str]| place.wirelab(&[&["book"], arguments].concat());
    let contents = book(&[]).exits(0).stdout;
    assert!(
        contents.contains("nacl-ephemeral           The reply"),
        "{contents}"
    );
    let page = book(&["mtu"]).exits(0);
    assert!(
        page.stdout.starts_with("How large may it be?\n"),
        "{}",
        page.stdout
    );
    assert!(
        page.stderr.contains("appendix/sheets/mtu"),
        "{}",
        page.stderr
    );
    let folded = page.stdout.lines().count();
    let whole = book(&["way/mtu.md", "--all"]).exits(0).stdout;
    assert!(whole.lines().count() > folded + 60, "{whole}");
    let found = book(&["--search", "LinkLocal_Allowance"]).exits(0).stdout;
    assert!(found.contains("platform  The neighbours"), "{found}");
    let json = book(&["glossary", "--json"]).exits(0).json();
    assert_eq!(json["path"], "appendix/glossary");
    assert!(
        json["text"]
            .as_str()
            .is_some_and(|it| it.starts_with("# Glossary"))
    );
    assert!(
        book(&["no-such-page"])
            .exits(2)
            .stderr
            .contains("wirelab book")
    );
}

#[test]
fn without_mdbook_it_is_said_how_to_get_it() {
    let line = format!(
        "w=$(command -v wirelab); PATH=; \"$w\" -C '{}' book --dest here",
        root().display()
    );
    let ran = Place::new().shell(&line).exits(3);
    assert!(
        ran.stderr.contains("cargo install mdbook --locked"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_book_is_built_without_a_directive_left_over() {
    let place = Place::new();
    if place.shell("command -v mdbook").code != 0 {
        eprintln!("skipped: mdbook is not installed");
        return;
    }
    let line = format!(
        "wirelab -C '{}' book --dest \"$PWD/built\"",
        root().display()
    );
    place.shell(&line).exits(0);
    let built = place.here().join("built");
    let page = std::fs::read_to_string(built.join("stories/nacl-ephemeral.html"));
    let page = page.expect("a page");
    assert!(page.contains("<svg class=\"wl "), "no picture");
    for folder in ["stories", "quizzes", "first-packets"] {
        for entry in std::fs::read_dir(built.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a page");
            assert!(!text.contains("{{#"), "{}", path.display());
        }
    }
}
