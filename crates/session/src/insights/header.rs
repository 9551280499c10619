//! Headers of the packets that an analysis is about (Reachability Analyzer Guide, "Getting started
//! using the AWS CLI"): blocks, ranges of ports, and the protocol's number.
//!
//! AWS's have every address and port that passes; here one packet was asked about, and its header
//! is what they say.

use std::net::IpAddr;

use serde_json::{Value, json};
use wirelab_simulator::path::{Journey, PassDetail, PathReport, ProbeProtocol, StepVerdict};

/// A header at an end of the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    protocol: u8,
    source: (IpAddr, u16),
    destination: (IpAddr, u16),
}

impl Header {
    /// `AnalysisPacketHeader`.
    pub(super) fn shown(&self) -> Value {
        let ports = |port: u16| json!([{ "From": port, "To": port }]);
        json!({
            "SourceAddresses": [cidr(self.source.0)],
            "SourcePortRanges": ports(self.source.1),
            "DestinationAddresses": [cidr(self.destination.0)],
            "DestinationPortRanges": ports(self.destination.1),
            "Protocol": self.protocol.to_string(),
        })
    }

    /// As it comes out of the journey.
    fn after(self, journey: &Journey) -> Self {
        let mut steps = journey.steps.iter().rev();
        let translated = steps.find_map(|step| match &step.verdict {
            StepVerdict::Pass(PassDetail::Translated {
                source,
                destination,
            }) => Some((*source, *destination)),
            _ => None,
        });
        let (source, destination) = translated.unwrap_or((self.source, self.destination));
        Self {
            source,
            destination,
            ..self
        }
    }
}

/// A block that holds one address.
pub(super) fn cidr(address: IpAddr) -> String {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    format!("{address}/{bits}")
}

/// The header that leaves the source, and the one that comes to the destination.
pub(super) fn of_forward(report: &PathReport) -> (Header, Header) {
    let probe = &report.probe;
    let (protocol, port) = match probe.protocol {
        ProbeProtocol::Tcp(port) => (6, port),
        ProbeProtocol::Udp(port) => (17, port),
        ProbeProtocol::Icmp => (1, 0),
    };
    let source = report
        .forward
        .steps
        .first()
        .map_or(probe.to, |it| it.source);
    let first = Header {
        protocol,
        source: (source, probe.source_port.unwrap_or(0)),
        destination: (probe.to, port),
    };
    (first, first.after(&report.forward))
}

/// The same of the answer to a packet that came with the header `asked`.
pub(super) fn of_return(asked: &Header, back: &Journey) -> (Header, Header) {
    let first = Header {
        source: asked.destination,
        destination: asked.source,
        ..*asked
    };
    (first, first.after(back))
}
