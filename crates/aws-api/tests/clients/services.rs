//! Services that tell of what the others have done, by real clients.

use std::collections::BTreeMap;

use wirelab_model::SimDuration;

use super::{Served, boto3_is_there, is_there, suite};

/// Time passes in another terminal.
fn minutes_pass(served: &Served, minutes: u64) {
    let mut session = served.session();
    let until = session.now() + SimDuration::from_secs(60 * minutes);
    session.advance(until).expect("time passes");
}

/// A call of somebody who has put a role on.
fn a_role_makes_a_role(served: &Served) {
    let account = served.said(&["sts", "get-caller-identity", "--query", "Account"]);
    let role = format!("arn:aws:iam::{account}:role/ops");
    let credentials = served.said(&[
        "sts",
        "assume-role",
        "--role-arn",
        &role,
        "--role-session-name",
        "auditor",
        "--query",
        "Credentials.[AccessKeyId,SecretAccessKey,SessionToken]",
    ]);
    let [id, secret, token] = credentials.split('\t').collect::<Vec<_>>()[..] else {
        panic!("{credentials}");
    };
    let mut audit = served.client("aws");
    let line = "iam create-role --role-name seen --region us-east-1 --assume-role-policy-document \
                {\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\
                \"Action\":\"sts:AssumeRole\"}}";
    audit
        .args(["--endpoint-url", &served.url])
        .args(line.split_whitespace());
    audit.env("AWS_ACCESS_KEY_ID", id);
    audit.env("AWS_SECRET_ACCESS_KEY", secret);
    audit.env("AWS_SESSION_TOKEN", token);
    assert!(audit.status().expect("aws runs").success());
}

#[test]
fn a_call_is_in_cloudtrail_minutes_after_it_was_made() {
    if !is_there("aws", &["--version"]) || !boto3_is_there() {
        return;
    }
    let served = Served::new("nacl-ephemeral", 7);
    let vpc = served.said(&["ec2", "describe-vpcs", "--query", "Vpcs[0].VpcId"]);
    let group = format!(
        "ec2 create-security-group --group-name new --description x --vpc-id {vpc} --query GroupId"
    );
    let group = served.said(&group.split(' ').collect::<Vec<_>>());
    served.aws(&format!(
        "aws ec2 revoke-security-group-ingress --group-id {group} --security-group-rule-ids \
         sgr-0123456789abcdef0"
    ));
    served.said(&words(
        "logs put-metric-filter --log-group-name /vpc/data/flow --filter-name rejects",
        &[
            ("--filter-pattern", "REJECT"),
            (
                "--metric-transformations",
                "metricName=Rejects,metricNamespace=Lab,metricValue=1",
            ),
        ],
    ));
    served.aws("aws logs delete-log-group --log-group-name nothing");
    served.done("aws s3api create-bucket --bucket trail-suite");
    served.done("aws s3api put-object --bucket trail-suite --key one");
    a_role_makes_a_role(&served);
    served.said(&words(
        "athena start-query-execution --query-string",
        &[
            ("SELECT 1", "--result-configuration"),
            ("OutputLocation=s3://trail-suite/", "--output=text"),
        ],
    ));
    let lookup = format!(
        "cloudtrail lookup-events --lookup-attributes \
         AttributeKey=ResourceName,AttributeValue={group} --query Events[].[EventName,Username]"
    );
    let lookup: Vec<_> = lookup.split_whitespace().collect();
    assert_eq!(served.said(&lookup), "");
    minutes_pass(&served, 15);
    assert_eq!(
        served.said(&lookup),
        "RevokeSecurityGroupIngress\tlearner\nCreateSecurityGroup\tlearner"
    );
    let elsewhere = ["--region", "sa-east-1"];
    assert_eq!(served.said(&[&lookup[..], &elsewhere].concat()), "");

    served.done(&format!("aws ec2 delete-security-group --group-id {group}"));
    let checks = suite(&served, "cloudtrail.py", &[]);
    assert!(checks >= 60, "only {checks} checks");
}

