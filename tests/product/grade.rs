//! Submissions: handed in, graded in a folder, broken in many ways.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::Place;

const LAB: &str = "nacl-ephemeral";

/// A course folder with submissions `empty`, `wrong` and `solved` of one lab.
fn class() -> (Place, PathBuf) {
    let place = Place::with_lab(LAB, 3);
    let folder = place.here().join("submissions");
    std::fs::create_dir(&folder).expect("a fresh folder");
    let submit = |name: &str| {
        let file = format!("submissions/{name}.json");
        place.wirelab(&["submit", "--to", &file]).exits(0);
    };
    submit("empty");
    let answers = place.here().join(LAB).join("answers");
    std::fs::write(answers.join("unanswered.bpf"), "tcp").expect("an answer");
    submit("wrong");
    let solution = place.wirelab(&["author", "solution", "--json"]).json();
    for task in solution["tasks"].as_array().expect("tasks") {
        let text = |member: &str| task[member].as_str().expect("text").to_owned();
        let file = PathBuf::from(text("file"));
        let name = file.file_name().expect("a name");
        match text("kind").as_str() {
            "fix" => text("solution").lines().for_each(|call| {
                place.shell(&format!("wirelab call {call}")).exits(0);
            }),
            _ => std::fs::write(answers.join(name), text("solution")).expect("an answer"),
        }
    }
    submit("solved");
    (place, folder)
}

fn result<'a>(graded: &'a Value, file: &str) -> &'a Value {
    let results = graded["results"].as_array().expect("results");
    let found = results.iter().find(|it| it["file"] == file);
    found.unwrap_or_else(|| panic!("no result of {file}"))
}

/// A copy of a submission with something done to it.
fn altered(folder: &Path, from: &str, to: &str, alter: impl FnOnce(&mut Value)) {
    let text = std::fs::read(folder.join(from)).expect("a submission");
    let mut value: Value = serde_json::from_slice(&text).expect("JSON");
    alter(&mut value);
    std::fs::write(folder.join(to), value.to_string()).expect("a submission");
}

#[test]
fn a_folder_of_submissions_is_graded_alike_on_every_run_and_not_twice() {
    let (place, _) = class();
    let grade = |more: &[&str]| {
        let first = ["grade", "submissions", "--json"];
        place.wirelab(&[&first[..], more].concat()).exits(0)
    };
    let first = grade(&["--jobs", "2", "--out", "results"]);
    let graded = first.json();
    let score = |file| result(&graded, file)["report"]["score"].as_u64();
    let of = result(&graded, "solved.json")["report"]["points"]["of"].as_u64();
    assert_eq!(score("empty.json"), Some(0));
    assert_eq!(score("wrong.json"), Some(0));
    assert_eq!(score("solved.json"), of);
    assert_eq!(graded["incomplete"], 2);
    assert_eq!(grade(&["--jobs", "1"]).stdout, first.stdout);

    // A result that is kept is not made again: this one says so by a word of its own.
    let kept = place.here().join("results/wrong.json.result.json");
    let text = std::fs::read_to_string(&kept).expect("a result");
    let marked = text.replace("\"remarks\": []", "\"remarks\": [\"kept\"]");
    std::fs::write(&kept, marked).expect("a result");
    let again = grade(&["--out", "results"]).json();
    assert_eq!(result(&again, "wrong.json")["remarks"], json!(["kept"]));
    let again = grade(&["--out", "results", "--again"]);
    assert_eq!(again.stdout, first.stdout);
}

