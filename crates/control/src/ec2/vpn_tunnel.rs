//! Options of VPN tunnels: inside addresses, ciphers, and the MTU that follows from them.

use ipnet::Ipv4Net;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::net::Ipv4Addr;
use wirelab_model::{ApiError, VpnConnectionId, VpnTunnel};

use crate::error;
use crate::transaction::Transaction;

/// A list member of the tunnel options: `{"Value": "AES256-GCM-16"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Algorithm {
    pub(crate) value: SmolStr,
}

/// What DPD does when the customer's end is silent (`DPDTimeoutAction`): shown, and without
/// difference to packets, since the customer's device starts every negotiation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DpdAction {
    #[default]
    Clear,
    None,
    Restart,
}

/// Who starts the negotiation (`StartupAction`), shown alone as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StartupAction {
    #[default]
    Add,
    Start,
}

/// `TunnelOptions`. Keys, lifetimes and the first phase are taken and not simulated. `TunnelMtu` is
/// wirelab's own: it sets the largest inner packet where a lab needs one that no cipher gives.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct TunnelOptions {
    pub(crate) tunnel_inside_cidr: Option<Ipv4Net>,
    pub(crate) phase2_encryption_algorithms: Vec<Algorithm>,
    pub(crate) phase2_integrity_algorithms: Vec<Algorithm>,
    pub(crate) tunnel_mtu: Option<u16>,
    #[serde(rename = "PreSharedKey")]
    _pre_shared_key: Option<IgnoredAny>,
    #[serde(rename = "Phase1LifetimeSeconds")]
    _phase1_lifetime_seconds: Option<IgnoredAny>,
    #[serde(rename = "Phase2LifetimeSeconds")]
    _phase2_lifetime_seconds: Option<IgnoredAny>,
    #[serde(rename = "RekeyMarginTimeSeconds")]
    _rekey_margin_time_seconds: Option<IgnoredAny>,
    #[serde(rename = "RekeyFuzzPercentage")]
    _rekey_fuzz_percentage: Option<IgnoredAny>,
    #[serde(rename = "ReplayWindowSize")]
    _replay_window_size: Option<IgnoredAny>,
    #[serde(rename = "DPDTimeoutSeconds")]
    pub(crate) dpd_timeout_seconds: Option<u32>,
    #[serde(rename = "DPDTimeoutAction")]
    pub(crate) dpd_timeout_action: Option<DpdAction>,
    pub(crate) startup_action: Option<StartupAction>,
    #[serde(rename = "Phase1EncryptionAlgorithms")]
    _phase1_encryption_algorithms: Option<IgnoredAny>,
    #[serde(rename = "Phase1IntegrityAlgorithms")]
    _phase1_integrity_algorithms: Option<IgnoredAny>,
    #[serde(rename = "Phase1DHGroupNumbers")]
    _phase1_dh_group_numbers: Option<IgnoredAny>,
    #[serde(rename = "Phase2DHGroupNumbers")]
    _phase2_dh_group_numbers: Option<IgnoredAny>,
    #[serde(rename = "IKEVersions")]
    _ike_versions: Option<IgnoredAny>,
}

/// What is known of a tunnel besides its addresses. Empty lists of ciphers allow everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TunnelSettings {
    pub(crate) encryption: Vec<Algorithm>,
    pub(crate) integrity: Vec<Algorithm>,
    tunnel_mtu: Option<u16>,
    pub(crate) dpd_timeout_seconds: u32,
    pub(crate) dpd_timeout_action: DpdAction,
    pub(crate) startup_action: StartupAction,
}

impl Default for TunnelSettings {
    fn default() -> Self {
        Self {
            encryption: Vec::new(),
            integrity: Vec::new(),
            tunnel_mtu: None,
            dpd_timeout_seconds: VpnTunnel::DPD_TIMEOUT_SECONDS,
            dpd_timeout_action: DpdAction::default(),
            startup_action: StartupAction::default(),
        }
    }
}

impl TunnelSettings {
    /// Takes what `options` names and keeps the rest. Ciphers replace an MTU set before.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a DPD timeout below 30 seconds.
    pub(crate) fn merge(&mut self, options: &TunnelOptions) -> Result<(), ApiError> {
        let lists = [
            (&options.phase2_encryption_algorithms, &mut self.encryption),
            (&options.phase2_integrity_algorithms, &mut self.integrity),
        ];
        for (named, kept) in lists {
            if !named.is_empty() {
                kept.clone_from(named);
                self.tunnel_mtu = None;
            }
        }
        self.tunnel_mtu = options.tunnel_mtu.or(self.tunnel_mtu);
        if let Some(seconds) = options.dpd_timeout_seconds {
            if seconds < VpnTunnel::DPD_TIMEOUT_SECONDS {
                return Err(error::invalid_value(
                    &seconds.to_string(),
                    "DPDTimeoutSeconds",
                    "30 seconds or more",
                ));
            }
            self.dpd_timeout_seconds = seconds;
        }
        self.dpd_timeout_action = options
            .dpd_timeout_action
            .unwrap_or(self.dpd_timeout_action);
        self.startup_action = options.startup_action.unwrap_or(self.startup_action);
        Ok(())
    }

