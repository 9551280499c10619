//! Habits of the command line that hold for every sub-command.

use crate::harness::Place;

#[test]
fn a_typo_is_answered_with_the_command_that_was_meant() {
    let ran = Place::new().wirelab(&["chek"]).exits(2);
    assert!(
        ran.stderr.contains("similar subcommand exists: 'check'"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stdout, "");
}

#[test]
fn outside_a_lab_commands_say_how_to_make_one() {
    for command in ["status", "check", "undo", "hint"] {
        let ran = Place::new().wirelab(&[command]).exits(2);
        assert!(
            ran.stderr.contains("wirelab init"),
            "{command}: {}",
            ran.stderr
        );
    }
}

#[test]
fn doctor_finds_tcpdump_and_the_labs_in_the_binary() {
    let ran = Place::new().wirelab(&["doctor", "--json"]).exits(0);
    let json = ran.json();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["ready"], true);
    let labs = Place::new().wirelab(&["list", "--json"]).exits(0).json();
    let listed = labs["labs"].as_array().map_or(0, Vec::len);
    assert_eq!(listed, crate::labs::labs().len(), "{labs}");
}

#[test]
fn on_a_terminal_the_watch_grades_shows_hints_and_ends_at_q() {
    let place = Place::with_lab("nacl-ephemeral", 7);
    let turns = [("q quit", "c"), ("no-answer", "h"), ("hint 1 of", "q")];
    let ran = place.terminal("wirelab", &turns).exits(0);
    for wanted in ["TICKET", "no-answer", "hint 1 of", "q quit"] {
        assert!(
            ran.stdout.contains(wanted),
            "no {wanted} in:\n{}",
            ran.stdout
        );
    }
}

#[test]
fn without_a_terminal_wirelab_says_where_one_is_and_what_next() {
    let ran = Place::new().wirelab(&[]).exits(0);
    assert!(ran.stdout.contains("wirelab init"), "{}", ran.stdout);
    let ran = Place::with_lab("nacl-ephemeral", 7).wirelab(&[]).exits(0);
    assert!(
        ran.stdout.contains("TICKET") && ran.stdout.contains("NEXT"),
        "{}",
        ran.stdout
    );
}

#[test]
fn marks_are_ascii_where_the_locale_is_not_utf_8() {
    let place = Place::with_lab("nacl-ephemeral", 7);
    let ran = place.shell("LC_ALL=C wirelab check").exits(1);
    assert!(
        ran.stdout.contains("[x]") && ran.stdout.is_ascii(),
        "{}",
        ran.stdout
    );
}
