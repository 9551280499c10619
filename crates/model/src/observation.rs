//! What the simulated network tells the control plane.

use serde::{Deserialize, Serialize};

use crate::{FlowLogId, MetricDatum, NetworkInterfaceId};

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
}
