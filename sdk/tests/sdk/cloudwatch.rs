//! CloudWatch in CBOR, which is what this SDK speaks: the metrics of a NAT gateway.

use std::process::Command;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, DimensionFilter, Metric, MetricDataQuery, MetricStat, ScanBy, Statistic, StatusCode,
};
use aws_sdk_ec2::types::DomainType;

use crate::{ec2, id, refused, settings, subnet, vpc};

/// The sandbox's own command.
fn wirelab(arguments: &[&str]) -> String {
    let ran = Command::new("wirelab").args(arguments).output();
    let ran = ran.expect("`wirelab` is in the path of its shell");
    assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    String::from_utf8(ran.stdout).expect("text")
}

/// A public NAT gateway in a network of its own.
async fn nat_gateway() -> String {
    let ec2 = ec2("ap-southeast-2").await;
    let vpc = vpc(&ec2, "10.70.0.0/16").await;
    let subnet = subnet(&ec2, &vpc, "10.70.1.0/24").await;
    let made = ec2.create_internet_gateway().send().await.expect("made");
    let made = made
        .internet_gateway()
        .and_then(|it| it.internet_gateway_id());
    let attach = ec2.attach_internet_gateway().internet_gateway_id(id(made));
    attach.vpc_id(&vpc).send().await.expect("attached");
    let address = ec2.allocate_address().domain(DomainType::Vpc).send().await;
    let address = id(address.expect("an address").allocation_id());
    let nat = ec2.create_nat_gateway().subnet_id(&subnet);
    let nat = nat.allocation_id(address).send().await.expect("made");
    id(nat.nat_gateway().and_then(|it| it.nat_gateway_id()))
}

#[tokio::test]
async fn a_nat_gateway_reports_to_cloudwatch() {
    let nat = nat_gateway().await;
    wirelab(&["advance", "10m"]);

    let watch = aws_sdk_cloudwatch::Client::new(&settings("ap-southeast-2").await);
    let gateway = DimensionFilter::builder().name("NatGatewayId").value(&nat);
    let listed = watch.list_metrics().namespace("AWS/NATGateway");
    let listed = listed.dimensions(gateway.build()).into_paginator();
    let mut pages = listed.send();
    let mut metrics = Vec::new();
    while let Some(page) = pages.next().await {
        metrics.extend(page.expect("a page").metrics().to_vec());
    }
    assert!(
        metrics
            .iter()
            .any(|it| it.metric_name() == Some("ActiveConnectionCount"))
    );

    let dimension = Dimension::builder()
        .name("NatGatewayId")
        .value(&nat)
        .build();
    let metric = Metric::builder().namespace("AWS/NATGateway");
    let metric = metric.metric_name("ActiveConnectionCount");
    let metric = metric.dimensions(dimension.clone()).build();
    let stat = MetricStat::builder()
        .metric(metric)
        .period(60)
        .stat("Maximum");
    let query = MetricDataQuery::builder().id("m").metric_stat(stat.build());
    let (start, end) = (DateTime::from_secs(0), DateTime::from_secs(4_000_000_000));
    let data = watch.get_metric_data().start_time(start).end_time(end);
    let data = data.scan_by(ScanBy::TimestampAscending);
    let data = data.metric_data_queries(query.build()).send().await;
    let data = data.expect("data");
    let data = &data.metric_data_results()[0];
    assert_eq!(data.status_code(), Some(&StatusCode::Complete));
    assert!(data.values().len() >= 8, "{data:?}");
    assert_eq!(data.timestamps().len(), data.values().len());
    let times = data.timestamps();
    assert!(times.is_sorted_by_key(|it| it.secs()), "{times:?}");

    let last = times.last().expect("a time");
    let statistics = watch.get_metric_statistics().namespace("AWS/NATGateway");
    let statistics = statistics.metric_name("ActiveConnectionCount");
    let statistics = statistics.dimensions(dimension).period(60);
    let statistics = statistics.start_time(times[0]);
    let statistics = statistics.end_time(DateTime::from_secs(last.secs() + 60));
    let both = statistics
        .clone()
        .statistics(Statistic::Maximum)
        .send()
        .await;
    let both = both.expect("points");
    assert_eq!(both.datapoints().len(), times.len());
    assert!(
        both.datapoints()
            .iter()
            .all(|it| it.maximum().is_some() && it.sum().is_none())
    );
    let wrong = statistics.clone().statistics(Statistic::Sum).period(61);
    refused(wrong.send().await, "InvalidParameterValue", 400);
    refused(statistics.send().await, "InvalidParameterCombination", 400);
    let token = watch.list_metrics().next_token("x").send().await;
    refused(token, "InvalidNextToken", 400);
}