#[test]
fn what_is_broken_is_listed_with_the_reason_and_gets_no_zero() {
    let (place, folder) = class();
    let solved = std::fs::read(folder.join("solved.json")).expect("a submission");
    let put = |name: &str, octets: &[u8]| std::fs::write(folder.join(name), octets).expect("room");
    put("cut.json", &solved[..solved.len() / 2]);
    put("noise.json", &[0xff; 100]);
    let escape = folder.join(OsStr::from_bytes(b"\xff\x1b[2J.json"));
    std::fs::write(escape, &solved).expect("room");
    put("half.zip", b"PK\x03\x04 and no more");
    altered(&folder, "solved.json", "lab.json", |it| {
        it["lab"] = json!("../labs")
    });
    altered(&folder, "solved.json", "text.json", |it| {
        it["scenario_hash"] = json!("00")
    });
    altered(&folder, "empty.json", "late.json", |it| {
        let until = 90 * 24 * 3600 * 1_000_000_000_u64;
        let at = it["opens_at"].clone();
        it["journal"] = json!([
            {"seq": 1, "at": at, "kind": {"advance": {"until": until}}, "reply": ""}
        ]);
    });
    let many = |it: &mut Value, entries: u64| {
        let at = it["opens_at"].clone();
        let entry = |seq| json!({"seq": seq, "at": at, "kind": {"host": {"host": "a", "argv": []}}, "reply": ""});
        it["journal"] = (1..=entries).map(entry).collect();
    };
    altered(&folder, "empty.json", "many.json", |it| many(it, 20_000));
    altered(&folder, "empty.json", "million.json", |it| {
        many(it, 1_000_000)
    });

    let graded = place.wirelab(&["grade", "submissions", "--json"]).exits(1);
    let graded = graded.json();
    for (file, status, reason) in [
        ("cut.json", "unreadable", "EOF"),
        ("noise.json", "unreadable", "no submission"),
        ("half.zip", "unreadable", "central directory"),
        ("lab.json", "refused", "no lab `../labs`"),
        ("text.json", "refused", "another text of the scenario"),
        ("late.json", "refused", "entry 1"),
        ("many.json", "refused", "20000 entries"),
        ("million.json", "refused", "larger than 4 MiB"),
    ] {
        let result = result(&graded, file);
        assert_eq!(result["status"], status, "{file}: {result}");
        assert!(result["report"].is_null(), "{file}");
        let said = result["reason"].as_str().unwrap_or_default();
        assert!(said.contains(reason), "{file}: {said}");
    }
    // A name that is no text, and would clear the screen.
    let named = result(&graded, "\u{fffd}\u{fffd}[2J.json");
    assert_eq!(named["status"], "graded", "{named}");
    assert_eq!(graded["graded"], 4);
    assert_eq!(graded["our_fault"], 0);
}

#[test]
fn who_shares_a_log_is_listed_under_any_name_and_seed() {
    let (place, folder) = class();
    let rename = |to: &str, learner: &str| {
        altered(&folder, "solved.json", to, |it| {
            it["learner"] = json!(learner)
        });
    };
    rename("ada.json", "ada");
    rename("bob.json", "bob");
    rename("bob-again.json", "bob");
    // Another answer makes another log; so does one call less.
    altered(&folder, "solved.json", "own.json", |it| {
        it["answers"]["cause"] = json!("acl: network_acl.replica")
    });
    altered(&folder, "solved.json", "fewer.json", |it| {
        it["journal"].as_array_mut().expect("entries").pop();
    });
    altered(&folder, "own.json", "elsewhere.json", |it| {
        it["seed"] = json!({"fault": 9, "names": 9, "traffic": 9});
    });
    let graded = place
        .wirelab(&["grade", "submissions", "--json"])
        .exits(0)
        .json();
    let entries = result(&graded, "ada.json")["log"]["entries"].clone();
    let lab = |files: &[&str]| json!({"lab": LAB, "files": files, "entries": entries});
    assert_eq!(
        graded["identical"],
        json!([
            lab(&["ada.json", "bob-again.json", "bob.json", "solved.json"]),
            lab(&["elsewhere.json", "own.json"]),
        ])
    );
    let told = place.wirelab(&["grade", "submissions"]).exits(0).stdout;
    assert!(
        told.contains("! elsewhere.json, own.json: identical logs"),
        "{told}"
    );
    // What one learner hands in twice is no sharing.
    for gone in ["ada.json", "solved.json", "own.json", "elsewhere.json"] {
        std::fs::remove_file(folder.join(gone)).expect("it was there");
    }
    let graded = place
        .wirelab(&["grade", "submissions", "--json"])
        .exits(0)
        .json();
    assert_eq!(graded["identical"], json!([]));
}

