//! The same script gives the same events, whatever is done to the world on the way that should make
//! no difference.

use wirelab_model::SimDuration;
use wirelab_simulator::{Event, World};

use super::Report;
use crate::run::Run;
use crate::statement::{Act, Script};

/// What is done half way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disturbance {
    Nothing,
    /// A clone goes on.
    Cloned,
    /// What was saved is read again and goes on.
    Saved,
}

pub(super) fn examine(script: &Script, report: &mut Report) {
    let plain = digest(script, Disturbance::Nothing);
    let disturbance = if script.seed % 4 < 2 {
        Disturbance::Cloned
    } else {
        Disturbance::Saved
    };
    for disturbance in [disturbance, Disturbance::Nothing] {
        let other = digest(script, disturbance);
        report.check(plain == other, || {
            format!("two runs differ ({disturbance:?}): {plain:?}, {other:?}")
        });
    }
}

/// Number of events and a hash of all their bytes.
fn digest(script: &Script, disturbance: Disturbance) -> (u64, u64) {
    let mut run = Run::new(script);
    let mut hash = Hash::default();
    let half = script.statements.len() / 2;
    for (at, statement) in script.statements.iter().enumerate() {
        run.perform(statement);
        let (puts, label) = match &statement.act {
            Act::Send(send) => (run.packets_of(send), Some(send.label)),
            Act::Answer(answer) => (run.answers_of(answer), None),
            _ => (Vec::new(), None),
        };
        run.events().iter().for_each(|event| hash.add(event));
        for events in puts.iter().filter_map(|put| run.put(put, label)) {
            events.iter().for_each(|event| hash.add(event));
        }
        if at == half {
            disturb(&mut run, disturbance);
        }
    }
    run.advance(run.now + SimDuration::from_secs(130));
    run.events().iter().for_each(|event| hash.add(event));
    (hash.events, hash.value)
}

fn disturb(run: &mut Run, disturbance: Disturbance) {
    match disturbance {
        Disturbance::Nothing => {}
        Disturbance::Cloned => {
            let copy = run.clone();
            run.advance(run.now + SimDuration::from_millis(1));
            *run = copy;
        }
        Disturbance::Saved => {
            let bytes = postcard::to_stdvec(&run.world).expect("a world can be saved");
            let world: World = postcard::from_bytes(&bytes).expect("and read again");
            run.world = world;
        }
    }
}

/// FNV-1a, 64 bits.
struct Hash {
    value: u64,
    events: u64,
}

impl Default for Hash {
    fn default() -> Self {
        Self {
            value: 0xcbf2_9ce4_8422_2325,
            events: 0,
        }
    }
}

impl Hash {
    fn add(&mut self, event: &Event) {
        self.events += 1;
        let bytes = postcard::to_stdvec(event).expect("an event can be saved");
        for byte in bytes {
            self.value = (self.value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
