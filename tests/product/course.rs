//! A course of one's own: made, handed out without its answers, graded by whoever has them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Place, root};

const LAB: &str = "nacl-ephemeral";
const ADA: [&str; 4] = ["--course", "net-201", "--learner", "ada"];

/// A folder `course` with one lab, in which the answer to `cause` follows from lab.toml alone.
fn course() -> Place {
    let place = Place::new();
    for part in ["labs", "scenarios"] {
        let from = root().join(part).join(LAB);
        place
            .shell(&format!(
                "mkdir -p course/{part} && cp -r {} course/{part}/",
                from.display()
            ))
            .exits(0);
    }
    let lab = place.here().join("course/labs").join(LAB);
    std::fs::remove_file(lab.join("solution/cause.txt")).expect("a solution");
    let text = std::fs::read_to_string(lab.join("lab.toml")).expect("a lab");
    let proof = "expected = \"variant.culprit.rule\"\nproof = \"1\"  # found by hand\n";
    let text = text.replace("expected = \"variant.culprit.rule\"\n", proof);
    assert!(text.contains(proof), "{text}");
    std::fs::write(lab.join("lab.toml"), text).expect("a lab");
    place
}

/// What solves the lab of the folder one is in, by task.
fn solutions(place: &Place) -> impl Fn(&str) -> String + use<> {
    let printed = place.wirelab(&["author", "solution", "--json"]);
    let solutions = printed.exits(0).json();
    move |task| {
        let tasks = solutions["tasks"].as_array().expect("tasks");
        let found = tasks.iter().find(|it| it["name"] == task).expect("a task");
        found["solution"].as_str().expect("a solution").to_owned()
    }
}

fn task<'a>(report: &'a Value, name: &str) -> &'a Value {
    let tasks = report["tasks"].as_array().expect("tasks");
    tasks.iter().find(|it| it["task"] == name).expect("a task")
}

/// Ada's folder in `place`, with every task answered.
fn ada_solves(place: &mut Place, solution: &impl Fn(&str) -> String) {
    place
        .wirelab(&[&["init", "ada"][..], &ADA].concat())
        .exits(0);
    place.enter(&place.here().join("ada"));
    let answers = place.here().join(LAB).join("answers");
    for file in ["unanswered.bpf", "refused-replies.insights", "cause.txt"] {
        let (task, _) = file.split_once('.').expect("an ending");
        std::fs::write(answers.join(file), solution(task)).expect("an answer");
    }
    for call in solution("repair").lines() {
        place.shell(&format!("wirelab call {call}")).exits(0);
    }
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path().is_dir() {
            true => below(&entry.path(), found),
            false => found.push(entry.path()),
        }
    }
}

#[test]
fn what_is_handed_out_has_no_answers_and_is_graded_as_far_as_it_can_be() {
    let mut place = course();
    let home = place.here().to_owned();
    place.enter(&home.join("course"));
    let packed = place.wirelab(&["author", "pack", "--to", "../net.tar.gz"]);
    let packed = packed.exits(0).stdout;
    assert!(packed.contains("nacl-ephemeral/unanswered, nacl-ephemeral/refused-replies"));
    let solution = {
        // With the answers at hand: the learner's network, in a folder below the course's.
        place
            .wirelab(&[&["init", "proof"][..], &ADA].concat())
            .exits(0);
        place.enter(&home.join("course/proof"));
        solutions(&place)
    };
    assert!(
        solution("cause").contains("direction: "),
        "{}",
        solution("cause")
    );

    place.enter(&home);
    place.shell("tar xzf net.tar.gz").exits(0);
    let mut files = Vec::new();
    below(&home.join("net"), &mut files);
    assert_eq!(files.len(), 3, "page, lab and scenario: {files:?}");
    let lab = std::fs::read_to_string(home.join("net/labs").join(LAB).join("lab.toml"));
    let lab = lab.expect("a lab");
    assert!(!lab.contains("proof") && !lab.contains("by hand"), "{lab}");

    place.enter(&home.join("net"));
    ada_solves(&mut place, &solution);
    let report = place.wirelab(&["check", "--json"]).exits(1).json();
    assert_eq!(report["points"]["got"], report["points"]["of"], "{report}");
    assert_eq!(report["ungraded"], 6, "{report}");
    assert_eq!(task(&report, "repair")["points"]["got"], 6, "{report}");
    assert!(task(&report, "unanswered")["ungraded"].is_string());
    let page = place.wirelab(&["check"]).exits(1).stdout;
    assert!(page.contains("your instructor grades it"), "{page}");
    assert!(page.contains("9/9, 6 left to your instructor"), "{page}");
    let list = place.wirelab(&["list", "--json"]).exits(0).json();
    assert_eq!(list["next"], Value::Null, "nothing is left to do here");
    place
        .wirelab(&["submit", "--to", "../../ada.json"])
        .exits(0);
    // What is no query is none, whoever has the solution.
    let answer = place
        .here()
        .join(LAB)
        .join("answers/refused-replies.insights");
    std::fs::write(answer, "filter action ==== 1").expect("an answer");
    let report = place.wirelab(&["check", "refused-replies", "--json"]);
    let report = report.exits(1).json();
    assert_eq!(report["points"]["of"], 3, "{report}");

    place.enter(&home.join("course"));
    let graded = place.wirelab(&["grade", "../ada.json", "--course", "net-201", "--json"]);
    let graded = &graded.exits(0).json()["results"][0];
    assert_eq!(graded["report"]["score"], 15, "{graded}");
    assert_eq!(graded["remarks"], Value::Array(Vec::new()), "{graded}");
}

