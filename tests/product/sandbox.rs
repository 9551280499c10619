//! A network of one's own: what is said of its machines.

use crate::harness::{Place, Ran};

/// A sandbox in `net`, by `wirelab call` alone.
struct Sandbox(Place);

impl Sandbox {
    fn new() -> Self {
        let mut place = Place::new();
        place.wirelab(&["sandbox", "net", "--", "true"]).exits(0);
        let folder = place.here().join("net");
        place.enter(&folder);
        Self(place)
    }

    fn wirelab(&self, words: &[&str]) -> Ran {
        self.0.wirelab(words)
    }

    /// Launches so many instances with a `Name` tag, and gives their ids and private addresses.
    fn launch(&self, name: &str, count: &str) -> Vec<(String, String)> {
        let tags = format!(
            "TagSpecifications=[{{\"ResourceType\":\"instance\",\"Tags\":[{{\"Key\":\"Name\",\
             \"Value\":\"{name}\"}}]}}]"
        );
        let (least, most) = (format!("MinCount={count}"), format!("MaxCount={count}"));
        let words = [
            "call",
            "ec2:RunInstances",
            "ImageId=ami-12345678",
            &least,
            &most,
            &tags,
        ];
        let reply = self.wirelab(&words).exits(0).json();
        let instances = reply["Instances"].as_array().cloned().unwrap_or_default();
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let of = |it: &serde_json::Value| (text(&it["InstanceId"]), text(&it["PrivateIpAddress"]));
        instances.iter().map(of).collect()
    }

    fn public_address(&self, id: &str) -> String {
        let ids = format!("InstanceIds=[\"{id}\"]");
        let reply = self
            .wirelab(&["call", "ec2:DescribeInstances", &ids])
            .exits(0)
            .json();
        let address = reply.pointer("/Reservations/0/Instances/0/PublicIpAddress");
        address
            .and_then(|it| it.as_str())
            .expect("default subnets give one")
            .to_owned()
    }

    fn stop(&self, id: &str) {
        let ids = format!("InstanceIds=[\"{id}\"]");
        self.wirelab(&["call", "ec2:StopInstances", &ids]).exits(0);
    }
}