#[test]
fn nothing_that_a_submission_claims_earns_a_point() {
    let (place, folder) = class();
    altered(&folder, "solved.json", "forged.json", |it| {
        it["journal"][0]["reply"] = json!("0000000000000000");
        it["claimed"]["hints"] = json!({"repair": 2});
    });
    let graded = place.wirelab(&["grade", "submissions", "--json"]).exits(0);
    let graded = graded.json();
    let (forged, solved) = (
        result(&graded, "forged.json"),
        result(&graded, "solved.json"),
    );
    assert_eq!(forged["report"]["tasks"], solved["report"]["tasks"]);
    // Who has taken the hints out of the journal has said elsewhere that they were taken.
    assert_eq!(solved["report"]["hints"], 0);
    assert_eq!(forged["report"]["hints"], 1);
    assert_eq!(solved["remarks"], json!([]));
    let remarks = forged["remarks"].to_string();
    for part in [
        "hash chain breaks at entry 1",
        "another reply",
        "other hints",
    ] {
        assert!(remarks.contains(part), "{part}: {remarks}");
    }
}

#[test]
fn what_a_submission_says_of_itself_stays_in_its_line_and_a_broken_chain_is_marked() {
    let (place, folder) = class();
    std::fs::remove_file(folder.join("wrong.json")).expect("a file");
    altered(&folder, "solved.json", "spoof.json", |it| {
        it["learner"] = json!("x` in this course\n \u{2713} mallory.json  nacl-ephemeral  15/15");
    });
    altered(&folder, "solved.json", "touched.json", |it| {
        it["claimed"]["started_at"] = json!("2020-01-01T00:00:00Z");
    });
    std::os::unix::fs::symlink("solved.json", folder.join("link.json")).expect("a link");
    let graded = place.wirelab(&["grade", "submissions", "--course", "code"]);
    let told = "unreadable: its `learner` has control characters";
    assert!(graded.stdout.contains(told), "{}", graded.stdout);
    assert!(!graded.stdout.contains("mallory"), "{}", graded.stdout);

    let graded = place.wirelab(&["grade", "submissions"]);
    let of = |name: &str| {
        let mut lines = graded.stdout.lines();
        let line = lines.find(|line| line.contains(name));
        line.unwrap_or_default().trim_start().to_owned()
    };
    assert!(
        of("solved.json").starts_with('\u{2713}'),
        "{}",
        graded.stdout
    );
    assert!(
        of("touched.json").starts_with('\u{25d0}'),
        "{}",
        graded.stdout
    );
    assert!(
        of("link.json").contains("refused: it is a link"),
        "{}",
        graded.stdout
    );
}

#[test]
fn what_would_not_be_graded_is_told_before_it_is_handed_in() {
    let place = Place::with_lab(LAB, 3);
    let answer = place.here().join(LAB).join("answers/cause.txt");
    std::fs::write(&answer, "# why\n".repeat(12_000)).expect("an answer");
    let checked = place.wirelab(&["check"]).exits(1);
    let wanted = "would not be graded: the answer to `cause` is larger than 64 KiB";
    assert!(checked.stderr.contains(wanted), "{}", checked.stderr);
    let submitted = place.wirelab(&["submit"]).exits(2);
    let said = &submitted.stderr;
    assert!(said.contains("larger than 64 KiB"), "{said}");
    std::fs::write(&answer, "acl: x").expect("an answer");
    place.wirelab(&["submit"]).exits(0);
}

