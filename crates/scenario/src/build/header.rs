//! The keys at the top of a scenario file.

use std::path::Path;

use smol_str::SmolStr;
use wirelab_control::Delays;
use wirelab_model::{Caller, UnixTime};
use wirelab_simulator::FabricConfig;

use crate::build::accounts::{self, Accounts, caller};
use crate::build::fabric::fabric;
use crate::fields::{Fields, Sink};
use crate::lab::read::{folder_name, format};
use crate::node::{Node, Value};

/// What stands at the top of the file.
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) region: SmolStr,
    pub(crate) accounts: Accounts,
    pub(crate) starts: UnixTime,
    pub(crate) fabric: FabricConfig,
    /// How long calls take to show.
    pub(crate) delays: Delays,
    /// Whether accounts have default VPCs.
    pub(crate) default_vpcs: bool,
}

impl Header {
    pub(crate) fn read(dir: &Path, fields: &Fields<'_>) -> Option<Self> {
        format(fields);
        // Drawn by default from the number that a run is started with; see `Scenario::seed`.
        let _ = fields.integer::<u64>("seed");
        let _ = fields.text("summary");
        let name = folder_name(dir, fields);
        let title = fields.required_text("title");
        let starts = fields
            .required("starts")
            .and_then(|node| starts(node, fields.sink()));
        let (fabric, delays) = fabric(fields);
        Some(Self {
            name: name?,
            title: title?.text,
            region: accounts::region(fields).unwrap_or_else(|| "us-east-1".into()),
            accounts: Accounts::read(fields)?,
            starts: starts?,
            fabric,
            delays,
            default_vpcs: fields.boolean("default_vpcs").unwrap_or(false),
        })
    }

    /// Who makes a learner's calls.
    pub(crate) fn learner(&self) -> Caller {
        self.caller("user/learner")
    }

    /// Who makes the calls of the file and its timeline.
    pub(crate) fn operator(&self) -> Caller {
        self.caller("user/operator")
    }

    fn caller(&self, user: &str) -> Caller {
        caller(self.accounts.home.clone(), self.region.clone(), user)
    }
}

/// A moment of UTC; TOML's own date and time with an offset.
fn starts(node: &Node, sink: &Sink) -> Option<UnixTime> {
    let parsed = match &node.value {
        Value::Datetime(moment) => moment.to_string().parse::<jiff::Timestamp>().ok(),
        _ => None,
    };
    let seconds = parsed.and_then(|moment| u64::try_from(moment.as_second()).ok());
    if seconds.is_none() {
        let form = "write a moment of UTC without quotes: `starts = 2024-03-05T00:00:00Z`";
        let message = match &node.value {
            Value::Datetime(_) => "`starts` is no moment: it needs date, time and offset",
            Value::String(_) => "`starts` is a string, not a TOML date-time",
            _ => "`starts` is not a TOML date-time",
        };
        sink.explain(&node.span, message, "", Some(form.to_owned()));
    }
    seconds.map(UnixTime::from_secs)
}
