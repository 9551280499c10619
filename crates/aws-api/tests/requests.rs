//! Requests that went wrong on the way: whatever comes gets an answer that a client can read, with a
//! status that says whose fault it is, and the endpoint goes on.

use std::path::Path;
use std::sync::LazyLock;

use http::{Method, Request};
use proptest::prelude::*;
use tempfile::TempDir;
use wirelab_aws_api::{AccessKey, Endpoint};
use wirelab_model::Seed;
use wirelab_session::{Content, Session};

/// Bodies that clients send.
const FORMS: [&str; 8] = [
    "Action=DescribeSecurityGroups&Version=2016-11-15&Filter.1.Name=group-name&Filter.1.Value.1=web",
    "Action=CreateNetworkAclEntry&Version=2016-11-15&NetworkAclId=acl-1&RuleNumber=50&Protocol=6\
     &RuleAction=allow&Egress=false&CidrBlock=10.0.0.0%2F8&PortRange.From=80&PortRange.To=80",
    "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1&IpPermissions.1.IpProtocol=tcp\
     &IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0",
    "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1&DryRun=true\
     &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Name",
    "Action=CreateFlowLogs&Version=2016-11-15&ResourceType=VPC&ResourceId.1=vpc-1&TrafficType=ALL",
    "Action=DescribeSubnets&Version=2016-11-15&MaxResults=5&NextToken=abc",
    "Action=CreateTags&Version=2016-11-15&ResourceId.1=vpc-1&Tag.1.Key=a&Tag.1.Value=b",
    "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=me",
];

/// What forms are made of, and what they are not.
const SCRAPS: [&str; 16] = [
    "&",
    "=",
    ".",
    ".1",
    ".1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1",
    ".1000000000",
    ".-1",
    "%",
    "%00",
    "%ff%fe",
    "member",
    "Filter.1.Value.1.Value.1",
    "Action=DescribeVpcs",
    "\u{0}",
    "99999999999999999999",
    "X-Amz-Signature=0",
];

fn endpoint() -> &'static Endpoint {
    static ENDPOINT: LazyLock<(TempDir, Endpoint)> = LazyLock::new(|| {
        let home = TempDir::new().expect("a temporary folder");
        let content = Content::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        let folder = home.path().join("sandbox");
        let session = Session::create(&folder, &content, Content::SANDBOX, Seed::whole(1));
        let endpoint = Endpoint::new(session.expect("a sandbox"), content);
        (home, endpoint)
    });
    &ENDPOINT.1
}

fn request(service: &str, header: Option<(&str, &str)>, body: Vec<u8>) -> Request<Vec<u8>> {
    let key = AccessKey::of_account("123456789012").id;
    let signature = "0".repeat(64);
    let mut request = Request::builder()
        .method(Method::POST)
        .uri("/")
        .header("Host", "127.0.0.1")
        .header(
            "Authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, \
                 SignedHeaders=host, Signature={signature}"
            ),
        );
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    request.body(body).expect("headers of our own")
}

/// A change of a body: at a place, a scrap in, so many octets out.
type Change = (prop::sample::Index, usize, usize);

fn changed(body: &str, changes: &[Change]) -> Vec<u8> {
    let mut octets = body.as_bytes().to_vec();
    for (place, scrap, out) in changes {
        let at = place.index(octets.len() + 1);
        let end = (at + out).min(octets.len());
        let scrap = SCRAPS.get(*scrap).copied().unwrap_or_default();
        octets.splice(at..end, scrap.bytes());
    }
    octets
}

fn change() -> impl Strategy<Value = Change> {
    (
        any::<prop::sample::Index>(),
        0..SCRAPS.len() * 2,
        0..6_usize,
    )
}