#[test]
fn cloudwatch_has_the_metrics_of_the_evidence() {
    if !is_there("aws", &["--version"]) || !boto3_is_there() {
        return;
    }
    let served = Served::new("nat-return-path", 7);
    minutes_pass(&served, 10);
    let mut session = served.session();
    let (start, end) = (
        session.plan().starts.as_secs() / 60 * 60,
        session.run().utc().as_secs(),
    );
    let run = session.run_with_evidence().expect("evidence");
    let is_wanted = |name: &str| name == "BytesOutToDestination";
    let mut metrics = run.evidence().metrics.iter();
    let found = metrics.find(|(metric, _)| is_wanted(&metric.metric_name));
    let (metric, points) = found.expect("a NAT gateway reports");
    let sum: u64 = points.iter().map(|it| it.statistics.sum).sum();
    assert!(sum > 0, "nothing went through the gateway");
    let gateway = &metric.dimensions[0].value;
    let line = format!(
        "cloudwatch get-metric-statistics --namespace AWS/NATGateway --metric-name \
         BytesOutToDestination --dimensions Name=NatGatewayId,Value={gateway} --start-time {start} \
         --end-time {end} --period 86400 --statistics Sum --query Datapoints[0].Sum"
    );
    let said = served.said(&line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(said.parse::<f64>().ok(), Some(sum as f64), "{said}");
    let checks = suite(&served, "cloudwatch.py", &["monitoring"]);
    assert!(checks >= 100, "only {checks} checks");
}

/// `--name value` each, as words.
fn words<'w>(line: &'w str, options: &[(&'w str, &'w str)]) -> Vec<&'w str> {
    let options = options.iter().flat_map(|(name, value)| [*name, *value]);
    line.split(' ').chain(options).collect()
}

#[test]
fn an_alarm_fires_on_what_a_metric_filter_counts_and_never_on_what_nobody_reports() {
    if !is_there("aws", &["--version"]) || !boto3_is_there() {
        return;
    }
    let served = Served::new("nacl-ephemeral", 7);
    let filter = words(
        "logs put-metric-filter --log-group-name /vpc/data/flow --filter-name rejects",
        &[
            ("--filter-pattern", "REJECT"),
            (
                "--metric-transformations",
                "metricName=Rejects,metricNamespace=Lab,metricValue=1,defaultValue=0",
            ),
        ],
    );
    served.said(&filter);
    let alarm = |name: &str, space: &str, metric: &str, missing: &str| {
        let line = format!(
            "cloudwatch put-metric-alarm --alarm-name {name} --namespace {space} --metric-name \
             {metric} --statistic Sum --period 60 --evaluation-periods 1 --threshold 0 \
             --comparison-operator GreaterThanThreshold --treat-missing-data {missing} \
             --alarm-actions arn:aws:sns:us-east-1:123456789012:ops"
        );
        served.said(&line.split_whitespace().collect::<Vec<_>>());
    };
    alarm("rejects", "Lab", "Rejects", "notBreaching");
    // What is found in many a note: there is no such metric.
    alarm("never", "AWS/Logs", "RejectedPackets", "missing");
    let metrics = r#"[
        {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "Lab", "MetricName": "Rejects"},
         "Period": 60, "Stat": "Sum"}, "ReturnData": false},
        {"Id": "e1", "Expression": "IF(m1 > 0 AND m1 < 1000000, 100, 0)", "Label": "rejected"}]"#;
    let line = "cloudwatch put-metric-alarm --alarm-name share --evaluation-periods 1 --threshold 50 \
                --comparison-operator GreaterThanThreshold --treat-missing-data notBreaching";
    served.said(&words(
        &line.split_whitespace().collect::<Vec<_>>().join(" "),
        &[("--metrics", metrics)],
    ));
    let states = words(
        "cloudwatch describe-alarms --query MetricAlarms[].[AlarmName,StateValue]",
        &[],
    );
    let new = "never\tINSUFFICIENT_DATA\nrejects\tINSUFFICIENT_DATA\nshare\tINSUFFICIENT_DATA";
    assert_eq!(served.said(&states), new);
    minutes_pass(&served, 15);
    assert_eq!(
        served.said(&states),
        "never\tINSUFFICIENT_DATA\nrejects\tALARM\nshare\tALARM"
    );
    let checks = suite(&served, "alarms.py", &["monitoring"]);
    assert!(checks >= 210, "only {checks} checks");
    served.session();
}

#[test]
fn boto3_makes_zones_for_two_accounts() {
    if boto3_is_there() {
        let served = Served::new("sandbox", 1);
        let checks = suite(&served, "route53.py", &["route53"]);
        assert!(checks >= 190, "only {checks} checks");
        served.session();
    }
}

