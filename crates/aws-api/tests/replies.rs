//! Every reply that the control plane's transcripts hold has a place on the wire: a member that the
//! public model does not have would be dropped without a word.

use std::path::Path;

use serde_json::Value;

#[test]
fn every_member_of_every_reply_reaches_the_client() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../control/tests/snapshots");
    let mut replies = 0;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("snapshots") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a snapshot");
        for (service, operation, reply) in replies_in(&text) {
            replies += 1;
            let misfits = wirelab_aws_api::misfits(service, &operation, &reply);
            found.extend(
                misfits
                    .into_iter()
                    .map(|it| format!("{it} ({operation}): {reply}")),
            );
        }
    }
    assert!(replies > 120, "only {replies} replies were found");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// `00:10:00 ec2:DescribeVpcs ...` and the JSON that is indented below it.
fn replies_in(text: &str) -> Vec<(&'static str, String, Value)> {
    let mut found = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let operation = ["athena", "ec2", "logs", "route53"]
            .into_iter()
            .find_map(|service| {
                let mut words = line.split(' ');
                let operation = words.find_map(|it| it.strip_prefix(service)?.strip_prefix(':'))?;
                Some((service, operation))
            });
        let mut json = String::new();
        while let Some(more) = lines.peek().and_then(|it| it.strip_prefix("    ")) {
            json += more;
            lines.next();
        }
        // With `| Path` only a part of the reply is kept.
        let whole = !line.contains(" | ") && json.starts_with('{');
        if let Some((service, operation)) = operation.filter(|_| whole) {
            let reply = serde_json::from_str(&json);
            let reply = reply.unwrap_or_else(|error| panic!("{line}: {error}"));
            found.push((service, operation.to_owned(), reply));
        }
    }
    found
}
