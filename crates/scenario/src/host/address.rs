//! Addresses of machines on the internet: those that such a machine can have.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::build::Builder;
use crate::fields::Fields;
use crate::node::Value;

/// Notes it at `key` if the machine `name` cannot have the address.
pub(super) fn check(
    builder: &Builder<'_>,
    fields: &Fields<'_>,
    name: &str,
    key: &'static str,
    address: Option<IpAddr>,
) {
    let (Some(address), Some(node)) = (address, fields.node(key)) else {
        return;
    };
    let refuse = |why: String| {
        let hint = "give it an address of its own on the internet, such as one of 198.51.100.0/24 or \
                    2001:db8::/32";
        let message = format!("`{address}` {why}");
        (builder.sink).explain(&node.span, message, "", Some(hint.to_owned()));
    };
    if let Some(kind) = special(address) {
        return refuse(format!("is {kind} address"));
    }
    if let Some(vpc) = vpc_of(builder, address) {
        return refuse(format!("is in VPC `{vpc}`"));
    }
    if let Some(other) = same(builder, name, key, address) {
        refuse(format!("is taken: `host.{other}` has this address, too"));
    }
}

/// What an address is that no machine on the internet has (RFC 6890).
fn special(address: IpAddr) -> Option<&'static str> {
    let link_local = match address {
        IpAddr::V4(it) => it.is_link_local(),
        IpAddr::V6(it) => it.is_unicast_link_local(),
    };
    match address {
        _ if address.is_loopback() => Some("a loopback"),
        _ if address.is_multicast() => Some("a multicast"),
        _ if address.is_unspecified() => Some("an unspecified"),
        IpAddr::V4(it) if it.is_broadcast() => Some("a broadcast"),
        _ => link_local.then_some("a link-local"),
    }
}

/// The name of a VPC with the address in one of its blocks.
fn vpc_of<'b>(builder: &'b Builder<'_>, address: IpAddr) -> Option<&'b str> {
    let vpcs = builder.control.resources().vpcs.values();
    let mut holding = vpcs.filter(|vpc| {
        let ipv4 = vpc.cidr_blocks.iter().map(|it| IpNet::V4(*it));
        let ipv6 = vpc.ipv6_cidr_blocks.iter().map(|it| IpNet::V6(*it));
        ipv4.chain(ipv6).any(|it| it.contains(&address))
    });
    let id = holding.next()?.vpc_id.as_str();
    Some(builder.names.short(id).unwrap_or(id))
}

/// Another machine, earlier in the file, with the same address.
fn same<'b>(builder: &'b Builder<'_>, name: &str, key: &str, address: IpAddr) -> Option<&'b str> {
    let earlier = builder.declared("host").take_while(|it| *it != name);
    earlier.into_iter().find(|other| {
        let hosts = builder.table.get("host").map(|node| &node.value);
        let host = match hosts {
            Some(Value::Table(hosts)) => hosts.get(other).map(|node| &node.value),
            _ => None,
        };
        let text = match host {
            Some(Value::Table(host)) => host.get(key).and_then(|node| node.value.to_text()),
            _ => None,
        };
        text.and_then(|it| it.parse().ok()) == Some(address)
    })
}
