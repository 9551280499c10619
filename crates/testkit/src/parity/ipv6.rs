//! The same situation over IPv6: no capture tells what Linux does, but TCP is the same over both
//! versions (RFC 9293 section 3.7.1 and RFC 8200 section 8.3: only the MSS is 20 octets less). With
//! an MTU 20 octets larger every segment must be the same.

use std::path::Path;

use super::ParityError;
use super::manifest::{Hold, Manifest, Protocol, point};
use super::observe::{Seen, observe};
use super::play::play;

/// Octets that an IPv6 header is longer than an IPv4 header.
const LONGER: u16 = 20;
/// Fields of the IP header, which the versions do not share.
const OF_IP: [&str; 5] = ["id", "df", "ttl", "tos", "label"];

/// Plays a manifest over both versions of IP; tells where TCP differs. None for a situation that is
/// about IPv4 itself: ping, UDP, name servers, NAT, firewalls, packets of raw sockets, and for a
/// bottleneck, at which longer headers take longer.
///
/// # Errors
/// A manifest that cannot be read or played.
pub fn differences_over_ipv6(path: &Path) -> Result<Option<Vec<String>>, ParityError> {
    let mut manifest = Manifest::read(path)?;
    // Whoever forwards asks by its link-local address, which tells the other nothing about the one
    // that routes name: everybody knows everybody here.
    manifest.hold.retain(|it| it.protocol != Protocol::Arp);
    let Some(translated) = translate(&manifest) else {
        return Ok(None);
    };
    let (four, six) = (play(&manifest)?, play(&translated)?);
    let mut differences = Vec::new();
    for held in &manifest.hold {
        let hold = Hold {
            protocol: Protocol::Tcp,
            sender: None,
            ..held.clone()
        };
        let (host, interface) = point(&held.point);
        let four = observe(&hold, four.captured(host, interface)?)?;
        let six = observe(&hold, six.captured(host, interface)?)?;
        if four.len() != six.len() {
            let text = format!("{}: {} and {} segments", held.point, four.len(), six.len());
            differences.push(text);
        }
        let pairs = four.iter().zip(&six);
        let unlike = pairs.filter(|(four, six)| !same(four, six));
        differences.extend(unlike.map(|(four, six)| format!("\n  {four}\n  {six}")));
    }
    Ok(Some(differences))
}

fn same(four: &Seen, six: &Seen) -> bool {
    let of_tcp = |seen: &Seen| {
        let mut fields = seen.fields.clone();
        fields.retain(|name, _| !OF_IP.contains(name));
        fields
    };
    four.at == six.at && four.key == six.key && four.push == six.push && of_tcp(four) == of_tcp(six)
}

fn translate(manifest: &Manifest) -> Option<Manifest> {
    let mut manifest = manifest.clone();
    let about_ipv4 = !manifest.command.is_empty()
        || !manifest.replay.is_empty()
        || manifest.program.is_empty()
        || manifest.link.iter().any(|link| link.rate_mbit.is_some())
        || manifest.program.iter().any(|program| program.udp);
    if about_ipv4 {
        return None;
    }
    for host in manifest.host.values_mut() {
        if host.nat.is_some() || host.answers_from.is_some() || !host.firewall.is_empty() {
            return None;
        }
        for mtu in host.mtu.values_mut() {
            *mtu += LONGER;
        }
        for interface in &mut host.interface {
            interface.mtu += LONGER;
            let old = std::mem::take(&mut interface.address);
            interface.address = old.iter().map(|text| block(text)).collect();
            let old = std::mem::take(&mut interface.gateway);
            interface.gateway = old.iter().map(|text| address(text)).collect();
        }
        for route in &mut host.routes {
            let (to, via) = route.split_once(" via ")?;
            *route = format!("{} via {}", block(to), address(via));
        }
    }
    for program in &mut manifest.program {
        if let Some(to) = &program.connect {
            let (host, port) = to.rsplit_once(':')?;
            program.connect = Some(format!("[{}]:{port}", address(host)));
        }
    }
    Some(manifest)
}

/// `2001:db8::10.0.1.10`.
fn address(text: &str) -> String {
    format!("2001:db8::{text}")
}

/// The same with a prefix length.
fn block(text: &str) -> String {
    match text.split_once('/') {
        Some((host, length)) => {
            let length: u8 = length.parse().unwrap_or(32);
            format!("{}/{}", address(host), 96 + length)
        }
        None => address(text),
    }
}
