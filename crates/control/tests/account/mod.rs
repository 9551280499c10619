//! A control plane, and who calls it: what the tests here begin with.

use serde_json::{Map, Value};
use wirelab_control::{CallIds, Control, ControlConfig, Input, Output};
use wirelab_model::{Call, Caller, IdSpace, SimTime, UnixTime};

/// A control plane as one caller has it, at a moment.
pub(crate) struct Account {
    pub(crate) control: Control,
    pub(crate) caller: Caller,
    pub(crate) now: SimTime,
    seq: u64,
}

impl Account {
    /// An empty one, of a scenario of that name, of 123456789012 in that Region.
    pub(crate) fn new(scenario: &str, region: &str) -> Self {
        let ids = IdSpace {
            scenario: scenario.into(),
            names_seed: 7,
        };
        let account = "123456789012";
        let starts = UnixTime::from_secs(1_709_596_800);
        let config = ControlConfig::new(ids, account.into(), region.into(), starts);
        Self {
            control: Control::new(config),
            caller: Caller {
                account: account.into(),
                region: region.into(),
                principal: "arn:aws:iam::123456789012:user/learner".into(),
            },
            now: SimTime::ZERO,
            seq: 0,
        }
    }

    /// Makes a call: the next of the journal, or one of the scenario's structure of that name.
    pub(crate) fn call(&mut self, call: &Call, structure: Option<&str>) -> Output {
        self.seq += 1;
        let ids = structure.map_or(CallIds::Journal(self.seq), CallIds::Named);
        let input = Input::Call {
            caller: &self.caller,
            call,
            ids,
        };
        self.control.handle(self.now, input)
    }
}

/// A call of a service's operation.
pub(crate) fn call(service: &str, operation: &str, parameters: Map<String, Value>) -> Call {
    Call {
        service: service.into(),
        operation: operation.into(),
        parameters,
    }
}
