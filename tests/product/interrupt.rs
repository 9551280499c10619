//! Ctrl-C, and two commands on one session at a time.

use crate::harness::Place;

const LAB: &str = "nacl-ephemeral";

#[test]
fn ctrl_c_stops_an_advance_where_it_is_and_keeps_what_has_passed() {
    let place = Place::with_lab(LAB, 7);
    let opened = "00:25:00";
    // Ten days take longer than anybody waits: progress is shown, then the terminal's Ctrl-C.
    let turns = [(" of 10d, ", "\\003")];
    let ran = place.terminal("wirelab advance 10d", &turns).exits(130);
    assert!(
        ran.stdout.contains("stopped by Ctrl-C after"),
        "{}",
        ran.stdout
    );
    let status = place.wirelab(&["status", "--json"]).exits(0).json();
    let now = status["now"].as_str().expect("a time");
    assert!(opened < now && now < "99:00:00", "{now}");
    assert!(
        ran.stdout.contains(&format!("it is now {now} (")),
        "{now}: {}",
        ran.stdout
    );
    let undos = place.wirelab(&["undo", "--list"]).exits(0);
    assert_eq!(undos.stdout, format!("  1  {opened}  advance to {now}\n"));
    place.wirelab(&["undo"]).exits(0);
    let undos = place.wirelab(&["undo", "--list"]).exits(0);
    assert!(
        undos.stdout.starts_with("nothing to undo"),
        "{}",
        undos.stdout
    );
}

#[test]
fn a_command_that_ends_at_once_leaves_a_session_that_goes_on() {
    let place = Place::with_lab(LAB, 7);
    // As the second Ctrl-C does, and worse, once the command works on the session.
    let line = format!(
        "wirelab advance 10d & n=0; \
         until [ $(cat {LAB}/.wirelab/lock) = $! ] || [ $n -gt 1000 ]; \
         do n=$((n+1)); sleep 0.02; done; kill -9 $!; wait $!"
    );
    place.shell(&line).exits(137);
    let status = place.wirelab(&["status", "--json"]).exits(0).json();
    assert_eq!(status["now"], "00:25:00");
    place.wirelab(&["advance", "1m"]).exits(0);
}

#[test]
fn whoever_waits_for_another_command_is_told_for_which() {
    let place = Place::with_lab(LAB, 7);
    // Somebody has the lock until it is said that somebody waits for it.
    let line = format!(
        "echo 4711 > {LAB}/.wirelab/lock; \
         timeout 60 flock {LAB}/.wirelab/lock sh -c 'touch talk taken; until grep -q waiting talk; \
         do sleep 0.05; done' & \
         until [ -e taken ]; do sleep 0.05; done; wirelab status --json 2> talk; cat talk >&2; wait"
    );
    let ran = place.shell(&line).exits(0);
    assert_eq!(ran.json()["lab"], LAB);
    assert_eq!(
        ran.stderr,
        "waiting for another wirelab command (pid 4711) to finish\n"
    );
}
