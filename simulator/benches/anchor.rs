//! The workload of `workload`, a tenth of it an iteration, and what a change of resources costs.
//!
//! `cargo bench -p wirelab-simulator`; throughput is in transmissions. For figures to be compared
//! with another simulator's run the whole process: `scripts/bench-ns3.sh`.
#![allow(missing_docs, reason = "criterion's macro makes a public function")]

mod workload;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use workload::Anchor;
use workload::connections::Connections;

/// 5 MB and 100 connections.
const TENTH: Anchor = Anchor {
    bulk: 5_000_000,
    connections: 100,
    ..Anchor::FULL
};

fn packets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("packets");
    let runs = [
        ("nat", TENTH),
        (
            "plain",
            Anchor {
                nat: false,
                ..TENTH
            },
        ),
        (
            "captures",
            Anchor {
                captures: true,
                ..TENTH
            },
        ),
        (
            "flow_logs",
            Anchor {
                flow_logs: true,
                ..TENTH
            },
        ),
    ];
    for (name, anchor) in runs {
        let transmissions = anchor.run(&mut anchor.world(), |_| {}).transmissions;
        group.throughput(Throughput::Elements(transmissions));
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || anchor.world(),
                |world| anchor.run(world, |event| _ = black_box(event)),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Connections one after the other between two instances.
fn connections(criterion: &mut Criterion) {
    const SHORT: Connections = Connections::Short(1000);
    let mut group = criterion.benchmark_group("connections");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("short", |bencher| {
        bencher.iter_batched_ref(
            || SHORT.world(),
            |world| SHORT.run(world),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// The cost of a packet does not depend on how many interfaces there are.
fn interfaces(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("interfaces");
    group.sample_size(10);
    for idle in [10, 1000, 10_000] {
        let anchor = Anchor { idle, ..TENTH };
        let world = anchor.world();
        group.bench_with_input(BenchmarkId::new("packets", idle), &idle, |bencher, _| {
            bencher.iter_batched_ref(
                || world.clone(),
                |world| anchor.run(world, |event| _ = black_box(event)),
                BatchSize::PerIteration,
            );
        });
        group.bench_with_input(BenchmarkId::new("rule", idle), &idle, |bencher, _| {
            bencher.iter_batched_ref(
                || world.clone(),
                workload::change_rule,
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, packets, connections, interfaces);
criterion_main!(benches);
