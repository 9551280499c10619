//! What the simulated network tells the control plane.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use smol_str::SmolStr;

use crate::{FlowLogId, InstanceId, MetricDatum, NetworkInterfaceId, VpnConnectionId};

/// A fact of the data plane that the control plane, or CloudWatch, shows in its replies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observation {
    /// The first record of a flow log for an interface: CloudWatch Logs makes the group and the
    /// interface's stream only then.
    FirstFlowRecord {
        /// The flow log.
        flow_log: FlowLogId,
        /// The recorded interface.
        interface: NetworkInterfaceId,
    },
    /// CloudWatch has taken in what resources measured in one period.
    MetricData(Vec<MetricDatum>),
    /// The instances whose agent reaches Systems Manager now.
    ManagedInstances(Vec<InstanceId>),
    /// A script that Systems Manager had an instance run has ended.
    ScriptEnded {
        /// Of which command.
        command_id: SmolStr,
        /// Where.
        instance: InstanceId,
        /// Its exit status.
        status: i32,
        /// What it wrote to standard output ...
        stdout: String,
        /// ... and to standard error.
        stderr: String,
        /// Whether its time was over, and it was killed.
        timed_out: bool,
    },
    /// A VPN tunnel went up or down, as AWS's end sees it.
    VpnTunnel {
        /// The connection.
        vpn_connection: VpnConnectionId,
        /// AWS's outside address: which tunnel.
        outside_ip_address: Ipv4Addr,
        /// Up or down.
        up: bool,
    },
}
