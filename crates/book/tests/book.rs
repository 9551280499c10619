//! The pictures say what the simulator says, and the book as it stands can be made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wirelab_book::stage::Stage;
use wirelab_book::topology::Map;
use wirelab_book::{BookError, expand};
use wirelab_session::Content;

fn root() -> PathBuf {
    let content = Content::find(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("labs");
    content.root().to_owned()
}

fn stage() -> Stage {
    Stage::new(Content::new(root()), root().join("book/quizzes"))
}

fn expanded(text: &str) -> Result<String, BookError> {
    expand(text, Path::new("stories/page.md"), &mut stage())
}

#[test]
fn a_topology_shows_the_network_that_the_scenario_file_makes() {
    let mut stage = stage();
    let plan = stage.plan("nat-return-path", 26).expect("a lab");
    insta::assert_snapshot!(Map::of(plan).words().replace(". ", ".\n"));
}

#[test]
fn a_journey_stops_where_the_path_engine_stops() {
    let asked = "{{#journey nacl-ephemeral seed=7 from=replica to=primary:5432/tcp}}\n";
    insta::assert_snapshot!(expanded(asked).expect("a picture"));
}

#[test]
fn before_the_fault_the_same_packet_arrives() {
    let asked = "{{#journey nacl-ephemeral seed=7 from=replica to=primary:5432/tcp at=1m}}\n";
    let text = expanded(asked).expect("a picture");
    assert!(
        !text.contains("DROPPED") && text.matches(">DELIVERED<").count() == 2,
        "{text}"
    );
}

#[test]
fn what_means_nothing_is_an_error_and_code_is_left_alone() {
    for wrong in [
        "{{#topology no-such-lab seed=1}}",
        "{{#topology nacl-ephemeral}}",
        "{{#topology nacl-ephemeral seed=seven}}",
        "{{#topology nacl-ephemeral seed=7 colour=red}}",
        "{{#journey nacl-ephemeral seed=7 from=nobody to=primary:5432/tcp}}",
        "{{#journey nacl-ephemeral seed=7 from=replica to=primary}}",
        "{{#quiz no-such-quiz}}",
    ] {
        assert!(expanded(wrong).is_err(), "{wrong}");
    }
    let code = "```text\n{{#topology no-such-lab}}\n```\n{{#include other.md}}\n";
    assert_eq!(expanded(code).expect("nothing of ours"), code);
}

#[test]
fn every_page_of_the_book_can_be_made_twice_with_the_same_bytes() {
    let source = root().join("book/src");
    let [first, second] = [(); 2].map(|()| {
        let mut stage = stage();
        let made = pages(&source).into_iter().map(|page| {
            let text = std::fs::read_to_string(&page).expect("a page");
            let name = page.strip_prefix(&source).expect("below the book");
            let made = expand(&text, name, &mut stage).unwrap_or_else(|error| panic!("{error}"));
            (name.to_owned(), made)
        });
        made.collect::<Vec<_>>()
    });
    assert_eq!(first, second);
    let pictures: usize = first
        .iter()
        .map(|(name, text)| well_formed(name, text))
        .sum();
    assert!(pictures >= 20, "{pictures} pictures");
    assert!(
        first.iter().any(|(_, text)| text.contains("wl-quiz")),
        "no quiz"
    );
}

/// How many pictures a page has; each has a name and a description of its own, and is one HTML
/// block, which a blank line would end.
fn well_formed(page: &Path, text: &str) -> usize {
    let mut ids = BTreeSet::new();
    let pictures = text.split("<svg ").skip(1);
    let count = pictures.clone().count();
    for picture in pictures {
        let (picture, _) = picture.split_once("</svg>").expect("an end");
        assert!(
            !picture.contains("\n\n"),
            "{}: a blank line",
            page.display()
        );
        assert!(picture.contains("role=\"img\""), "{}", page.display());
        let about = picture.split("aria-labelledby=\"").nth(1).expect("a name");
        for id in about.split('"').next().expect("a value").split(' ') {
            assert!(
                picture.contains(&format!("id=\"{id}\"")),
                "{}: {id}",
                page.display()
            );
            assert!(ids.insert(id.to_owned()), "{}: {id} twice", page.display());
        }
    }
    count
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the book") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(pages(&path));
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}