    /// Largest inner IP packet in octets (Site-to-Site VPN User Guide, "Best practices for your
    /// customer gateway device", without NAT traversal). Where several algorithms are allowed, both
    /// ends agree on the one with the least overhead, as AES-GCM comes first in AWS's proposals.
    ///
    /// # Errors
    /// `InvalidParameterValue` for an unknown algorithm or an MTU outside 576 to 1500.
    pub(crate) fn mtu(&self) -> Result<u16, ApiError> {
        if let Some(mtu) = self.tunnel_mtu {
            if !(576..=1500).contains(&mtu) {
                return Err(error::invalid_value(
                    &mtu.to_string(),
                    "TunnelMtu",
                    "576 to 1500 octets",
                ));
            }
            return Ok(mtu);
        }
        let mut best_overhead = None;
        for cipher in names(&self.encryption, "AES128-GCM-16") {
            for hash in names(&self.integrity, "SHA1") {
                let mtu = mtu_of(cipher, hash)?;
                best_overhead = best_overhead.max(Some(mtu));
            }
        }
        Ok(best_overhead.expect("both lists have a member"))
    }
}

fn names<'a>(list: &'a [Algorithm], default: &'static str) -> Vec<&'a str> {
    if list.is_empty() {
        return vec![default];
    }
    list.iter().map(|it| it.value.as_str()).collect()
}

fn mtu_of(cipher: &str, hash: &str) -> Result<u16, ApiError> {
    match (cipher, hash) {
        (_, hash) if !matches!(hash, "SHA1" | "SHA2-256" | "SHA2-384" | "SHA2-512") => {
            Err(error::invalid_value(
                hash,
                "Phase2IntegrityAlgorithms",
                "SHA1, SHA2-256, SHA2-384 or SHA2-512",
            ))
        }
        ("AES128-GCM-16" | "AES256-GCM-16", _) => Ok(1446),
        ("AES128" | "AES256", "SHA1" | "SHA2-256") => Ok(1438),
        ("AES128" | "AES256", _) => Ok(1422),
        (cipher, _) => Err(error::invalid_value(
            cipher,
            "Phase2EncryptionAlgorithms",
            "AES128, AES256, AES128-GCM-16 or AES256-GCM-16",
        )),
    }
}

/// Blocks that AWS keeps for itself (Amazon EC2 API Reference, `VpnTunnelOptionsSpecification`).
const RESERVED: [[u8; 4]; 7] = [
    [169, 254, 0, 0],
    [169, 254, 1, 0],
    [169, 254, 2, 0],
    [169, 254, 3, 0],
    [169, 254, 4, 0],
    [169, 254, 5, 0],
    [169, 254, 169, 252],
];

/// The wanted inside block if it can be had, or one that connection and tunnel number pick.
pub(crate) fn inside_cidr(
    tx: &Transaction<'_>,
    wanted: Option<Ipv4Net>,
    connection: &VpnConnectionId,
    number: usize,
) -> Result<Ipv4Net, ApiError> {
    let pool = Ipv4Net::new_assert([169, 254, 0, 0].into(), 16);
    let free = |cidr: &Ipv4Net| {
        let reserved = RESERVED.map(Ipv4Addr::from).contains(&cidr.network());
        let tunnels = tx
            .resources()
            .vpn_connections
            .values()
            .flat_map(|it| &it.tunnels);
        !reserved && !tunnels.clone().any(|it| it.tunnel_inside_cidr == *cidr)
    };
    if let Some(cidr) = wanted {
        let cidr = cidr.trunc();
        if cidr.prefix_len() != 30 || !pool.contains(&cidr) || !free(&cidr) {
            return Err(error::invalid_value(
                &cidr.to_string(),
                "TunnelInsideCidr",
                "a /30 from 169.254.0.0/16 that is neither reserved nor in use",
            ));
        }
        return Ok(cidr);
    }
    let start = tx.bits("tunnel-inside", &format!("{connection}/{number}")) % (1 << 14);
    (0..1 << 14)
        .map(|step| ((start + step) % (1 << 14)) as u32 * 4)
        .map(|offset| Ipv4Addr::from(u32::from(pool.network()) + offset))
        .map(|network| Ipv4Net::new_assert(network, 30))
        .find(free)
        .ok_or_else(|| error::invalid_parameter_value("No inside block is left for a tunnel"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(ciphers: &[&str], hashes: &[&str]) -> TunnelSettings {
        let list = |names: &[&str]| {
            let algorithms = names.iter().map(|name| Algorithm {
                value: (*name).into(),
            });
            algorithms.collect()
        };
        TunnelSettings {
            encryption: list(ciphers),
            integrity: list(hashes),
            ..TunnelSettings::default()
        }
    }

    #[test]
    fn the_mtu_follows_from_cipher_and_hash() {
        let mtu = |ciphers: &[&str], hashes: &[&str]| settings(ciphers, hashes).mtu().ok();
        assert_eq!(mtu(&[], &[]), Some(1446));
        assert_eq!(mtu(&["AES256"], &["SHA2-256"]), Some(1438));
        assert_eq!(mtu(&["AES256"], &["SHA2-512"]), Some(1422));
        assert_eq!(mtu(&["AES256", "AES256-GCM-16"], &["SHA2-512"]), Some(1446));
        assert_eq!(mtu(&["3DES"], &[]), None);
    }
}