#[test]
fn with_solutions_all_of_it_is_graded_where_it_was_handed_out() {
    let mut place = course();
    let home = place.here().to_owned();
    let pack = ["author", "pack", "course", "--with-solutions", "--to"];
    place.wirelab(&[&pack[..], &["net.zip"]].concat()).exits(0);
    place.wirelab(&[&pack[..], &["net"]].concat()).exits(0);
    let again = place.wirelab(&[&pack[..], &["net"]].concat()).exits(2);
    assert!(
        again.stderr.contains("`net` is not empty"),
        "{}",
        again.stderr
    );
    let listed = place.shell("python3 -m zipfile -l net.zip").exits(0).stdout;
    assert!(listed.contains("net/labs/nacl-ephemeral/solution/unanswered.bpf"));
    assert!(!listed.contains("solution/repair"), "{listed}");

    place.enter(&home.join("course"));
    place
        .wirelab(&[&["init", "proof"][..], &ADA].concat())
        .exits(0);
    place.enter(&home.join("course/proof"));
    let solution = solutions(&place);
    place.enter(&home.join("net"));
    ada_solves(&mut place, &solution);
    place.wirelab(&["check"]).exits(0);
    let printed = place.wirelab(&["author", "solution"]).exits(0).stdout;
    assert!(printed.contains("not here: no "), "{printed}");
}

#[test]
fn labs_are_copied_to_be_changed() {
    let place = Place::new();
    place.wirelab(&["author", "copy", "mended"]).exits(0);
    place
        .shell("sed -i 's/^title .*/title = \"Mended\"/' mended/labs/nacl-ephemeral/lab.toml")
        .exits(0);
    let list = place.shell("cd mended && wirelab list").exits(0).stdout;
    assert!(list.contains("Mended"), "{list}");
    place.wirelab(&["author", "copy", "mended"]).exits(2);
}

#[test]
fn away_from_its_labs_a_folder_is_told_where_they_were_looked_for() {
    let mut place = course();
    let own = "cd course/labs && mv nacl-ephemeral own && sed -i 's/^name .*= \"nacl.*/name = \"own\"/' own/lab.toml";
    place.shell(own).exits(0);
    let home = place.here().to_owned();
    place.enter(&home.join("course"));
    place.wirelab(&["init", "ada"]).exits(0);
    place
        .shell("cd ada && wirelab submit --to ../ada.json && mv ../ada ../../away")
        .exits(0);
    place.enter(&home);
    for command in ["cd away && wirelab status", "wirelab grade course/ada.json"] {
        let ran = place.shell(command);
        assert!(ran.code != 0, "{command}");
        let told = "hint: only the built-in labs were looked at: neither";
        assert!(ran.stderr.contains(told), "{command}: {}", ran.stderr);
    }
}

#[test]
fn names_that_nobody_can_have_are_refused() {
    let place = Place::new();
    let long = "ada".repeat(40);
    for (course, learner) in [
        (" ", "ada"),
        ("", "ada"),
        ("net", ""),
        ("net", "ada "),
        ("net", "ada\nbob"),
        ("net", &long),
    ] {
        let ran = place.wirelab(&["init", "x", "--course", course, "--learner", learner]);
        let ran = ran.exits(2);
        assert!(ran.stderr.contains("invalid value"), "{}", ran.stderr);
    }
    assert!(!place.here().join("x").exists());
}

/// Two learners; Ada has taken hints, taken a call back, noted something and begun another lab.
fn class() -> Place {
    let mut place = Place::new();
    let home = place.here().to_owned();
    for name in ["ada", "bob"] {
        let course = ["--course", "net-201", "--learner", name, "--lab", LAB];
        place
            .wirelab(&[&["init", name][..], &course].concat())
            .exits(0);
    }
    place.enter(&home.join("ada"));
    for line in [
        "wirelab hint repair",
        "wirelab call ec2:CreateNetworkAclEntry NetworkAclId=primary RuleNumber=60 Egress=true \
         Protocol=6 RuleAction=allow CidrBlock=0.0.0.0/0 'PortRange={\"From\":1024,\"To\":65535}'",
        // The next hint is there once a check has found something wrong.
        "wirelab check repair > ../wrong || true",
        "wirelab undo",
        "wirelab hint repair --take",
        "wirelab note 'the replica, I think'",
        "mkdir ../class && wirelab submit --to ../class/",
    ] {
        place.shell(line).exits(0);
    }
    place
}

