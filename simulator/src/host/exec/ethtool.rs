//! `ethtool -S`: the ena driver's counters of what the instance's network allows.
//!
//! EC2 User Guide, "Monitor network performance for ENA settings on your EC2 instance". The
//! driver's counters of queues are left out: nothing here has queues.

use smol_str::SmolStr;

use super::{Refusal, Start, printed};
use crate::host::Host;

const USAGE: &str = "usage: ethtool -S DEVNAME\n";

/// Names and values of one interface's statistics, in the driver's order.
pub(crate) type Statistics = Vec<(SmolStr, u64)>;

impl Host {
    pub(super) fn run_ethtool(&self, arguments: &[String]) -> Start {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ["-S" | "--statistics", device] = words[..] else {
            return Err(Refusal::usage(USAGE));
        };
        let position = self.interfaces().iter().position(|it| it.name == device);
        if position.is_none() && device != "lo" {
            return Err(Refusal::with_status(
                96,
                "Cannot get stats strings information: No such device\n",
            ));
        }
        let statistics = position.and_then(|at| self.statistics.get(at));
        let Some(statistics) = statistics.filter(|it| !it.is_empty()) else {
            return Err(Refusal::with_status(94, "no stats available\n"));
        };
        let lines = statistics
            .iter()
            .map(|(name, value)| format!("     {name}: {value}\n"));
        printed(format!("NIC statistics:\n{}", lines.collect::<String>()))
    }
}