#[track_caller]
fn is_answered(request: &Request<Vec<u8>>) {
    let response = endpoint().answer(request);
    let body = String::from_utf8(response.body().clone()).expect("replies are texts");
    let status = response.status().as_u16();
    let shown = String::from_utf8_lossy(request.body());
    // 501 is S3's word for what it does not have.
    let is_fine = (200..500).contains(&status) || status == 501;
    assert!(is_fine, "{status} for {shown}\n{body}");
    assert!(!body.is_empty(), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_form_that_was_damaged_is_answered(
        form in prop::sample::select(&FORMS[..]),
        service in prop::sample::select(&["ec2", "ec2", "ec2", "sts", "logs", "s3", "\u{fc}"][..]),
        changes in prop::collection::vec(change(), 0..6),
    ) {
        is_answered(&request(service, None, changed(form, &changes)));
    }

    #[test]
    fn a_body_in_another_dialect_is_answered(
        octets in prop::collection::vec(any::<u8>(), 0..200),
        header in prop::sample::select(&[
            ("Content-Type", "application/x-amz-json-1.1"),
            ("X-Amz-Target", "AmazonAthena.StartQueryExecution"),
            ("Smithy-Protocol", "rpc-v2-cbor"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ][..]),
    ) {
        let request = request("ec2", Some(header), octets);
        let response = endpoint().answer(&request);
        prop_assert!((200..500).contains(&response.status().as_u16()));
    }

    #[test]
    fn octets_that_may_be_cbor_are_answered(octets in prop::collection::vec(any::<u8>(), 0..100)) {
        let header = Some(("Smithy-Protocol", "rpc-v2-cbor"));
        let path = "/service/GraniteServiceVersion20100801/operation/GetMetricData";
        for octets in [octets.clone(), [&b"\xbf\x71MetricDataQueries"[..], &octets].concat()] {
            let mut request = request("monitoring", header, octets);
            *request.uri_mut() = path.parse().expect("a path");
            let response = endpoint().answer(&request);
            prop_assert!((200..500).contains(&response.status().as_u16()));
        }
    }
}

#[test]
fn forms_that_are_too_large_or_too_deep_are_refused_at_once() {
    let many: String = (0..20_000).map(|n| format!("&Filter.{n}.Name=x")).collect();
    let deep = format!("&Filter{}=x", ".1".repeat(10_000));
    let wide = format!("&Filter.1.Value.{}=x", u64::MAX);
    let long = format!("&Filter.1.Name={}", "x".repeat(900_000));
    for (text, expected) in [
        (many, "MalformedQueryString"),
        (deep, "MalformedQueryString"),
        (wide, "InvalidParameterValue"),
        (long, "InvalidParameterValue"),
    ] {
        let body = format!("Action=DescribeVpcs&Version=2016-11-15{text}");
        let response = endpoint().answer(&request("ec2", None, body.into_bytes()));
        let said = String::from_utf8_lossy(response.body());
        assert!(
            said.contains(expected),
            "{expected} was expected: {said:.300}"
        );
    }
}

#[test]
fn bodies_that_nest_too_deep_are_refused_in_each_dialect() {
    const LEVELS: usize = 100_000;
    let target = ("X-Amz-Target", "Logs_20140328.FilterLogEvents");
    let cbor = ("Smithy-Protocol", "rpc-v2-cbor");
    let metrics = "/service/GraniteServiceVersion20100801/operation/ListMetrics";
    let json = format!("{{\"logGroupName\": {}", "[".repeat(LEVELS));
    let objects = "{\"a\":".repeat(LEVELS);
    for (service, path, header, body) in [
        ("logs", "/", Some(target), json.into_bytes()),
        ("logs", "/", Some(target), objects.into_bytes()),
        ("monitoring", metrics, Some(cbor), vec![0x81; LEVELS]),
        ("monitoring", metrics, Some(cbor), vec![0xc1; LEVELS]),
        (
            "route53",
            "/2013-04-01/hostedzone",
            None,
            "<a>".repeat(LEVELS).into_bytes(),
        ),
    ] {
        let mut request = request(service, header, body);
        *request.uri_mut() = path.parse().expect("a path");
        let response = endpoint().answer(&request);
        assert_eq!(response.status().as_u16(), 400, "{service}: {response:?}");
    }
}
