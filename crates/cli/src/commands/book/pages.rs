//! The book that the binary holds: its files, and its pages by name.
//!
//! A page is called by the last part of its path (`mtu` for `way/mtu.md`) where no page before it
//! in the table of contents is called so, else by the whole path (`appendix/sheets/mtu`).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use wirelab_book::quiz;

use crate::content;
use crate::failure::Failure;

/// Every file below `book` when the binary was built: name, length and octets of each, packed.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/book.gz"));

/// A page as the table of contents has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// Below `src`, without its ending: `way/mtu`.
    pub(super) path: String,
    pub(super) title: String,
    /// The part of the book; empty for what stands before the first.
    pub(super) part: String,
    /// Pages above it.
    pub(super) depth: usize,
}

/// The book.
pub(super) struct Book {
    files: BTreeMap<String, Vec<u8>>,
    pages: Vec<Page>,
}

impl Book {
    /// Unpacks the book.
    ///
    /// # Errors
    /// Our fault: the binary holds none.
    pub(super) fn of_binary() -> Result<Self, Failure> {
        let mut all = Vec::new();
        GzDecoder::new(PACKED)
            .read_to_end(&mut all)
            .map_err(Failure::internal)?;
        let files = files(&all).ok_or_else(|| Failure::internal("the book's files are damaged"))?;
        let mut book = Self {
            files,
            pages: Vec::new(),
        };
        book.pages = contents(book.text("src/SUMMARY.md").unwrap_or_default());
        Ok(book)
    }

    /// In the order of the table of contents.
    pub(super) fn pages(&self) -> &[Page] {
        &self.pages
    }

    fn text(&self, file: &str) -> Option<&str> {
        std::str::from_utf8(self.files.get(file)?).ok()
    }

    /// The Markdown of the page `way/mtu`.
    pub(super) fn markdown(&self, path: &str) -> Option<&str> {
        self.text(&format!("src/{path}.md"))
    }

    /// A quiz by its name.
    pub(super) fn quiz(&self, name: &str) -> Option<quiz::Quiz> {
        quiz::read(self.text(&format!("quizzes/{name}.toml"))?).ok()
    }

    /// What the page `way/mtu` is called: `mtu`.
    pub(super) fn name<'p>(&self, path: &'p str) -> Option<&'p str> {
        let first = self.pages.iter().find(|it| stem(&it.path) == stem(path))?;
        if first.path == path {
            return Some(stem(path));
        }
        self.pages.iter().any(|it| it.path == path).then_some(path)
    }

    /// What a link from the page `from` leads to: a page's name, an address elsewhere.
    pub(super) fn name_of_link(&self, from: &str, target: &str) -> Option<String> {
        if target.contains("://") {
            return Some(target.to_owned());
        }
        let file = target.split('#').next().unwrap_or_default();
        let file = file.strip_suffix(".md")?;
        let mut path: Vec<&str> = from.split('/').collect();
        path.pop();
        for part in file.split('/') {
            match part {
                ".." => {
                    path.pop()?;
                }
                "." => {}
                part => path.push(part),
            }
        }
        let path = path.join("/");
        self.name(&path).map(str::to_owned)
    }

    /// The page of that path, name or title.
    pub(super) fn find(&self, text: &str) -> Result<&Page, Failure> {
        let bare = text.trim_end_matches(".md");
        let bare = ["book/src/", "src/"]
            .into_iter()
            .find_map(|it| bare.strip_prefix(it))
            .unwrap_or(bare);
        let word = text.to_lowercase();
        let by_path = |it: &&Page| it.path == bare;
        let by_name = |it: &&Page| stem(&it.path) == bare;
        let by_title = |it: &&Page| it.title.to_lowercase().contains(&word);
        let pages = || self.pages.iter();
        let found = pages().find(by_path).or_else(|| pages().find(by_name));
        if let Some(found) = found.or_else(|| pages().find(by_title)) {
            return Ok(found);
        }
        let names: Vec<&str> = pages().filter_map(|it| self.name(&it.path)).collect();
        Err(Failure::usage(format!("the book has no page `{text}`"))
            .did_you_mean(text, &names)
            .hint("`wirelab book` lists them; `wirelab book --search WORD` looks into them"))
    }

    /// Other pages that `text` might have meant: those of the same last part.
    pub(super) fn namesakes<'b>(&'b self, page: &'b Page) -> impl Iterator<Item = &'b Page> {
        let same = |it: &&Page| stem(&it.path) == stem(&page.path) && it.path != page.path;
        self.pages.iter().filter(same)
    }

    /// Lines with a word, whatever its case: page and line.
    pub(super) fn search<'b>(&'b self, word: &str) -> Vec<(&'b Page, Vec<&'b str>)> {
        let word = word.to_lowercase();
        let pages = self.pages.iter().map(|page| {
            let lines = self.markdown(&page.path).unwrap_or_default().lines();
            let found = lines.filter(|line| line.to_lowercase().contains(&word));
            (page, found.collect::<Vec<_>>())
        });
        pages.filter(|(_, lines)| !lines.is_empty()).collect()
    }

    /// The book's sources as files, for mdBook: in the cache, written once a build.
    pub(super) fn unpacked(&self) -> Result<PathBuf, Failure> {
        let root = content::cached("book", fingerprint())?;
        let book = root.join("book");
        let marker = root.join(".complete");
        if marker.is_file() {
            return Ok(book);
        }
        for (name, octets) in &self.files {
            let path = book.join(name);
            std::fs::create_dir_all(path.parent().expect("a file is in a folder"))?;
            std::fs::write(path, octets)?;
        }
        std::fs::write(marker, "")?;
        Ok(book)
    }
}