/// Queries that would keep a machine busy for hours, each in a way of its own.
fn endless() -> Vec<(&'static str, String)> {
    let many = (0..12).map(|n| format!("flow_logs AS t{n}"));
    let many = many.collect::<Vec<_>>().join(" CROSS JOIN ");
    let numbers = |name: &str| format!("UNNEST(sequence(1, 9000)) AS {name} (n)");
    let (a, b) = (numbers("a"), numbers("b"));
    // Planning alone would take minutes.
    let tables = (0..450).map(|n| format!("flow_logs t{n}"));
    let tables = tables.collect::<Vec<_>>().join(", ");
    let list = format!("[{}]", vec!["1"; 400].join(","));
    let levels = ["x", "y", "z"]
        .map(|it| format!(" | unnest a into {it}"))
        .concat();
    vec![
        (
            "blocked-ssh",
            format!("SELECT max(t0.bytes * t1.bytes + t11.bytes) FROM {many}"),
        ),
        (
            "blocked-ssh",
            format!("SELECT count(*) FROM {a} JOIN (SELECT n AS m FROM {b}) ON a.n + m = -1"),
        ),
        (
            "blocked-ssh",
            format!("SELECT max(a.n * b.n) FROM {a} CROSS JOIN {b}"),
        ),
        (
            "blocked-ssh",
            format!(
                "SELECT count(*) FROM {a} CROSS JOIN UNNEST(sequence(1, 99)) AS b (n) \
                 WHERE regexp_like(rpad('', 3000 + a.n + b.n, 'ab'), '(a?b?){{40}}c')"
            ),
        ),
        ("blocked-ssh", format!("SELECT count(*) FROM {tables}")),
        (
            "refused-replies",
            format!("fields jsonParse('{list}') as a{levels} | stats count(*)"),
        ),
    ]
}

#[test]
fn a_query_without_end_costs_itself_and_no_other() {
    let (place, folder) = class();
    for lab in ["athena-table", LAB] {
        let other = Place::with_lab(lab, 3);
        let file = folder.join(format!("{lab}.plain.json"));
        other
            .wirelab(&["submit", "--to", &file.display().to_string()])
            .exits(0);
    }
    let endless = endless();
    for (number, (task, query)) in endless.iter().enumerate() {
        let lab = match *task {
            "blocked-ssh" => "athena-table",
            _ => LAB,
        };
        let (from, to) = (
            format!("{lab}.plain.json"),
            format!("endless-{number}.json"),
        );
        altered(&folder, &from, &to, |it| it["answers"][task] = json!(query));
    }
    // What they work on is counted: they are refused on a slow machine as on a quick one.
    let grade = |jobs: &str| {
        let all = [
            "grade",
            "submissions",
            "--json",
            "--time-limit",
            "3600",
            "--jobs",
            jobs,
        ];
        place.wirelab(&all).exits(0)
    };
    let first = grade("1");
    assert_eq!(grade("2").stdout, first.stdout);
    let graded = first.json();
    for (number, (task, query)) in endless.iter().enumerate() {
        let one = result(&graded, &format!("endless-{number}.json"));
        assert_eq!(one["status"], "graded", "{query}: {one}");
        let tasks = one["report"]["tasks"].as_array().expect("tasks");
        let told = tasks
            .iter()
            .find(|it| it["task"] == *task)
            .expect("the task");
        let finding = &told["checks"][0]["findings"][0];
        assert_eq!(finding["name"], "query-takes-too-much", "{query}: {told}");
        let evidence = finding["evidence"].to_string();
        assert!(evidence.contains("a solution works on "), "{evidence}");
    }
    assert_eq!(graded["graded"], 5 + endless.len());
}

#[test]
fn what_does_not_finish_in_the_time_is_listed_and_not_zero() {
    let (place, folder) = class();
    let files = std::fs::read_dir(&folder).expect("submissions").count();
    let graded = place.wirelab(&["grade", "submissions", "--json", "--time-limit", "0"]);
    let graded = graded.exits(1).json();
    assert_eq!(graded["our_fault"], files, "{graded}");
    for result in graded["results"].as_array().expect("results") {
        assert!(result["report"].is_null(), "{result}");
        let reason = result["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("stopped after 0 s"), "{reason}");
    }
}

/// A zip file of members, packed by deflate.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut octets);
    for (name, plain) in members {
        let file = archive
            .new_file(name)
            .compression_method(rawzip::CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().expect("a member");
        let packer = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::best());
        let mut writer = config.wrap(packer);
        writer.write_all(plain).expect("room");
        let (packer, descriptor) = writer.finish().expect("room");
        packer.finish().expect("room");
        entry.finish(descriptor).expect("room");
    }
    archive.finish().expect("room");
    octets
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(plain).expect("room");
    packer.finish().expect("room")
}