#[test]
fn a_file_that_is_handed_in_is_one_lab_and_nobody_elses() {
    let mut place = class();
    place.shell("wirelab check > ../seen").exits(1);
    place.wirelab(&["start", "hello-filter"]).exits(0);
    let ran = place.wirelab(&["submit", "--to", "../class/ada.nacl-ephemeral.json"]);
    let ran = ran.exits(2);
    assert!(
        ran.stderr.contains("another lab: `nacl-ephemeral`"),
        "{}",
        ran.stderr
    );
    std::fs::write(place.here().join("text"), "mine").expect("a file");
    place.wirelab(&["submit", "--to", "text"]).exits(2);
    let all = place
        .wirelab(&["submit", "--all", "--to", "../class"])
        .exits(0);
    assert!(
        all.stdout.contains("answers: none; not answered: cause, "),
        "{}",
        all.stdout
    );
    let bob = place.here().parent().expect("a folder").join("bob");
    place.enter(&bob);
    let ran = place.wirelab(&["submit", "--to", "../class/ada.nacl-ephemeral.json"]);
    assert!(ran.exits(2).stderr.contains("another learner's: `ada`"));
}

#[test]
fn a_class_is_told_by_its_names_and_a_submission_at_length() {
    let mut place = class();
    let seen = place.wirelab(&["check"]).exits(1).stdout;
    let (seen, _) = seen.split_once(" wirelab hint").expect("what to do next");
    let home = place.here().parent().expect("a folder").to_owned();
    place.enter(&home);
    let grade = |more: &[&str]| {
        let all = ["grade", "class", "--course", "net-201"];
        place.wirelab(&[&all[..], more].concat()).exits(0).stdout
    };
    std::fs::write(home.join("names.txt"), "# ours\nada\nBob\n").expect("a file");
    let told = grade(&["--roster", "names.txt", "--out", "results"]);
    assert!(
        told.contains(" nacl-ephemeral: 1 of the 2 in names.txt; missing: Bob\n"),
        "{told}"
    );
    assert!(
        told.contains("1 submission, 1 graded (1 of them incomplete)"),
        "{told}"
    );

    // From what was kept as from what is graded now.
    for more in [&["--explain"][..], &["--explain", "--out", "results"]] {
        let told = grade(more);
        assert!(told.contains(seen), "{told}\nis without\n{seen}");
        for part in [
            "note of 00:25:00: the replica, I think",
            "  00:25:00  hint 2 for repair\n",
            "ec2:CreateNetworkAclEntry NetworkAclId=network_acl.primary RuleNumber=60",
            "  (taken back)\n",
        ] {
            assert!(told.contains(part), "{part} is not in\n{told}");
        }
    }
    let export = |form: &str| {
        let all = ["export", "results", "--roster", "names.txt", "--to", form];
        place.wirelab(&all).exits(0).stdout
    };
    let sums = "learner,labs,score,of,hints_taken,checks,nacl-ephemeral\r\nada,1,0,15,2,1,0\r\nBob,0,,,,,\r\n";
    assert_eq!(export("learners"), sums);
    let csv = export("csv");
    assert!(csv.contains("of,hints_taken,hints_cost,"), "{csv}");
    assert!(
        csv.contains("ada.nacl-ephemeral.json,nacl-ephemeral,graded,0,0,15,2,0,1,"),
        "{csv}"
    );
}

#[test]
fn a_wrong_code_is_asked_about_and_an_archive_is_called_by_what_is_in_it() {
    let mut place = class();
    let home = place.here().parent().expect("a folder").to_owned();
    place.enter(&home);
    let other = place
        .wirelab(&["grade", "class", "--course", "NET-201"])
        .exits(1);
    assert!(
        other.stderr.contains("is `NET-201` the code"),
        "{}",
        other.stderr
    );
    assert!(
        other.stdout.contains(" ? ada.nacl-ephemeral.json"),
        "{}",
        other.stdout
    );
    place
        .shell("tar cf monday.tar -C class ada.nacl-ephemeral.json")
        .exits(0);
    let packed = place
        .wirelab(&["grade", "monday.tar", "--json"])
        .exits(0)
        .json();
    assert_eq!(packed["results"][0]["file"], "ada.nacl-ephemeral.json");
    let both = place.wirelab(&["grade", "monday.tar", "class"]).exits(2);
    assert!(both.stderr.contains("two results"), "{}", both.stderr);
}
