//! Which session a shell with an endpoint is about, and how long such an endpoint lives.

use crate::harness::Place;

const LAB: &str = "nacl-ephemeral";

/// The first word that `wirelab status` prints: the lab.
const LAB_HERE: &str = "wirelab status | head -n 1 | cut -d \" \" -f 1";

#[test]
fn a_shell_that_names_a_session_is_about_it_wherever_one_stands() {
    let place = Place::with_lab(LAB, 7);
    // In the course folder of another lab, in that lab's folder, and where somebody names a folder.
    let ran = place.shell(&format!(
        "wirelab sandbox --temporary -- sh -c '{LAB_HERE}'
         cd {LAB}/evidence; wirelab sandbox ../../../net -- sh -c '{LAB_HERE}; {LAB_HERE}'
         wirelab sandbox ../../../net -- sh -c 'wirelab -C . status | head -n 1 | cut -c -7'"
    ));
    let notes = ran.stderr.lines().filter(|it| !it.contains("is a new"));
    assert_eq!(notes.collect::<Vec<_>>(), [""; 0]);
    assert_eq!(ran.stdout, "sandbox\nsandbox\nsandbox\nnacl-ep\n");
}

#[test]
fn who_goes_into_another_lab_is_told_once_what_the_shell_is_about() {
    let place = Place::with_lab(LAB, 7);
    let go = format!("cd {LAB}; for n in 1 2; do {LAB_HERE}; done; wirelab exec app -- true");
    let ran = place.shell(&format!(
        "mkdir ../other; cd ../other; wirelab sandbox net -- sh -c 'cd ../course; {go}'"
    ));
    assert_eq!(ran.stdout, "sandbox\nsandbox\n", "{}", ran.stderr);
    assert_eq!(
        ran.stderr.matches("wherever you stand").count(),
        1,
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("`wirelab -C "), "{}", ran.stderr);
    // A shell that evaluated is moved by evaluating once more, and not by starting a lab.
    let ran = place.shell(&format!(
        "cd ../other/net; eval \"$(wirelab env)\"; cd ../../course; {LAB_HERE}
         wirelab start hello-filter > started; {LAB_HERE}
         eval \"$(wirelab env)\"; {LAB_HERE}; eval \"$(wirelab env --stop)\""
    ));
    assert_eq!(
        ran.stdout, "sandbox\nsandbox\nhello-filter\n",
        "{}",
        ran.stderr
    );
    assert_eq!(
        ran.stderr.matches("makes it about").count(),
        2,
        "{}",
        ran.stderr
    );
}

#[test]
fn a_shell_whose_sandbox_is_gone_acts_on_no_lab() {
    let place = Place::with_lab(LAB, 7);
    let ran = place.shell(&format!(
        "wirelab sandbox ../net -- sh -c 'rm -r ../net; cd {LAB}; wirelab undo'"
    ));
    assert!(
        ran.stderr.contains("no session is there any more"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.code, 2);
}

#[test]
fn the_endpoint_of_a_script_ends_with_it_and_a_shells_own_is_used_again() {
    let place = Place::with_lab(LAB, 7);
    let script = "set -eu\neval \"$(wirelab env)\"\necho $WIRELAB_ENDPOINT\nprintenv AWS_REGION";
    std::fs::write(place.here().join("script"), script).expect("a writable folder");
    let ran = place.shell("bash ./script").exits(0);
    let (port, _) = ran.stdout.split_once('\n').expect("two lines");
    // It looks every other second whether the script is there.
    let gone = format!(
        "n=0; while wirelab shell --ask ping --port {port} 2>&-; do
         n=$((n+1)); [ $n -lt 150 ] || exit 1; sleep 0.2; done"
    );
    place.shell(&gone).exits(0);
    let ran = place.shell(
        "eval \"$(wirelab env)\"; echo $WIRELAB_ENDPOINT; sh ./script
         eval \"$(wirelab env)\"; echo $WIRELAB_ENDPOINT; wirelab shell --ask ping \
         --port $WIRELAB_ENDPOINT; echo $?; eval \"$(wirelab env --stop)\"",
    );
    let lines: Vec<_> = ran.exits(0).stdout.lines().map(str::to_owned).collect();
    let [own, script, _, again, code] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!((own, own, code.as_str()), (script, again, "0"));
}

#[test]
fn a_sandbox_is_no_lab() {
    let place = Place::new();
    place.wirelab(&["sandbox", "net", "--", "true"]).exits(0);
    for words in ["check", "hint", "next"] {
        for line in [
            format!("cd net; wirelab {words}"),
            format!("wirelab sandbox net -- wirelab {words}"),
        ] {
            let ran = place.shell(&line).exits(2);
            assert!(
                ran.stderr.contains("is a sandbox, without tasks"),
                "{}",
                ran.stderr
            );
        }
    }
    place
        .shell(&format!("cd net; wirelab start {LAB}"))
        .exits(2);
    let page = place
        .shell("wirelab sandbox net -- wirelab status")
        .exits(0)
        .stdout;
    assert!(
        !page.contains("TASKS") && !page.contains("solved"),
        "{page}"
    );
    assert!(page.contains("wirelab book sandbox"), "{page}");
    let ran = place.shell("ls -a");
    assert!(!ran.stdout.contains(".wirelab"), "{}", ran.stdout);
}
