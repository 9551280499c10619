//! Scripts of `scripts.txt`, run here and by the real bash: both have to print the same and end
//! alike. Of an error's line only that there is one is compared: bash 5.2 counts within `$(...)`
//! in its own way.

use std::io::Write as _;
use std::process::{Command, Stdio};

use wirelab_model::{SimTime, UnixTime};
use wirelab_shell::{Answer, Begin, Ended, Files, Machine, Question, Script, Shell, Step, Stream};

/// A machine with files and no program.
#[derive(Default)]
struct Bare(Files);

impl Machine for Bare {
    fn ask(&mut self, question: &Question) -> Option<Answer> {
        Some(self.0.answer(question).unwrap_or(Answer::Unknown))
    }
}

fn ours(text: &str) -> Ended {
    let script = Script {
        name: "bash".to_owned(),
        text: text.to_owned(),
        arguments: Vec::new(),
        is_sh: false,
        is_file: false,
        directory: "/root".to_owned(),
    };
    let begin = Begin {
        at: SimTime::ZERO,
        starts: UnixTime::from_secs(1_700_000_000),
        process: 4242,
        until: None,
    };
    let mut shell = Shell::new(script, begin);
    match shell.go_on(&mut Bare::default()) {
        Step::Over(ended) => ended,
        Step::Asks(question) => panic!("it waits for {question:?}"),
    }
}

/// Standard output, standard error, status.
type Ran = (String, String, i32);

fn printed(ended: &Ended) -> Ran {
    let of = |wanted: Stream| {
        let parts = ended.printed.iter().filter(|it| it.0 == wanted);
        parts.map(|it| it.1.as_str()).collect::<String>()
    };
    (
        of(Stream::Stdout),
        without_lines(&of(Stream::Stderr)),
        ended.status,
    )
}

fn without_lines(text: &str) -> String {
    let line = |line: &str| match line.split_once("line ") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|it: char| it.is_ascii_digit());
            format!("{before}line{rest}\n")
        }
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn real(text: &str) -> Option<Ran> {
    let folder = std::env::temp_dir();
    let child = Command::new("bash")
        .args(["-c", text])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/root")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let output = child.ok()?;
    Some((
        String::from_utf8_lossy(&output.stdout).into_owned(),
        without_lines(&String::from_utf8_lossy(&output.stderr)),
        output.status.code().unwrap_or(-1),
    ))
}

/// The scripts of the file, each with its title.
fn scripts() -> Vec<(String, String)> {
    let text = include_str!("scripts.txt");
    let mut scripts: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("#== "), scripts.last_mut()) {
            (Some(title), _) => scripts.push((title.to_owned(), String::new())),
            (None, Some((_, script))) => *script += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    scripts
}

#[test]
fn scripts_do_here_what_they_do_in_bash() {
    if real("true").is_none() {
        let mut stderr = std::io::stderr();
        writeln!(stderr, "skipped: there is no bash to compare with").expect("stderr");
        return;
    }
    let scripts = scripts();
    assert!(scripts.len() >= 60, "{} scripts", scripts.len());
    let mut differ = Vec::new();
    for (title, script) in &scripts {
        let real = real(script).expect("bash was there before");
        let ours = printed(&ours(script));
        if ours != real {
            differ.push(format!(
                "== {title}\n{script}ours: {ours:#?}\nbash: {real:#?}\n"
            ));
        }
    }
    let count = differ.len();
    assert!(
        differ.is_empty(),
        "{count} of {} differ:\n{}",
        scripts.len(),
        differ.join("\n")
    );
}

/// What a script prints and how it ends, on a stack as small as a thread's.
fn on_a_small_stack(text: String) -> Ran {
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let ran = thread.spawn(move || printed(&ours(&text)));
    ran.expect("a thread").join().expect("no overflow")
}

/// A script is refused by name, with as little output as that takes.
fn is_refused(refused: String) {
    let (stdout, stderr, status) = on_a_small_stack(refused.clone());
    let shown: String = refused.chars().take(60).collect();
    assert_eq!(status, 2, "{shown}: {stderr}");
    assert!(
        stderr.len() < 1000 && stdout.len() <= 4 << 20,
        "{shown}: {stderr}"
    );
    let says = [
        "not simulated",
        "within each other",
        "stopped after",
        "recursion",
        "there is",
    ];
    assert!(
        says.iter().any(|it| stderr.contains(it)),
        "{shown}: {stderr}"
    );
}

fn nested(open: &str, inner: &str, close: &str, count: usize) -> String {
    format!("{}{inner}{}", open.repeat(count), close.repeat(count))
}

#[test]
fn what_would_not_end_or_is_nested_too_deep_is_refused_and_harms_nothing() {
    for refused in [
        "while :; do :; done".to_owned(),
        "x=xxxxxxxx; while :; do x=$x$x; done".to_owned(),
        "yes".to_owned(),
        "f() { f; }; f".to_owned(),
        "f() { echo $(f); }; f".to_owned(),
        "awk 'BEGIN { while (1) i++ }'".to_owned(),
        nested("( ", "echo", " )", 1000),
        nested("echo $(", "", ")", 1000),
        nested("if :; then ", ":", "; fi", 1000),
        nested("case a in a) ", ":", ";; esac", 30),
        nested("${x:-", "", "}", 1000),
        format!("echo $(({}))", nested("(", "1", ")", 1000)),
        "echo a & echo b".to_owned(),
        "for i in 1 2; do { sleep 1 & }; done".to_owned(),
        "trap 'echo x' ERR; false".to_owned(),
        "kill 1".to_owned(),
        "coproc cat".to_owned(),
        "cat > >(wc)".to_owned(),
        "x=aaa; [[ $x == !(b) ]]".to_owned(),
        "echo aa | grep '\\(a\\)\\1'".to_owned(),
        "tail -f /tmp/x".to_owned(),
    ] {
        is_refused(refused);
    }
    // What is nested as people nest it is not.
    let deep = nested("if true; then ( ", "echo $(echo deep)", " ); fi", 8);
    assert_eq!(
        on_a_small_stack(deep),
        ("deep\n".to_owned(), String::new(), 0)
    );
    let down = "f() { [ $1 = 0 ] && echo end || f $(($1-1)); }; f 12".to_owned();
    assert_eq!(on_a_small_stack(down).0, "end\n");
}