/// Tells one build's book from another's.
fn fingerprint() -> u64 {
    content::fnv(PACKED.iter().copied())
}

/// The last part of a path.
fn stem(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The files of an unpacked book, by name; `None`: it is damaged.
fn files(mut all: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    while !all.is_empty() {
        let name = line(&mut all)?.to_owned();
        let length: usize = line(&mut all)?.parse().ok()?;
        let (octets, rest) = all.split_at_checked(length)?;
        all = rest;
        files.insert(name, octets.to_vec());
    }
    Some(files)
}

/// Takes the first line off.
fn line<'a>(all: &mut &'a [u8]) -> Option<&'a str> {
    let end = all.iter().position(|it| *it == b'\n')?;
    let (line, rest) = all.split_at(end);
    *all = &rest[1..];
    std::str::from_utf8(line).ok()
}

/// The pages that mdBook's SUMMARY.md names, with their parts.
fn contents(summary: &str) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut part = "";
    for line in summary.lines().skip(1) {
        if let Some(title) = line.strip_prefix("# ") {
            part = title;
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let bare = line.trim_start().trim_start_matches("- ");
        let link = bare.strip_prefix('[').and_then(|it| it.split_once("]("));
        let Some((title, file)) = link else { continue };
        pages.push(Page {
            path: file
                .trim_end_matches(')')
                .trim_end_matches(".md")
                .to_owned(),
            title: title.to_owned(),
            part: part.to_owned(),
            depth: indent / 2,
        });
    }
    pages
}

/// The chapter that tells how one run of a lab was solved, by the name that `wirelab book` takes.
pub(crate) fn chapter_of(lab: &str) -> Option<String> {
    let book = Book::of_binary().ok()?;
    let mut pages = book.pages().iter();
    let page = pages.find(|it| stem(&it.path) == lab)?;
    book.name(&page.path).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_by_name_path_and_title() {
        let book = Book::of_binary().expect("the binary holds the book");
        for (text, path) in [
            ("mtu", "way/mtu"),
            ("appendix/sheets/mtu", "appendix/sheets/mtu"),
            ("book/src/packets-way.md", "packets-way"),
            ("quizzes/packets-way", "quizzes/packets-way"),
            ("the border guard", "way/network-acls"),
        ] {
            assert_eq!(book.find(text).expect(text).path, path);
        }
        assert!(book.find("nonsense").is_err());
        assert_eq!(book.name("way/mtu"), Some("mtu"));
        assert_eq!(
            book.name("appendix/sheets/mtu"),
            Some("appendix/sheets/mtu")
        );
        let link = book.name_of_link("way/mtu", "../stories/mtu-black-hole.md#why");
        assert_eq!(link.as_deref(), Some("mtu-black-hole"));
        assert_eq!(
            chapter_of("nat-idle-timeout").as_deref(),
            Some("nat-idle-timeout")
        );
    }

    #[test]
    fn a_damaged_book_is_none() {
        assert!(files(b"a\n3\nabc").is_some());
        assert!(files(b"a\n4\nabc").is_none());
        assert!(files(b"a").is_none());
    }
}
