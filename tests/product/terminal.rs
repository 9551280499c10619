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
    assert_eq!(labs["labs"].as_array().map(Vec::len), Some(3), "{labs}");
}