#[test]
fn what_would_grow_without_end_or_overflow_the_stack_is_refused_too() {
    for refused in [
        "echo {1..1000000000}".to_owned(),
        format!("echo {}", "{a,b}".repeat(20)),
        "x=aaaaaaaa; while :; do x=${x//a/bbbb}; x=${x//b/aaaa}; done".to_owned(),
        "x=$(yes a | head -90000); y=${x//a/$x}".to_owned(),
        "printf '%4096s\\n' $(seq 60000)".to_owned(),
        "echo a | sed ':a;s/a/aa/;ta'".to_owned(),
        "awk 'BEGIN { s = \"a\"; while (1) s = s s }'".to_owned(),
        format!("[[ {} x ]]", "! ".repeat(20_000)),
        format!("[[ x{} ]]", " && x".repeat(6000)),
        format!("echo $(({}))", nested("a[", "1", "]", 9000)),
        nested("echo ${a[", "0", "]}", 39),
        format!("{}cat", "coproc ".repeat(3000)),
        format!("if :; then :; {}fi", "elif :; then :; ".repeat(3000)),
        format!("awk 'BEGIN {{ print 1{} }}'", "+1".repeat(9000)),
        format!("awk 'BEGIN {{ print {}x }}'", "++".repeat(9000)),
        format!("expr {}abc", "length ".repeat(5000)),
        "echo a >&99999999999; exec 99999999999> /tmp/x".to_owned(),
        "select x in a b; do echo $x; done".to_owned(),
        "ulimit -n".to_owned(),
        "f() { :; }; declare -f f".to_owned(),
        "echo ${HOME~~}".to_owned(),
    ] {
        is_refused(refused);
    }
}

/// A machine whose programs answer later.
#[derive(Default)]
struct Slow(Files);

impl Machine for Slow {
    fn ask(&mut self, question: &Question) -> Option<Answer> {
        match question {
            Question::Run { .. } => None,
            other => self.0.answer(other),
        }
    }
}

/// Runs a script whose programs take a second each; `forgets` makes it forget what it may.
fn with_waits(text: &str, forgets: bool) -> (Ended, usize) {
    let script = Script {
        text: text.to_owned(),
        ..Script::command(&[])
    };
    let begin = Begin {
        at: SimTime::ZERO,
        starts: UnixTime::from_secs(1_700_000_000),
        process: 4242,
        until: None,
    };
    let mut shell = Shell::new(script, begin);
    let mut machine = Slow::default();
    let mut asked = 0;
    loop {
        if forgets {
            shell.forget();
        }
        match shell.go_on(&mut machine) {
            Step::Over(ended) => return (ended, asked),
            Step::Asks(Question::Run { argv, .. }) => {
                asked += 1;
                shell.answer(Answer::Ran {
                    status: i32::from(argv[1] == "3"),
                    printed: vec![(Stream::Stdout, format!("{} at {asked}\n", argv.join(" ")))],
                    at: SimTime::from_secs(asked as u64),
                    timed_out: false,
                });
            }
            Step::Asks(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_script_that_is_taken_up_again_does_what_one_does_that_remembers_nothing() {
    let script = "
        x=0; probe first; exec 5< /dev/null; echo a > /tmp/f
        for i in 1 2 3 4; do probe $i && x=$((x+i)) || continue; [ $i = 4 ] && break; echo \"$i $x\"; done
        while [ $x -gt 0 ]; do y=$(probe w$x); echo \"<$y>\" >> /tmp/f; x=$((x-3)); done
        for ((i=0;i<3;i++)); do for j in a b; do probe $i$j | sed s/probe/P/; done; done
        until probe u; [ $((x++)) -gt 1 ]; do :; done; trap 'echo bye $? $SECONDS' EXIT
        ( probe sub; exit 4 ); echo $? $(probe last) \"${PIPESTATUS[*]}\"; cat /tmp/f; probe 3";
    let (remembered, asked) = with_waits(script, false);
    assert_eq!(with_waits(script, true), (remembered.clone(), asked));
    assert_eq!(remembered.status, 1, "{remembered:?}");
    let stdout = printed(&remembered).0;
    assert!(
        stdout.ends_with(&format!("probe 3 at {asked}\nbye 1 {asked}\n")),
        "{stdout}"
    );
    assert!(
        stdout.contains("\n2 3\n") && stdout.contains("<probe w"),
        "{stdout}"
    );

    // A long watch is taken up in the middle, and so is not too much work.
    let watch = "for i in $(seq 3000); do probe $i > /dev/null; n=$((n+1)); done; echo $n";
    let (ended, asked) = with_waits(watch, false);
    assert_eq!((printed(&ended).0.as_str(), asked), ("3000\n", 3000));
}