#[test]
fn archives_are_graded_as_folders_are_and_bombs_cost_little() {
    let (place, folder) = class();
    let solved = std::fs::read(folder.join("solved.json")).expect("a submission");
    let put = |name: &str, octets: &[u8]| std::fs::write(folder.join(name), octets).expect("room");
    let zeros = vec![0; 8 << 20];
    let mut packed = zip(&[
        ("ada/solved.json", &solved),
        ("aa/bb/escaped.json", &solved),
        ("readme.txt", b"not handed in"),
        ("zeros.json", &zeros),
        ("inner.zip", &zip(&[("solved.json", &solved)])),
    ]);
    // The writer would make such a name harmless.
    for at in 0..packed.len() {
        if packed[at..].starts_with(b"aa/bb/escaped") {
            packed[at..at + 6].copy_from_slice(b"../../");
        }
    }
    put("class.zip", &packed);
    packed.truncate(packed.len() / 2);
    put("cut.zip", &packed);
    let mut tar = tar::Builder::new(Vec::new());
    for (name, octets) in [("bob.json", &solved), ("zeros.json", &zeros)] {
        let mut header = tar::Header::new_ustar();
        header.set_size(octets.len() as u64);
        tar.append_data(&mut header, name, &octets[..])
            .expect("room");
    }
    let tar = tar.into_inner().expect("room");
    put("class.tar", &tar);
    put("class.tar.gz", &gzip(&tar));
    put("solved.json.gz", &gzip(&solved));
    // 64 MiB of nothing in 64 KiB.
    let mut bomb = tar::Header::new_ustar();
    bomb.set_path("bomb.json").expect("a name");
    bomb.set_size(64 << 20);
    bomb.set_cksum();
    let nothing = vec![0; 64 << 20];
    put(
        "bomb.tar.gz",
        &gzip(&[&bomb.as_bytes()[..], &nothing].concat()),
    );

    let graded = place.wirelab(&["grade", "submissions", "--json", "--out", "results"]);
    let graded = graded.exits(1).json();
    let plain = &result(&graded, "solved.json")["report"];
    for name in [
        "class.zip/ada/solved.json",
        "class.zip/member 1.json",
        "class.tar/bob.json",
        "class.tar.gz/bob.json",
        "solved.json.gz",
    ] {
        assert_eq!(&result(&graded, name)["report"], plain, "{name}");
    }
    for (name, status, reason) in [
        ("class.zip/zeros.json", "refused", "larger than 4 MiB"),
        ("class.zip/inner.zip", "refused", "archive"),
        ("class.tar/zeros.json", "refused", "larger than 4 MiB"),
        ("cut.zip", "unreadable", "central directory"),
        ("bomb.tar.gz", "refused", "unpacks to far more"),
        ("bomb.tar.gz/bomb.json", "refused", "larger than 4 MiB"),
    ] {
        let result = result(&graded, name);
        assert_eq!(result["status"], status, "{name}: {result}");
        let said = result["reason"].as_str().unwrap_or_default();
        assert!(said.contains(reason), "{name}: {said}");
    }
    assert!(!place.here().join("escaped.json.result.json").exists());
}

