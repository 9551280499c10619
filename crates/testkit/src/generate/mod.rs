//! Draws a script from a seed.
//!
//! Values sit on the edges on purpose: first and last ports, halves of blocks, single addresses,
//! idle times half a second before and after each timeout.

mod faults;
mod ingress;
mod ipv6;
mod nat;
mod network;
mod rules;
mod traffic;
mod transit;
mod vpn;

use serde_json::Value;
use smol_str::SmolStr;
use wirelab_model::SimDuration;

use crate::dice::Dice;
use crate::statement::{Act, Realm, Script, Statement};
use network::Network;

/// The script of a seed. Odd seeds make live worlds.
#[must_use]
pub fn draw(seed: u64) -> Script {
    let live = seed % 2 == 1;
    let network = Network::draw(seed);
    let mut statements = network.statements();
    // The structure settles, and flow logs begin.
    statements.push(Statement {
        wait: SimDuration::from_secs(5),
        act: Act::Wait,
    });
    let mut moments = faults::draw(seed, &network);
    if live {
        moments.extend(traffic::programs(seed, &network));
    } else {
        moments.extend(traffic::packets(seed, &network));
    }
    statements.extend(in_order(moments));
    Script {
        seed,
        live,
        statements,
    }
}

/// Something at a moment, counted in milliseconds from the end of the structure.
type Moment = (u64, Act);

/// Moments as statements: half a second apart at least when packets are sent.
fn in_order(mut moments: Vec<Moment>) -> Vec<Statement> {
    moments.sort_by_key(|(at, _)| *at);
    let mut now = 0;
    let statements = moments.into_iter().map(|(at, act)| {
        let wait = at.saturating_sub(now);
        now += wait;
        Statement {
            wait: SimDuration::from_millis(wait),
            act,
        }
    });
    statements.collect()
}

fn call(name: &str, operation: &str, parameters: Value) -> Act {
    Act::Call {
        name: SmolStr::from(name),
        operation: operation.into(),
        parameters,
        at: Realm::Home,
    }
}

/// A call of another account or Region.
fn at(realm: Realm, mut act: Act) -> Act {
    if let Act::Call { at, .. } = &mut act {
        *at = realm;
    }
    act
}

/// A stream of its own for each subject, so that a new draw in one shifts none elsewhere.
fn dice(seed: u64, subject: &str) -> Dice {
    Dice::new(seed, subject)
}
