//! A learner's `aws` must never reach a real account by mistake.
//!
//! In these tests the real `aws` is a program that says with whose key it would have gone where:
//! what it prints has left the lab. They are run in each shell that is installed.

use std::os::unix::fs::PermissionsExt;

use crate::harness::{Place, Ran};

const LAB: &str = "nacl-ephemeral";

/// Says key, profile, endpoint and words.
const REAL: &str = "#!/bin/sh
echo \"REAL ${AWS_ACCESS_KEY_ID-none} ${AWS_PROFILE-none} ${AWS_ENDPOINT_URL-aws} $*\"
";

/// What a learner had before.
const HAD: &str = "export AWS_PROFILE=prod AWS_ACCESS_KEY_ID=AKIAREAL AWS_SECRET_ACCESS_KEY=x; \
                   PATH=$PWD/real:$PATH; ";

/// The real `aws` in the folder `real` of the place.
fn with_real_aws(place: &Place) {
    let folder = place.here().join("real");
    std::fs::create_dir_all(&folder).expect("a writable folder");
    let file = folder.join("aws");
    std::fs::write(&file, REAL).expect("a writable folder");
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o755)).expect("our file");
}

/// A lab and the real `aws`.
fn place() -> Place {
    let place = Place::with_lab(LAB, 7);
    with_real_aws(&place);
    place
}

/// Those of the shells that are installed.
fn installed<'s>(place: &Place, shells: &[&'s str]) -> Vec<&'s str> {
    let there = |shell: &&&str| place.shell(&format!("command -v {shell}")).code == 0;
    let found: Vec<&str> = shells.iter().filter(there).copied().collect();
    if found.len() < shells.len() {
        eprintln!("tried in {found:?} of {shells:?}: the others are not installed");
    }
    found
}

/// Runs `script` by `shell`, with what a learner had.
fn in_shell(place: &Place, shell: &str, script: &str) -> Ran {
    std::fs::write(place.here().join("script"), script).expect("a writable folder");
    place.shell(&format!("{HAD}{shell} ./script"))
}

