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

#[test]
fn a_command_that_would_show_what_is_to_be_predicted_waits_for_the_prediction() {
    let place = Place::with_lab("flags-and-handshakes", 3);
    let now = || place.wirelab(&["status", "--json"]).exits(0).json()["now"].clone();
    let opened = now();
    let ping = [
        "exec",
        "app",
        "--",
        "ping",
        "-c",
        "2",
        "-W",
        "1",
        "192.0.2.1",
    ];
    let refused = place.wirelab(&ping).exits(2);
    for word in ["nothing is predicted for `predict`", "--unpredicted"] {
        assert!(refused.stderr.contains(word), "{}", refused.stderr);
    }
    assert_eq!((refused.stdout.as_str(), now()), ("", opened.clone()));
    // What takes no time shows nothing.
    place
        .wirelab(&["exec", "app", "--", "ip", "route"])
        .exits(0);
    assert_eq!(now(), opened);
    let file = place
        .here()
        .join("flags-and-handshakes/answers/predict.txt");
    std::fs::write(file, "first: 1\nsecond: 2\nthird: 3\n").expect("an answer");
    let ran = place.wirelab(&ping).exits(1);
    assert!(
        ran.stdout.contains("2 packets transmitted"),
        "{}",
        ran.stdout
    );
    assert_ne!(now(), opened);

    let place = Place::with_lab("flags-and-handshakes", 3);
    let anyway = [&ping[..1], &["--unpredicted"], &ping[1..]].concat();
    let ran = place.wirelab(&anyway).exits(1);
    assert!(
        ran.stdout.contains("2 packets transmitted"),
        "{}",
        ran.stdout
    );
}

#[test]
fn an_answer_may_have_a_mebibyte_and_no_more() {
    let place = Place::with_lab("nacl-ephemeral", 7);
    let file = place.here().join("nacl-ephemeral/answers/unanswered.bpf");
    let filter = |octets: usize| "tcp".to_owned() + &" ".repeat(octets - 3);
    std::fs::write(&file, filter(1 << 20)).expect("room");
    let graded = place.wirelab(&["check", "unanswered"]).exits(1);
    assert!(
        graded.stdout.contains("filter-keeps-too-much"),
        "{}",
        graded.stdout
    );
    std::fs::write(&file, filter((1 << 20) + 1)).expect("room");
    for command in [&["check"][..], &["submit"]] {
        let refused = place.wirelab(command).exits(3);
        for word in ["unanswered.bpf", "no more than 1024 KiB"] {
            assert!(refused.stderr.contains(word), "{}", refused.stderr);
        }
    }
    assert!(
        !place
            .here()
            .join("nacl-ephemeral/nacl-ephemeral.submission.json")
            .exists()
    );
}

#[test]
fn the_keys_that_the_watch_names_do_what_they_say() {
    let place = Place::with_lab("hello-filter", 7);
    let tools = place.here().join("tools");
    std::fs::create_dir(&tools).expect("a fresh folder");
    // A window cannot be looked into: what it was asked for can.
    let wireshark = tools.join("wireshark");
    std::fs::write(&wireshark, "#!/bin/sh\necho \"$@\" > opened\n").expect("room");
    place.shell("chmod +x tools/wireshark").exits(0);
    let line = "COLUMNS= DISPLAY=:0 PATH=$PWD/tools:$PATH wirelab";
    let turns = [
        ("o Wireshark", "c"),
        ("d decode", "d"),
        ("ethertype IPv4", "o"),
        ("Wireshark opens", "x"),
        ("nothing to take back", "q"),
    ];
    let ran = place.terminal(line, &turns).exits(0);
    assert!(
        ran.stdout.contains("Flags [R]") && ran.stdout.contains("0x0000:"),
        "{}",
        ran.stdout
    );
    let opened = std::fs::read_to_string(place.here().join("opened")).expect("it ran");
    let captured = "hello-filter/evidence/web.pcap";
    assert!(
        opened.starts_with("-g ") && opened.trim().ends_with(captured),
        "{opened}"
    );
    let without = place.terminal(
        "DISPLAY= wirelab",
        &[("o Wireshark", "o"), ("no DISPLAY", "q")],
    );
    // At the packet of the verdict, with which the watch begins.
    let shown = without.exits(0).stdout;
    assert!(
        shown.contains("   wireshark -g ") && shown.contains(captured),
        "{shown}"
    );
}

#[test]
fn the_first_screen_has_the_verdict_and_a_lab_of_the_list_is_chosen_with_enter() {
    let place = Place::with_lab("hello-filter", 7);
    let listed = place.wirelab(&["list", "--json"]).exits(0).json();
    let second = listed["labs"][1]["name"].as_str().expect("a name");
    let marked = format!("\u{25b8}  {second}");
    let turns = [
        ("it never reads the packet", "l"),
        ("Enter start", "j"),
        (marked.as_str(), "\\n"),
        // The other lab has no packet to decode yet.
        ("h hint  o Wireshark", "q"),
    ];
    let ran = place.terminal("wirelab", &turns).exits(0);
    for wanted in ["TICKET", "t = the whole ticket", "filter-keeps-too-much"] {
        assert!(ran.stdout.contains(wanted), "{wanted}: {}", ran.stdout);
    }
    let status = place.wirelab(&["status", "--json"]).exits(0).json();
    assert_eq!(status["lab"], second);
    // Nobody has asked for that verdict.
    place.wirelab(&["start", "hello-filter"]).exits(0);
    let tasks = place.wirelab(&["status", "--json"]).exits(0).json()["tasks"].clone();
    assert!(tasks[0]["best"].is_null(), "{tasks}");
}

#[test]
fn the_watch_takes_back_when_asked_twice_and_tells_the_story_once_the_lab_is_over() {
    let place = Place::with_lab("nacl-ephemeral", 3);
    let solution = place.wirelab(&["author", "solution", "--json"]).json();
    for task in solution["tasks"].as_array().expect("tasks") {
        let text = |member: &str| task[member].as_str().expect("text").to_owned();
        let file = std::path::PathBuf::from(text("file"));
        let name = file.file_name().expect("a name");
        let answers = place.here().join("nacl-ephemeral/answers");
        match text("kind").as_str() {
            "fix" => text("solution").lines().for_each(|call| {
                place.shell(&format!("wirelab call {call}")).exits(0);
            }),
            _ => std::fs::write(answers.join(name), text("solution")).expect("an answer"),
        }
    }
    let turns = [
        ("s solution", "s"),
        ("(logs-insights)", "w"),
        ("What you see", "x"),
        ("x again = take it back", "t"),
        ("TICKET", "x"),
        ("would be taken back", "x"),
        ("1 step taken back", "q"),
    ];
    place.terminal("wirelab", &turns).exits(0);
    let undone = place.wirelab(&["undo"]).exits(2);
    assert!(undone.stderr.contains("nothing to"), "{}", undone.stderr);
}
