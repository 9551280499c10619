//! `wirelab tour`: what it shows is what happens, and nothing is left of it.

use crate::harness::Place;

#[test]
fn the_tour_shows_a_lab_from_ticket_to_repair_and_leaves_nothing() {
    let place = Place::new();
    let ran = place
        .shell("mkdir t && TMPDIR=$PWD/t wirelab tour && rmdir t")
        .exits(0);
    assert_eq!(ran.stderr, "");
    let home = place.here().parent().expect("a home");
    for folder in [home, place.here()] {
        let left = std::fs::read_dir(folder).expect("a folder").count();
        assert_eq!(left, usize::from(folder == home), "{}", folder.display());
    }
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn ctrl_c_leaves_the_tour_and_nothing_else() {
    let place = Place::new();
    let turns = [("this comes in", "\\003")];
    place
        .terminal("mkdir t && TMPDIR=$PWD/t wirelab tour", &turns)
        .exits(130);
    place.shell("rmdir t").exits(0);
}
