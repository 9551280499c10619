//! The real `aws` in the shell that `wirelab shell` and `wirelab env` make: it repairs labs, tells
//! their time, and reaches nothing else. Where `aws` is missing, that is said and nothing tested.

mod about;
mod away;
mod components;
mod fence;
mod killed;
mod terraform;
mod transcripts;

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::harness::{Place, Ran};
use crate::labs::{labs, solutions};

const LAB: &str = "nacl-ephemeral";

fn aws_is_there(place: &Place) -> bool {
    let there = place.shell("aws --version").code == 0;
    if !there {
        eprintln!("skipped: `aws --version` fails here");
    }
    there
}

/// Runs a script in the lab's shell.
fn in_shell(place: &Place, script: &str) -> Ran {
    std::fs::write(place.here().join("script"), script).expect("a writable folder");
    place.shell("wirelab shell sh script")
}

/// The reference repairs, typed as for AWS, solve their labs.
#[test]
fn the_real_cli_repairs_each_lab() {
    let mut repairs = 0;
    for lab in labs() {
        let place = Place::with_lab(&lab, 1);
        if !aws_is_there(&place) {
            return;
        }
        let fixes: Vec<_> = solutions(&place)
            .into_iter()
            .filter(|it| it.answer.is_none())
            .collect();
        repairs += fixes.len();
        for fix in fixes {
            let lines = fix.text.lines().map(str::trim);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            let script: String = lines.map(|line| typed(line) + "\n").collect();
            in_shell(&place, &format!("set -e\n{script}")).exits(0);
            let task = &fix.task;
            let checked = place.wirelab(&["check", task]);
            assert_eq!(checked.code, 0, "{lab} {task}\n{script}{}", checked.stdout);
        }
    }
    assert!(repairs > 0, "no lab has anything to repair");
}

/// A line of a `.calls` file as a person types it. Parameters go as JSON, which the CLI checks
/// against its own model before it sends them.
fn typed(line: &str) -> String {
    if let Some(rest) = line.strip_prefix("exec ") {
        return format!("wirelab exec {rest}");
    }
    let (name, parameters) = line.split_once(' ').unwrap_or((line, ""));
    let (service, operation) = name.split_once(':').expect("ec2:Operation");
    if service != "ec2" {
        // The lab's endpoint is EC2's and STS's.
        return format!("wirelab call {line}");
    }
    let mut input = Map::new();
    for word in words(parameters) {
        let (name, text) = word.split_once('=').expect("Name=value");
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        // The model has protocols as texts.
        let value = match (name, value) {
            ("Protocol", number @ Value::Number(_)) => Value::from(number.to_string()),
            (_, value) => value,
        };
        input.insert(name.to_owned(), value);
    }
    let mut dashed = String::new();
    for letter in operation.chars() {
        let dash = letter.is_ascii_uppercase() && !dashed.is_empty();
        let dash = if dash { "-" } else { "" };
        write!(dashed, "{dash}{}", letter.to_ascii_lowercase()).expect("a string takes it");
    }
    format!(
        "aws {service} {dashed} --cli-input-json '{}'",
        Value::from(input)
    )
}

/// Words of a line of shell, as far as `.calls` files quote.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            letter => words.last_mut().expect("one at least").push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn the_shells_aws_reaches_the_lab_and_nothing_else() {
    let place = Place::with_lab(LAB, 7);
    if !aws_is_there(&place) {
        return;
    }
    let script = "aws ec2 describe-vpcs --query 'Vpcs[].CidrBlock' --output text
        aws ec2 describe-vpcs --endpoint-url https://ec2.us-east-1.amazonaws.com; echo $?
        aws --endpoint-url=$AWS_ENDPOINT_URL/ sts get-caller-identity --query Account
        aws ec2 describe-vpcs --profile production; echo $?
        env | grep ^AWS_ | grep -c -e production -e example.com
        wirelab env --stop > /dev/null
        aws ec2 describe-vpcs; echo $?";
    std::fs::write(place.here().join("script"), script).expect("a writable folder");
    let ran = place.shell(
        "AWS_PROFILE=production AWS_ENDPOINT_URL_EC2=http://example.com AWS_ROLE_ARN=production \
         wirelab shell sh script",
    );
    let lines: Vec<_> = ran.stdout.lines().collect();
    let [vpc, elsewhere, account, profile, strange, gone] = lines[..] else {
        panic!("{}{}", ran.stdout, ran.stderr);
    };
    assert_eq!((vpc, account), ("10.127.0.0/16", "\"417203396118\""));
    assert_eq!((elsewhere, strange, gone), ("252", "0", "253"));
    assert_ne!(profile, "0");
    for said in [
        "not to https://ec2.us-east-1.amazonaws.com",
        "(production)",
        "does not answer",
    ] {
        assert!(ran.stderr.contains(said), "{said}\n{}", ran.stderr);
    }
}

