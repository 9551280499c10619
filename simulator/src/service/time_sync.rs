//! The Amazon Time Sync Service: an NTP server (RFC 5905, in client/server mode).

use bytes::Bytes;

use super::Context;
use crate::host::program::ntp::{self, Source};

/// Stratum 3, as the service reports.
const SOURCE: Source = Source {
    stratum: 3,
    reference: [169, 254, 169, 122],
};

/// The answer to a client's message; nothing for anything else.
pub(super) fn answer(query: &[u8], context: Context<'_>) -> Option<Bytes> {
    ntp::answer(query, SOURCE, context.config.starts.at(context.now))
}