#[test]
fn a_shell_that_gets_no_endpoint_reaches_nothing_until_it_is_given_back() {
    let place = Place::new();
    with_real_aws(&place);
    for shell in installed(&place, &["sh", "bash", "zsh"]) {
        for command in ["wirelab env", "wirelab env --prot 1", "wirelab -C none env"] {
            let script = format!(
                "eval \"$({command})\"; echo $?
                 aws ec2 delete-vpc; echo $? ${{AWS_PROFILE-none}} $AWS_ENDPOINT_URL
                 eval \"$(wirelab env --stop)\"; aws who"
            );
            let ran = in_shell(&place, shell, &script);
            let wanted = "2\n253 none http://127.0.0.1:1\nREAL AKIAREAL prod aws who\n";
            assert_eq!(ran.stdout, wanted, "{shell} {command}\n{}", ran.stderr);
            let script = format!("set -eu; eval \"$({command})\"; echo further");
            let ran = in_shell(&place, shell, &script).exits(2);
            assert_eq!(ran.stdout, "", "{shell} {command}");
        }
    }
    for fish in installed(&place, &["fish"]) {
        let script = "wirelab env | source; aws ec2 delete-vpc; echo $status $AWS_PROFILE
             wirelab env --stop | source; aws who";
        let ran = in_shell(&place, fish, script);
        let wanted = "253\nREAL AKIAREAL prod aws who\n";
        assert_eq!(
            ran.stdout.replace("253 \n", "253\n"),
            wanted,
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn what_a_shell_had_before_its_endpoint_is_there_again_after_it() {
    let place = place();
    for shell in installed(&place, &["sh", "bash", "zsh"]) {
        // An alias is a person's, and `eval` in zsh reads it before it runs anything.
        let aliases = match shell {
            "bash" => "shopt -s expand_aliases\n",
            _ => "",
        };
        let script = format!(
            "{aliases}alias aws='real/aws --mine'\nexport NO_PROXY=there AWS_CA_BUNDLE=\"it's\"
             eval \"$(wirelab env)\"
             eval \"$(wirelab env)\"
             aws ec2; printenv AWS_PROFILE
             eval \"$(wirelab env --stop)\"
             aws who; printenv NO_PROXY AWS_CA_BUNDLE; env | grep -c ^WIRELAB_"
        );
        let ran = in_shell(&place, shell, &script);
        let lines: Vec<&str> = ran.stdout.lines().collect();
        let [inside, outside, rest @ ..] = &lines[..] else {
            panic!("{shell}: {}{}", ran.stdout, ran.stderr);
        };
        let lab = "REAL AKIA";
        assert!(
            inside.starts_with(lab) && inside.contains("none http://127.0.0.1:"),
            "{inside}"
        );
        assert_eq!(*outside, "REAL AKIAREAL prod aws --mine who", "{shell}");
        assert_eq!(rest, ["there", "it's", "0"], "{shell}");
    }
}

#[test]
fn a_shell_whose_endpoint_is_gone_with_its_folder_refuses() {
    let place = place();
    let script = "eval \"$(wirelab env)\"
        sh -c 'eval \"$(wirelab env --stop)\"'
        n=0; while [ -e \"${AWS_CONFIG_FILE%/config}\" ] && [ $n -lt 300 ]; do sleep 0.1; n=$((n+1)); done
        aws who; echo $?; date; echo $?; which aws | grep -c real/aws";
    let ran = in_shell(&place, "sh", script);
    assert_eq!(ran.stdout, "253\n1\n0\n", "{}", ran.stderr);
    // Killed: the folder is removed by the next who starts a shell.
    let script = "eval \"$(wirelab env)\"
        kill -9 $(fuser -n tcp $WIRELAB_ENDPOINT 2>&-) || exit 9
        (unset AWS_CONFIG_FILE; wirelab shell true)
        [ -e \"$AWS_CONFIG_FILE\" ]; echo $?; aws who; echo $?";
    let ran = in_shell(&place, "sh", script);
    match ran.code {
        9 => eprintln!("skipped: `fuser` is not there"),
        _ => assert_eq!(ran.stdout, "1\n253\n", "{}", ran.stderr),
    }
}

#[test]
fn every_way_to_write_an_endpoint_is_seen() {
    let place = place();
    let script = "for it in --endpoint --endpoint-ur=https://x --e=https://x --endpoint-url= ; do
        case $it in *=*) aws $it ec2 ;; *) aws ec2 $it https://x ;; esac; echo $?; done
        aws ec2 --endpoint-url ''; echo $?
        aws --endpoint $AWS_ENDPOINT_URL/ ec2 --engine x --end-time y | grep -c ^REAL";
    let ran = in_shell(
        &place,
        "sh",
        &format!("cat > inner <<'END'\n{script}\nEND\nwirelab shell sh inner"),
    );
    assert_eq!(ran.stdout, "252\n252\n252\n252\n252\n1\n", "{}", ran.stderr);
}

/// What start-up files do to a shell that is the lab's: keys, profiles, addresses, aliases, and a
/// folder before all others.
const START_UP: &str = "
export AWS_ACCESS_KEY_ID=AKIAREAL AWS_PROFILE=prod AWS_ENDPOINT_URL_STS=https://real
export AWS_ENDPOINT_URL=https://real AWS_CONFIG_FILE=$HOME/real
export AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true
export PATH=$HOME/here/course/real:$PATH
alias aws=\"$HOME/here/course/real/aws --alias\"
";

#[test]
fn start_up_files_do_not_lead_out_of_the_lab() {
    let place = place();
    let home = place.here().join("../..");
    for name in [".bashrc", ".zshrc", ".config/fish/config.fish"] {
        let file = home.join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a writable folder");
        // Fish has its path as a list.
        let start_up = match name.contains("fish") {
            true => START_UP.replace(
                "PATH=$HOME/here/course/real:$",
                "fish_user_paths=$HOME/here/course/real #",
            ),
            false => START_UP.to_owned(),
        };
        std::fs::write(file, start_up).expect("a writable folder");
    }
    for shell in installed(&place, &["bash", "zsh", "dash", "fish"]) {
        // Once more in a shell that is started in the lab's, where a prompt has come, and after a
        // learner has taken another of the lab's Regions.
        let typed = format!(
            "aws first > out\nexport AWS_REGION=eu-west-3 AWS_ENDPOINT_URL=https://real\n\
             true\nprintenv AWS_REGION AWS_ENDPOINT_URL >> out\n{shell} -i\ntrue\naws again >> out\n\
             exit\nexit\n"
        );
        std::fs::write(place.here().join("typed"), &typed).expect("a writable folder");
        let line = format!(
            "rm -f out; PATH=$PWD/real:$PATH SHELL=$(command -v {shell}) TERM=dumb timeout 120 \
             script -qefc 'wirelab shell' shown < typed"
        );
        let ran = place.shell(&line);
        let out = std::fs::read_to_string(place.here().join("out")).unwrap_or_default();
        let lines: Vec<&str> = out.lines().collect();
        let [first, region, rest @ ..] = &lines[..] else {
            panic!("{shell}: {out}{}{}", ran.stdout, ran.stderr);
        };
        let is_labs = |line: &str| {
            line.starts_with("REAL AKIA")
                && !line.contains("AKIAREAL")
                && line.contains(" none http://127.0.0.1:")
                && line.contains("--endpoint-url http://127.0.0.1:")
                && !line.contains("--alias")
        };
        assert!(is_labs(first) && *region == "eu-west-3", "{shell}: {out}");
        // A shell without a hook at its prompt cannot be put right.
        if shell != "dash" {
            assert!(rest[0].starts_with("http://127.0.0.1:"), "{shell}: {out}");
        }
        if matches!(shell, "bash" | "zsh" | "dash") {
            assert!(rest.get(1).is_some_and(|it| is_labs(it)), "{shell}: {out}");
        }
    }
}