#[test]
fn date_tells_the_labs_time() {
    let place = Place::with_lab(LAB, 7);
    let script = "wirelab advance 90s > /dev/null
        date -u +%FT%TZ; date -u -d '10 minutes ago' +%FT%TZ; date -u -d 2024-02-29 +%F
        date -u -d 'yesterday 13:00' '+%H:%M'; date -u +%s; date -u -d '- 1 hour' +%s";
    let ran = in_shell(&place, script).exits(0);
    let status = place.wirelab(&["status", "--json"]).exits(0).json();
    let now = status["utc"].as_str().expect("a moment").replace(' ', "T");
    let lines: Vec<_> = ran.stdout.lines().collect();
    let [moment, earlier, day, hour, seconds, an_hour_ago] = lines[..] else {
        panic!("{}{}", ran.stdout, ran.stderr);
    };
    assert_eq!(moment[..19], now[..19], "{now}");
    assert!(
        earlier < moment && earlier[17..] == moment[17..],
        "{earlier} {moment}"
    );
    assert_eq!((day, hour), ("2024-02-29", "13:00"));
    let number = |text: &str| text.parse::<i64>().expect("seconds");
    assert_eq!(number(seconds) - number(an_hour_ago), 3600);
}

#[test]
fn a_loop_that_waits_ends_in_a_sandbox_whose_time_is_the_wall_clocks() {
    let script = "wirelab sandbox --temporary --pace real -- \
        sh -c 't=$(date +%s); while [ $(date +%s) = $t ]; do :; done; echo later'";
    let ran = Place::new().shell(script).exits(0);
    assert_eq!(ran.stdout, "later\n", "{}", ran.stderr);
}

#[test]
fn a_shell_that_is_there_gets_an_endpoint_and_is_rid_of_it() {
    let place = Place::with_lab(LAB, 7);
    let ran = place.shell(
        "before=$PATH; eval \"$(wirelab env)\"; first=$WIRELAB_ENDPOINT
         eval \"$(wirelab env --strict)\"
         date -u +%Y; wirelab shell --ask ping --port $first 2>&-; echo $?
         eval \"$(wirelab env --stop)\"; env | grep -c -e ^AWS_ -e ^WIRELAB_; test \"$PATH\" = \"$before\"",
    );
    let ran = ran.exits(0);
    let year = place.wirelab(&["status", "--json"]).exits(0).json();
    let year = year["utc"].as_str().expect("a moment")[..4].to_owned();
    assert_eq!(ran.stdout, format!("{year}\n3\n0\n"), "{}", ran.stderr);
}

/// In a container that was entered from outside, the session's leader has no number.
#[test]
fn a_shell_whose_session_began_elsewhere_gets_an_endpoint_too() {
    let place = Place::with_lab(LAB, 7);
    let unshare = "unshare --pid --fork --mount-proc";
    if place.shell(&format!("{unshare} true")).code != 0 {
        eprintln!("skipped: no PID namespace can be made here (it takes root and `unshare`)");
        return;
    }
    let script = "eval \"$(wirelab env)\"; sleep 3; wirelab shell --ask ping \
                  --port $WIRELAB_ENDPOINT 2>&-; echo $?; eval \"$(wirelab env --stop)\"";
    std::fs::write(place.here().join("script"), script).expect("a writable folder");
    let ran = place.shell(&format!("{unshare} sh script"));
    assert_eq!(ran.exits(0).stdout, "0\n");
}

#[test]
fn outside_a_lab_there_is_nothing_to_serve() {
    let place = Place::new();
    for command in [&["shell", "true"][..], &["env"], &["env", "--serve"]] {
        let ran = place.wirelab(command).exits(2);
        assert!(ran.stderr.contains("no lab folder"), "{}", ran.stderr);
    }
    let place = Place::with_lab(LAB, 7);
    assert_eq!(place.wirelab(&["shell", "sh", "-c", "exit 7"]).code, 7);
}
