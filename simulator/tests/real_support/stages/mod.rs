//! The commands, by what they are about. A case is a row.

mod connect;
mod curl;
mod firewall;
mod ip;
mod names;
mod neigh;
mod reach;

use super::Stage;

/// Every stage.
pub(crate) fn all() -> impl Iterator<Item = &'static Stage> {
    let groups = [
        reach::STAGES,
        curl::STAGES,
        connect::STAGES,
        names::STAGES,
        ip::STAGES,
        neigh::STAGES,
        firewall::STAGES,
    ];
    groups.into_iter().flatten()
}
