//! What a run need not keep, where nobody looks at packets.

use wirelab_simulator::Observe;

use super::Run;

impl Run {
    /// Keeps no captured packets and no drops from now on, and lets go of those it has. Nothing
    /// else changes: how traffic fares, what is logged and what is answered are told as before. A
    /// flood that somebody starts then takes time, and no memory.
    pub fn forget_packets(&mut self) {
        let observe = Observe {
            captures: false,
            drops: false,
            ..self.state.world.config().observe
        };
        self.state.world.set_observe(observe);
        self.evidence.captures.clear();
        self.evidence.drops.clear();
        self.partial = true;
    }
}