#[test]
fn grading_that_was_killed_goes_on_where_it_was() {
    let (place, folder) = class();
    for n in 0..30 {
        std::fs::copy(folder.join("wrong.json"), folder.join(format!("{n}.json"))).expect("room");
    }
    let killed = place.shell(
        "wirelab grade submissions --out results --jobs 1 > /dev/null 2>&1 & pid=$!; \
         until ls results 2> /dev/null | grep -q 'result.json$'; do sleep 0.01; done; \
         kill -9 $pid; wait $pid; ls results | wc -l",
    );
    let kept: usize = killed.stdout.trim().parse().expect("a number");
    assert!(kept > 0);
    let on = place.wirelab(&["grade", "submissions", "--json", "--out", "results"]);
    let anew = place.wirelab(&["grade", "submissions", "--json"]);
    assert_eq!(on.exits(0).stdout, anew.exits(0).stdout);
}

#[test]
fn in_a_course_a_seed_is_its_learners() {
    let mut place = Place::new();
    let ada = ["--course", "net-201", "--learner", "ada"];
    let init = ["init", "ada", "--lab", "nacl-ephemeral"];
    place.wirelab(&[&init[..], &ada].concat()).exits(0);
    let folder = place.here().join("submissions");
    std::fs::create_dir(&folder).expect("a fresh folder");
    let home = place.here().to_owned();
    place.enter(&home.join("ada"));
    place
        .wirelab(&["submit", "--to", "../submissions/ada.json"])
        .exits(0);
    place.wirelab(&["start", "hello-filter"]).exits(0);
    place
        .wirelab(&["submit", "--to", "../submissions/other-lab.json"])
        .exits(0);
    place
        .wirelab(&["start", "port-scan", "--seed", "5"])
        .exits(0);
    let own = place
        .wirelab(&["submit", "--to", "../submissions/own-seed.json"])
        .exits(0);
    assert!(own.stderr.contains("another seed"), "{}", own.stderr);
    place.enter(&home);
    altered(&folder, "ada.json", "bob.json", |it| {
        it["learner"] = json!("bob")
    });
    altered(&folder, "ada.json", "nobody.json", |it| {
        it.as_object_mut()
            .expect("an object")
            .shift_remove("learner");
    });
    let grade = |code: &str| {
        let all = [
            "grade",
            "submissions",
            "--json",
            "--out",
            "results",
            "--course",
            code,
        ];
        place.wirelab(&all).exits(1).json()
    };
    let graded = grade("net-201");
    for (file, status) in [
        ("ada.json", "graded"),
        ("other-lab.json", "graded"),
        ("own-seed.json", "refused"),
        ("bob.json", "refused"),
        ("nobody.json", "refused"),
    ] {
        assert_eq!(result(&graded, file)["status"], status, "{file}");
    }
    assert_eq!(result(&graded, "ada.json")["learner"], "ada");
    // What was graded for one course is not kept for another.
    assert_eq!(grade("net-202")["refused"], 5);
}

#[test]
fn what_grading_again_would_change_is_told_before_anything_is_written() {
    let (place, _) = class();
    place
        .wirelab(&["grade", "submissions", "--out", "results"])
        .exits(0);
    let again = ["grade", "submissions", "--regrade", "results"];
    let same = place.wirelab(&again).exits(0);
    assert!(
        same.stdout.contains("3 submissions, 0 change"),
        "{}",
        same.stdout
    );
    // As if an earlier build had been more generous.
    let path = place.here().join("results/wrong.json.result.json");
    let text = std::fs::read_to_string(&path).expect("a result");
    let mut before: Value = serde_json::from_str(&text).expect("JSON");
    before["report"]["score"] = json!(2);
    before["report"]["tasks"][0]["checks"][0]["points"]["got"] = json!(2);
    std::fs::write(&path, before.to_string()).expect("a result");
    let told = place
        .wirelab(&[&again[..], &["--explain-diff"]].concat())
        .exits(0);
    for part in ["wrong.json", "2 → 0", "0 gain, 1 lose"] {
        assert!(told.stdout.contains(part), "no {part} in\n{}", told.stdout);
    }
    let json = place
        .wirelab(&[&again[..], &["--json"]].concat())
        .exits(0)
        .json();
    assert_eq!(json["changes"][0]["file"], "wrong.json");
    let kept = std::fs::read_to_string(&path).expect("a result");
    assert_eq!(kept, before.to_string(), "the earlier result stays");
}