#[test]
fn machines_are_called_by_name_id_and_address() {
    let sandbox = Sandbox::new();
    let web = &sandbox.launch("web", "1")[0];
    let public = sandbox.public_address(&web.0);
    let status = sandbox.wirelab(&["status", "--json"]).exits(0).json();
    let interfaces = status["interfaces"].as_array().expect("a list");
    let its = interfaces
        .iter()
        .find(|it| it["host"] == "web")
        .expect("its interface");
    assert_eq!(its["public_addresses"], serde_json::json!([public]));
    let eni = its["network_interface_id"].as_str().expect("an ENI");
    for word in ["web", &web.0, &web.1, &public, eni] {
        let ran = sandbox
            .wirelab(&["exec", word, "--", "ip", "-o", "addr"])
            .exits(0);
        assert!(ran.stdout.contains(&web.1), "{word}: {}", ran.stdout);
        let ran = sandbox.wirelab(&["tcpdump", word, "-D"]).exits(0);
        assert!(ran.stdout.contains("ens5"), "{word}: {}", ran.stdout);
    }
    let ran = sandbox
        .wirelab(&["exec", "10.9.9.9", "--", "true"])
        .exits(2);
    assert!(
        ran.stderr.contains("there is no host `10.9.9.9`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_machine_that_is_off_is_said_to_be_off() {
    let sandbox = Sandbox::new();
    let (web, db) = (
        &sandbox.launch("web", "1")[0],
        &sandbox.launch("db", "1")[0],
    );
    let gone = &sandbox.launch("gone", "1")[0];
    sandbox.stop(&web.0);
    let ids = format!("InstanceIds=[\"{}\"]", gone.0);
    sandbox
        .wirelab(&["call", "ec2:TerminateInstances", &ids])
        .exits(0);
    for word in ["web", &web.0, &web.1] {
        let ran = sandbox.wirelab(&["exec", word, "--", "true"]).exits(2);
        assert!(
            ran.stderr.contains("the instance is stopped"),
            "{word}: {}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains("aws ec2 start-instances"),
            "{}",
            ran.stderr
        );
    }
    let ran = sandbox.wirelab(&["exec", "nobody", "--", "true"]).exits(2);
    assert!(
        !ran.stderr.contains(&gone.0) && ran.stderr.contains("db"),
        "{}",
        ran.stderr
    );
    let page = sandbox.wirelab(&["status"]).exits(0).stdout;
    assert!(page.contains(&format!("{}  stopped", web.0)), "{page}");
    assert!(!page.contains(&gone.0), "{page}");
    // The sender is off: that comes before all that would stop the packet later.
    for to in [format!("{}:5432", db.1), "8.8.8.8/icmp".to_owned()] {
        let ran = sandbox.wirelab(&["path", "web", &to, "--json"]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let report = ran.json();
        let first = report["blockers"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert_eq!(first, format!("{} is not running", web.0), "{report}");
        assert_eq!(report["explanation_codes"][0], "BAD_STATE");
    }
}

#[test]
fn a_name_that_several_machines_have_is_told_with_their_ids() {
    let sandbox = Sandbox::new();
    let both = sandbox.launch("web", "2");
    let unnamed = &sandbox.launch("my app", "1")[0];
    for words in [&["exec", "web", "--", "true"][..], &["id", "web"]] {
        let ran = sandbox.wirelab(words).exits(2);
        assert!(ran.stderr.contains("2 "), "{}", ran.stderr);
        for (id, _) in &both {
            assert!(ran.stderr.contains(id), "{}", ran.stderr);
        }
    }
    let all = sandbox.wirelab(&["id"]).exits(0).stdout;
    for (id, _) in both.iter().chain([unnamed]) {
        assert_eq!(all.matches(id.as_str()).count(), 1, "{all}");
    }
    let ran = sandbox.wirelab(&["id", &unnamed.0]).exits(0);
    assert_eq!(ran.stdout, "instance \"my app\"\n");
}

#[test]
fn curl_tells_how_long_it_took_though_nobody_answered() {
    let sandbox = Sandbox::new();
    let web = &sandbox.launch("web", "1")[0];
    let curl = |words: &str| {
        let line = format!("wirelab exec web -- curl -s -o /dev/null -w '{words}");
        sandbox.0.shell(&line).stdout
    };
    let ran =
        curl("%{http_code} %{time_connect} %{time_total} %{remote_ip}' -m 5 http://192.0.2.9/");
    let words: Vec<&str> = ran.split(' ').collect();
    assert!(words[2].starts_with("5.00"), "{ran}");
    assert_eq!(
        [words[0], words[1], words[3]],
        ["000", "0.000000", ""],
        "{ran}"
    );
    // It connects, and the server closes without a word that is HTTP's.
    sandbox
        .wirelab(&["exec", "web", "--", "serve", "discard", "9"])
        .exits(0);
    let ran = curl(&format!(
        "%{{time_connect}} %{{time_total}} %{{remote_ip}}' -m 2 http://{}:9/",
        web.1
    ));
    let words: Vec<&str> = ran.split(' ').collect();
    assert!(words[1].starts_with("2.00") && words[2] == web.1, "{ran}");
}

#[test]
fn a_sandbox_begins_when_it_is_told_to() {
    let place = Place::new();
    let date = "date -u +%F";
    let ran = place
        .shell(&format!("wirelab sandbox net --start 2031-05-06 -- {date}"))
        .exits(0);
    assert_eq!(ran.stdout, "2031-05-06\n");
    // The journal knows it: what is opened again, and put back, is the same.
    let ran = place.shell(&format!(
        "wirelab sandbox net -- {date}; wirelab sandbox net --start 2031-05-06 -- {date}
         cd net; wirelab reset > /dev/null; wirelab status --json | grep utc"
    ));
    assert!(
        ran.stdout.starts_with("2031-05-06\n2031-05-06\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("2031-05-06 00:0"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let ran = place
        .shell("wirelab sandbox net --start 2032-01-01 -- true")
        .exits(2);
    assert!(
        ran.stderr.contains("began at 2031-05-06 00:00:00 UTC"),
        "{}",
        ran.stderr
    );
    let ran = place
        .shell("wirelab sandbox new --start yesterday -- true")
        .exits(2);
    assert!(ran.stderr.contains("write `now`"), "{}", ran.stderr);
    let today = place.shell("date -u +%F").exits(0).stdout;
    let now = "wirelab sandbox --temporary --start now --pace real -- date -u +%F";
    let ran = place.shell(now).exits(0);
    let tomorrow = place.shell("date -u +%F").exits(0).stdout;
    assert!([today, tomorrow].contains(&ran.stdout), "{}", ran.stdout);
}

#[test]
fn what_user_data_has_not_done_is_said_where_one_looks_for_it() {
    let sandbox = Sandbox::new();
    let web = &sandbox.launch("web", "1")[0];
    // printf '#!/bin/bash\ndnf install -y httpd\nsystemctl enable --now httpd\n' | base64
    let script = "UserData=IyEvYmluL2Jhc2gKZG5mIGluc3RhbGwgLXkgaHR0cGQKc3lzdGVtY3RsIGVuYWJsZSAtL\
                  W5vdyBodHRwZAo=";
    let tags = "TagSpecifications=[{\"ResourceType\":\"instance\",\"Tags\":[{\"Key\":\"Name\",\
                \"Value\":\"tut\"}]}]";
    let words = [
        "call",
        "ec2:RunInstances",
        "ImageId=ami-12345678",
        "MinCount=1",
        "MaxCount=1",
        tags,
        script,
    ];
    sandbox.wirelab(&words).exits(0);
    let said = "user data of tut: 2 lines not done";
    let ran = sandbox.wirelab(&["path", "web", "tut:80"]);
    assert!(ran.stderr.contains(said), "{}{}", ran.stdout, ran.stderr);
    let ran = sandbox.wirelab(&["exec", "tut", "--", "systemctl", "status", "httpd"]);
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(ran.stderr.contains("serve KIND PORT"), "{}", ran.stderr);
    let page = sandbox.wirelab(&["status"]).exits(0).stdout;
    assert!(page.contains(said), "{page}");
    assert!(!page.contains("user data of web"), "{page} {}", web.0);
}

#[test]
fn pythons_server_answers_as_python_does() {
    let sandbox = Sandbox::new();
    let address = sandbox.launch("web", "2").remove(0).1;
    let ran = sandbox.wirelab(&[
        "exec",
        &address,
        "--",
        "python3",
        "-m",
        "http.server",
        "8080",
    ]);
    assert_eq!(
        ran.exits(0).stdout,
        "Serving HTTP on 0.0.0.0 port 8080 (http://0.0.0.0:8080/) ...\n"
    );
    let ran = sandbox
        .wirelab(&["exec", &address, "--", "ss", "-ltnp"])
        .exits(0);
    assert!(ran.stdout.contains("python3"), "{}", ran.stdout);
    let app = sandbox.launch("app", "1").remove(0).1;
    let url = |path: &str| format!("http://{address}:8080{path}");
    let ran = sandbox
        .wirelab(&["exec", &app, "--", "curl", "-s", "-i", &url("/")])
        .exits(0);
    let head = "HTTP/1.0 200 OK\r\nServer: SimpleHTTP/0.6 Python/3";
    assert!(ran.stdout.starts_with(head), "{}", ran.stdout);
    let status = [
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{size_download} %{http_version}",
    ];
    let missing = url("/x");
    let words = [&["exec", &app, "--", "curl"][..], &status, &[&missing]].concat();
    assert_eq!(sandbox.wirelab(&words).exits(0).stdout, "404 469 1");
    let ran = sandbox
        .wirelab(&["exec", &app, "--", "serve", "http", "99999"])
        .exits(2);
    assert!(
        ran.stderr
            .contains("`99999` is no port: a server has one from 1 to 65535"),
        "{}",
        ran.stderr
    );
}

#[test]
fn amazon_linux_2023_wants_a_token_of_whoever_asks_for_metadata() {
    let sandbox = Sandbox::new();
    let image =
        "ImageId=resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
    let words = [
        "call",
        "ec2:RunInstances",
        image,
        "MinCount=1",
        "MaxCount=1",
        "InstanceType=t3.micro",
    ];
    let reply = sandbox.wirelab(&words).exits(0).json();
    let instance = &reply["Instances"][0];
    let options = &instance["MetadataOptions"];
    assert_eq!(
        (&options["HttpTokens"], &options["HttpPutResponseHopLimit"]),
        (&"required".into(), &2.into())
    );
    let id = instance["InstanceId"].as_str().expect("an id");
    let url = "http://169.254.169.254/latest/meta-data/";
    let words = [
        "exec",
        id,
        "--",
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        url,
    ];
    assert_eq!(sandbox.wirelab(&words).exits(0).stdout, "401");
    // What its launch says counts more.
    let words = [
        &words_of(image)[..],
        &["MetadataOptions={\"HttpTokens\":\"optional\"}"],
    ]
    .concat();
    let reply = sandbox.wirelab(&words).exits(0).json();
    let options = &reply["Instances"][0]["MetadataOptions"];
    assert_eq!(
        (&options["HttpTokens"], &options["HttpPutResponseHopLimit"]),
        (&"optional".into(), &2.into())
    );
}

fn words_of(image: &str) -> [&str; 5] {
    [
        "call",
        "ec2:RunInstances",
        image,
        "MinCount=1",
        "MaxCount=1",
    ]
}