#[test]
fn boto3_makes_roles_and_finds_images() {
    if boto3_is_there() {
        let served = Served::new("sandbox", 1);
        let checks = suite(&served, "roles.py", &["iam", "servicequotas"]);
        assert!(checks >= 100, "only {checks} checks");
        served.session();
    }
}

#[test]
fn trails_deliver_what_the_event_history_has() {
    if !boto3_is_there() {
        return;
    }
    let served = Served::new("sandbox", 1);
    let checks = suite(&served, "trails.py", &["cloudtrail"]);
    assert!(checks >= 60, "only {checks} checks");
    // What was undone was never delivered, and comes again with its hour.
    let objects = || {
        let line = "aws s3api list-objects-v2 --bucket kept --query Contents[].Key --output text";
        served.done(line)
    };
    let before = objects();
    assert!(before.ends_with(".json.gz"), "{before}");
    let mut session = served.session();
    session.undo().expect("the time that has passed");
    assert_ne!(objects(), before);
    minutes_pass(&served, 15);
    assert_eq!(objects(), before);
}

#[test]
fn boto3_makes_buckets_and_objects_in_two_accounts() {
    if boto3_is_there() {
        let served = Served::new("sandbox", 1);
        let checks = suite(&served, "s3_own.py", &[]);
        assert!(checks >= 120, "only {checks} checks");
        served.session();
    }
}

#[test]
fn boto3_verifies_objects_and_empties_buckets_version_by_version() {
    if boto3_is_there() {
        let served = Served::new("sandbox", 1);
        let checks = suite(&served, "s3_objects.py", &[]);
        assert!(checks >= 200, "only {checks} checks");
        served.session();
    }
}

#[test]
fn flow_logs_are_read_from_their_bucket() {
    if !is_there("aws", &["--version"]) || !boto3_is_there() {
        return;
    }
    let served = Served::new("athena-table", 7);
    let mut session = served.session();
    let run = session.run_with_evidence().expect("evidence");
    let published = wirelab_session::s3_objects(run);
    let times = published.iter();
    let times = times.map(|it| (it.key.clone(), it.last_modified.as_secs()));
    let times: BTreeMap<String, u64> = times.collect();
    let objects: BTreeMap<_, _> = published.into_iter().map(|it| (it.key, it.bytes)).collect();
    assert!(objects.len() >= 3, "{} files", objects.len());
    let bucket = served.said(&["s3api", "list-buckets", "--query", "Buckets[0].Name"]);
    served.done(&format!("aws s3 cp --recursive s3://{bucket} copy"));
    for (key, octets) in &objects {
        let copy = std::fs::read(served.home.path().join("copy").join(key));
        assert_eq!(copy.ok().as_ref(), Some(octets), "{key}");
    }
    let listed = served.said(&["s3", "ls", "--recursive", &format!("s3://{bucket}")]);
    assert_eq!(listed.lines().count(), objects.len(), "{listed}");
    let key = objects.keys().next().expect("an object");
    let file = session.dir().join("evidence/s3").join(&bucket).join(key);
    for _ in 0..2 {
        let wanted = "Contents[].[Key,LastModified]";
        let said = [
            "s3api",
            "list-objects-v2",
            "--bucket",
            &bucket,
            "--query",
            wanted,
        ];
        let said = served.said(&[&said[..], &["--output", "text"]].concat());
        let said = said.lines().map(|line| {
            let (key, time) = line.split_once('\t').expect("two columns");
            let time: jiff::Timestamp = time.parse().expect("a moment");
            (key.to_owned(), time.as_second().cast_unsigned())
        });
        let wrong: Vec<_> = said
            .clone()
            .filter(|it| times.get(&it.0) != Some(&it.1))
            .collect();
        assert_eq!((said.count(), wrong), (times.len(), Vec::new()));
        // A copy of the lab's folder that has not kept the files' times is mended.
        let opened = std::fs::File::options().append(true).open(&file);
        let changed = opened.and_then(|it| it.set_modified(std::time::SystemTime::now()));
        changed.expect("the file of an object");
    }
    let checks = suite(&served, "s3.py", &[]);
    assert!(checks >= 20, "only {checks} checks");
}