/// What `schema` says against `value`, for the words that our schema uses.
fn against(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let kind = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        _ => "other",
    };
    let is_type = schema["type"]
        .as_str()
        .is_none_or(|wanted| wanted == kind || (wanted == "number" && kind == "integer"));
    let is_const = schema.get("const").is_none_or(|wanted| wanted == value);
    let options = schema["enum"].as_array();
    if !is_type || !is_const || options.is_some_and(|it| !it.contains(value)) {
        found.push(format!("{path}: {value:.40}"));
    }
    let required = schema["required"].as_array().into_iter().flatten();
    let missing = required
        .filter_map(Value::as_str)
        .filter(|it| value.get(it).is_none());
    found.extend(missing.map(|it| format!("{path}/{it} is missing")));
    for (name, member) in value.as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => found.push(format!("{path} is unknown")),
            (Value::Null, others) => against(others, member, &path, found),
            (known, _) => against(known, member, &path, found),
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        against(&schema["items"], item, &format!("{path}/{index}"), found);
    }
}

#[test]
fn the_published_schema_of_submissions_is_what_is_written_and_read() {
    let (place, folder) = class();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs/submission.schema.json");
    let text = std::fs::read_to_string(path).expect("the schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let text = std::fs::read_to_string(folder.join("solved.json")).expect("a submission");
    let solved: Value = serde_json::from_str(&text).expect("JSON");
    let said = |value: &Value| {
        let mut found = Vec::new();
        against(&schema, value, "", &mut found);
        found
    };
    assert_eq!(said(&solved), Vec::<String>::new());

    // What the schema requires the reader requires, and both refuse what they do not know.
    let required = schema["required"].as_array().expect("members");
    let names = required.iter().filter_map(Value::as_str).chain(["more"]);
    for name in names.clone() {
        altered(&folder, "solved.json", &format!("{name}.json"), |it| {
            let members = it.as_object_mut().expect("an object");
            if members.remove(name).is_none() {
                members.insert(name.to_owned(), json!(1));
            }
            assert!(!said(it).is_empty(), "{name}");
        });
    }
    let graded = place.wirelab(&["grade", "submissions", "--json"]).exits(1);
    let graded = graded.json();
    for name in names {
        let result = result(&graded, &format!("{name}.json"));
        assert_eq!(result["status"], "unreadable", "{name}: {result}");
    }
}

#[test]
fn results_are_exported() {
    let (place, folder) = class();
    std::fs::write(folder.join("cut.json"), "{").expect("a file");
    place
        .wirelab(&["grade", "submissions", "--out", "results"])
        .exits(1);
    let csv = place
        .wirelab(&["export", "results", "--to", "csv"])
        .exits(0)
        .stdout;
    let scores: Vec<_> = csv.lines().map(|line| line.split(',').nth(3)).collect();
    let full = scores[3].expect("a score").to_owned();
    assert_eq!(scores, ["score", "", "0", &full, "0"].map(Some), "{csv}");
    place
        .wirelab(&["export", "results", "--to", "gradescope", "--out", "scope"])
        .exits(0);
    let text = std::fs::read_to_string(place.here().join("scope/solved/results.json"));
    let form: Value = serde_json::from_str(&text.expect("a form")).expect("JSON");
    assert_eq!(form["score"].to_string(), full);
    let schema = include_str!("gradescope.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    for name in ["solved", "wrong", "empty"] {
        let text = std::fs::read_to_string(place.here().join(format!("scope/{name}/results.json")));
        let form: Value = serde_json::from_str(&text.expect("a form")).expect("JSON");
        let mut found = Vec::new();
        against(&schema, &form, "", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
    assert!(!place.here().join("scope/cut").exists());
    let xml = place
        .wirelab(&["export", "results", "--to", "junit"])
        .exits(0);
    assert_eq!(xml.stdout.matches("<testsuite ").count(), 4);
}
