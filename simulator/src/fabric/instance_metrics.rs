//! What an instance reports to CloudWatch of its network and its health.
//!
//! EC2 User Guide, "CloudWatch metrics that are available for your instances". What all interfaces
//! of the instance carry is what their captures show, in octets of IP: of packets that come, those
//! that ACL and groups let in; of packets that leave, all. The hypervisor takes a sample each
//! minute; in which periods CloudWatch has them is a matter of the instance's monitoring, and none
//! of the network's.
//!
//! "Status checks for Amazon EC2 instances": the instance check asks by ARP whether the operating
//! system answers, so it fails while a machine boots anew. Nothing that the system and volume
//! checks look at can break here.

use wirelab_model::{InstanceId, MetricUnit};

use crate::metrics::{Carried, Count, Family, Source, Table};

/// What the instance's interfaces carry.
pub(crate) const NETWORK: Table = Table {
    namespace: "AWS/EC2",
    metrics: &[
        ("NetworkIn", MetricUnit::Bytes),
        ("NetworkOut", MetricUnit::Bytes),
        ("NetworkPacketsIn", MetricUnit::Count),
        ("NetworkPacketsOut", MetricUnit::Count),
    ],
};

/// Which checks of the last minute have failed: 0 or 1.
pub(crate) const STATUS: Table = Table {
    namespace: "AWS/EC2",
    metrics: &[
        ("StatusCheckFailed", MetricUnit::Count),
        ("StatusCheckFailed_AttachedEBS", MetricUnit::Count),
        ("StatusCheckFailed_Instance", MetricUnit::Count),
        ("StatusCheckFailed_System", MetricUnit::Count),
    ],
};

/// The instance as a source of [`NETWORK`], and the minute's counts.
pub(crate) fn network(id: &InstanceId, carried: Carried) -> (Source, [Count; 4]) {
    let source = Source::new(Family::InstanceNetwork, [("InstanceId", id.as_str())]);
    let counts = [
        (0, carried.octets_in),
        (1, carried.octets_out),
        (2, carried.packets_in),
        (3, carried.packets_out),
    ];
    (source, counts)
}

/// The instance as a source of [`STATUS`], and the minute's checks.
pub(crate) fn status(id: &InstanceId, answers: bool) -> (Source, [Count; 2]) {
    let source = Source::new(Family::InstanceStatus, [("InstanceId", id.as_str())]);
    let failed = u64::from(!answers);
    (source, [(0, failed), (2, failed)])
}
