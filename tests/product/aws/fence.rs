//! The last fence: whatever leads a client of AWS out of the lab's shell, it speaks to no server.
//!
//! Here AWS is a proxy on loopback that answers for every host, and that clients would trust but
//! for the lab's settings (`mitm.py`). What it is told has left the lab.

use crate::harness::{Place, Ran};

/// The proxy with its own authority.
const AWS: &str = r#"
[ -e ca.pem ] || openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out ca.pem \
    -subj /CN=sts.us-east-1.amazonaws.com -addext \
    subjectAltName=DNS:sts.us-east-1.amazonaws.com,DNS:sts.amazonaws.com 2> openssl.log || exit 77
: > log
python3 mitm.py ca.pem key.pem log > port & proxy=$!
trap 'kill $proxy' EXIT
n=0; until [ -s port ]; do sleep 0.1; n=$((n+1)); [ $n -lt 100 ] || exit 77; done
export HTTPS_PROXY=http://127.0.0.1:$(cat port) REQUESTS_CA_BUNDLE=$PWD/ca.pem here=$PWD
"#;

/// `came` says whether the proxy was told anything since.
const CAME: &str = r#"
came() {
    if grep -q ^REQUEST "$here/log"; then echo out; else echo -; fi
    : > "$here/log"
}
"#;

/// Runs `script` in the lab's shell, where AWS is the proxy; `None`: something for it is missing.
fn with_aws(place: &Place, script: &str) -> Option<Ran> {
    for (name, text) in [
        ("mitm.py", include_str!("mitm.py")),
        ("inner", &*format!("{CAME}{script}")),
        ("outer", &*format!("{AWS}\nwirelab shell sh inner")),
    ] {
        std::fs::write(place.here().join(name), text).expect("a writable folder");
    }
    let ran = place.shell("sh outer");
    if ran.code == 77 {
        eprintln!("skipped: no proxy: {}", ran.stderr);
        return None;
    }
    Some(ran)
}

/// Programs that are not the lab's: `aws` of the machine by its path, and boto3.
const WHO: &str = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])";

#[test]
fn boto3_reaches_the_lab_or_nobody() {
    let place = Place::with_lab("nacl-ephemeral", 7);
    if place.shell("python3 -c 'import boto3'").code != 0 {
        eprintln!("skipped: python3 has no boto3 here");
        return;
    }
    let script = format!(
        "who() {{ env \"$@\" python3 -c \"{WHO}\" 2>/dev/null || echo nobody; }}
         who; came
         who -u AWS_ENDPOINT_URL; came
         who -u AWS_ENDPOINT_URL -u AWS_CA_BUNDLE; came
         who -u AWS_ENDPOINT_URL -u AWS_CONFIG_FILE; came
         who -u AWS_ENDPOINT_URL AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true -u AWS_CA_BUNDLE; came
         who -u AWS_ENDPOINT_URL -u AWS_CONFIG_FILE -u AWS_CA_BUNDLE; came"
    );
    let Some(ran) = with_aws(&place, &script) else {
        return;
    };
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let account = lines.first().copied().unwrap_or_default();
    assert_eq!(account.len(), 12, "{}{}", ran.stdout, ran.stderr);
    // Who takes every fence down gets out, which shows that the proxy is one to get out to.
    let wanted = [
        account, "-", account, "-", account, "-", "nobody", "-", "nobody", "-", "nobody", "out",
    ];
    assert_eq!(lines, wanted, "{}", ran.stderr);
}

/// Debian's client reads neither the variable nor the setting of an endpoint.
#[test]
fn an_old_client_by_its_own_path_speaks_to_nobody() {
    let place = Place::with_lab("nacl-ephemeral", 7);
    let version = place.shell("/usr/bin/aws --version").stdout;
    if !version.starts_with("aws-cli/") {
        eprintln!("skipped: there is no /usr/bin/aws here");
        return;
    }
    let script = "who() { env \"$@\" /usr/bin/aws sts get-caller-identity > said 2>&1; }
         who; came
         who -u AWS_CA_BUNDLE; came
         who AWS_PROFILE=default AWS_CONFIG_FILE=/dev/null; came
         who -u AWS_CA_BUNDLE AWS_CONFIG_FILE=/dev/null; came";
    let Some(ran) = with_aws(&place, script) else {
        return;
    };
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let is_old = version.starts_with("aws-cli/2.9") || version.starts_with("aws-cli/1.");
    let last = if is_old { "out" } else { "-" };
    assert_eq!(lines, ["-", "-", "-", last], "{version}{}", ran.stderr);
}

/// `/etc/profile` sets the path anew, in tmux and wherever a shell is one of a login.
#[test]
fn login_shells_keep_the_labs_aws() {
    let place = Place::with_lab("nacl-ephemeral", 7);
    let profile = place.here().join("../..").join(".bash_profile");
    std::fs::write(profile, "PATH=/usr/bin:/bin; export PATH\n").expect("a writable folder");
    let wrapper = |ran: &Ran| ran.stdout.contains("/wirelab-shell-");
    let ran = place.shell("wirelab shell bash -lc 'command -v aws; command -v date'");
    assert!(wrapper(&ran), "{}{}", ran.stdout, ran.stderr);
    let ran = place.shell("wirelab shell bash -c 'bash -lc \"command -v aws\"'");
    assert!(wrapper(&ran), "{}{}", ran.stdout, ran.stderr);
    // A folder that somebody has put in front stays there.
    let script = "PATH=$PWD:$PATH bash -c 'echo $PATH'";
    let ran = place.shell(&format!(
        "wirelab shell sh -c '{}'",
        script.replace('\'', "'\\''")
    ));
    let here = place.here().canonicalize().expect("a folder");
    let first = ran.stdout.split(':').next().unwrap_or_default();
    assert_eq!(std::path::Path::new(first), here, "{}", ran.stdout);
    if place.shell("tmux -V").code != 0 {
        eprintln!("tmux is not here");
        return;
    }
    // What tmux starts is a login shell with a prompt.
    let script = "export SHELL=$(command -v bash) TERM=xterm
        t() { tmux -L labs$$ -f /dev/null \"$@\"; }
        t new-session -d -s one
        t send-keys -t one 'command -v aws > found' Enter
        n=0; until [ -s found ] || [ $n -gt 100 ]; do sleep 0.1; n=$((n+1)); done
        t kill-server; cat found";
    std::fs::write(place.here().join("tmux-script"), script).expect("a writable folder");
    let ran = place.shell("wirelab shell sh tmux-script");
    assert!(wrapper(&ran), "{}{}", ran.stdout, ran.stderr);
}
