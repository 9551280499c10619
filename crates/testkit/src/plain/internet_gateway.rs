//! Internet gateway: a stateless translation one to one (`facts.md` 2.3, 2.6), and the internet
//! behind it.

use std::net::IpAddr;

use wirelab_model::{InternetGatewayId, NetworkInterfaceId};

use super::{Fragment, Made, MadeBy, Packet, Plain, Verdict, Why, owns};

/// Largest packet through an internet gateway.
pub(super) const INTERNET_MTU: usize = 1500;

/// Octets of an IPv4 header.
const HEADER: usize = 20;
/// What the internet says of an address that nobody has.
pub(super) const NOBODY: &str = "nobody has the public address";

impl Plain {
    /// A route leads from `from` to an internet gateway.
    pub(super) fn to_internet(
        &mut self,
        from: &NetworkInterfaceId,
        gateway: &InternetGatewayId,
        packet: &mut Packet,
    ) -> Verdict {
        let vpc = self.interface(from).vpc_id.clone();
        if packet.source.is_ipv4() {
            let public = self.public_of(&vpc, packet.source);
            let public = public.ok_or_else(|| Why::new("no public address", gateway))?;
            for block in [
                "10.0.0.0/8",
                "172.16.0.0/12",
                "192.168.0.0/16",
                "100.64.0.0/10",
            ] {
                let block: wirelab_model::IpNet = block.parse().expect("a block");
                if block.contains(&packet.destination) {
                    return Err(Why::new("private destination", gateway));
                }
            }
            self.fits(packet, INTERNET_MTU, MadeBy::Router(from.clone()), gateway)?;
            let known = self.outside.contains_key(&packet.destination)
                || self.behind(packet.destination).is_some();
            // What leads nowhere is not cut first.
            let rest = if known {
                cut(packet, INTERNET_MTU)
            } else {
                Vec::new()
            };
            if let Some(about) = &mut packet.about
                && about.destination == packet.source
            {
                about.destination = public;
            }
            packet.source = public;
            self.send_pieces(packet, rest, &MadeBy::Internet);
        } else {
            // IPv6 addresses are global, and nobody on the way cuts.
            let owner = self.interface_at(&vpc, packet.source);
            owner.ok_or_else(|| Why::new("no public address", gateway))?;
            self.fits(packet, INTERNET_MTU, MadeBy::Router(from.clone()), gateway)?;
        }
        self.on_the_internet(packet)
    }

    /// Between public addresses: to a machine on the internet, or into a VPC.
    pub(super) fn on_the_internet(&mut self, packet: &mut Packet) -> Verdict {
        if let Some(name) = self.outside.get(&packet.destination) {
            return Ok(name.to_string());
        }
        let Some((id, private)) = self.behind(packet.destination) else {
            return Err(Why::new(NOBODY, packet.destination));
        };
        let vpc = self.interface(&id).vpc_id.clone();
        if let Some(gateway) = self.comes_by_egress_only(&id, packet.source) {
            return self.back_by_egress_only(&gateway, &id, packet);
        }
        let mut gateways = self.resources.internet_gateways.values();
        let gateway = gateways.find(|it| it.vpc_id.as_ref() == Some(&vpc));
        let gateway = gateway.map(|it| it.internet_gateway_id.clone());
        let gateway = gateway.ok_or_else(|| Why::new("no internet gateway", &vpc))?;
        if let Some(about) = &mut packet.about
            && about.source == packet.destination
        {
            about.source = private;
        }
        packet.destination = private;
        self.enter_vpc(&vpc, gateway.as_str(), packet)
    }

    /// The public address of a private one.
    fn public_of(&self, vpc: &wirelab_model::VpcId, private: IpAddr) -> Option<IpAddr> {
        let nic = self.interface(&self.interface_at(vpc, private)?);
        let mut addresses = nic.private_ip_addresses.iter();
        let address = addresses.find(|it| IpAddr::V4(it.private_ip_address) == private)?;
        let association = address.association.as_ref()?;
        Some(IpAddr::V4(association.public_ip))
    }

    /// The interface and private address that a public one stands for.
    fn behind(&self, public: IpAddr) -> Option<(NetworkInterfaceId, IpAddr)> {
        self.resources.network_interfaces.values().find_map(|nic| {
            if public.is_ipv6() {
                let id = nic.network_interface_id.clone();
                return owns(nic, public).then_some((id, public));
            }
            let mut addresses = nic.private_ip_addresses.iter();
            let address = addresses.find(|it| {
                let association = it.association.as_ref();
                association.is_some_and(|it| IpAddr::V4(it.public_ip) == public)
            })?;
            let private = IpAddr::V4(address.private_ip_address);
            Some((nic.network_interface_id.clone(), private))
        })
    }

    /// Whose address an ICMP error about `packet` bears: the router's of the subnet (the first one,
    /// row 25) or, of a gateway that has one of the family, its own.
    fn address_of(&self, teller: &MadeBy, packet: &Packet) -> IpAddr {
        let (MadeBy::Router(id) | MadeBy::Gateway(id)) = teller else {
            return IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        };
        let nic = self.interface(id);
        let subnet = &self.resources.subnets[&nic.subnet_id];
        let of_gateway = matches!(teller, MadeBy::Gateway(_));
        match subnet.ipv6_cidr_block {
            Some(block) if packet.source.is_ipv6() => {
                let own = nic.ipv6_addresses.first().filter(|_| of_gateway);
                let router = u128::from(block.network()) + 1;
                IpAddr::V6(own.copied().unwrap_or_else(|| router.into()))
            }
            _ if of_gateway => IpAddr::V4(nic.private_ip_address),
            _ => IpAddr::V4((u32::from(subnet.cidr_block.network()) + 1).into()),
        }
    }

    /// A packet longer than `mtu` with DF is dropped, and `teller` says so by ICMP.
    pub(super) fn fits(
        &mut self,
        packet: &Packet,
        mtu: usize,
        teller: MadeBy,
        at: impl ToString,
    ) -> Result<(), Why> {
        if packet.size <= mtu || !packet.dont_fragment {
            return Ok(());
        }
        if packet.about.is_none() {
            self.made.push(Made {
                packet: too_big(packet, self.address_of(&teller, packet)),
                from: teller,
            });
        }
        Err(Why::new("MTU", at))
    }

    /// The other pieces of a packet that was cut go on by themselves.
    pub(super) fn send_pieces(&mut self, packet: &Packet, sizes: Vec<usize>, from: &MadeBy) {
        let later = sizes.into_iter().map(|size| Made {
            packet: Packet {
                size,
                fragment: Fragment::Later,
                source_port: 0,
                destination_port: 0,
                icmp: None,
                flags: 0,
                mss: None,
                ..packet.clone()
            },
            from: from.clone(),
        });
        self.made.extend(later);
    }
}

/// Cuts what is longer than `mtu` (RFC 791: the data of each piece but the last is a multiple of
/// 8): the packet becomes its first piece, and the sizes of the others are returned.
pub(super) fn cut(packet: &mut Packet, mtu: usize) -> Vec<usize> {
    if packet.size <= mtu || packet.dont_fragment {
        return Vec::new();
    }
    let most = (mtu - HEADER) / 8 * 8;
    let mut left = packet.size - HEADER - most;
    packet.size = HEADER + most;
    if packet.fragment == Fragment::Whole {
        packet.fragment = Fragment::First;
        (packet.flags, packet.mss) = (0, None);
    }
    let mut sizes = Vec::new();
    while left > 0 {
        let data = left.min(most);
        sizes.push(HEADER + data);
        left -= data;
    }
    sizes
}

/// ICMP 3/4, or "packet too big", about a packet, to its sender.
fn too_big(packet: &Packet, from: IpAddr) -> Packet {
    let (protocol, icmp) = if packet.source.is_ipv4() {
        (super::packet::ICMP, (3, 4))
    } else {
        (super::packet::ICMPV6, (2, 0))
    };
    Packet {
        source: from,
        destination: packet.source,
        protocol,
        source_port: 0,
        destination_port: 0,
        icmp: Some(icmp),
        flags: 0,
        size: 56,
        dont_fragment: false,
        fragment: Fragment::Whole,
        identification: 0,
        about: Some(Box::new(packet.ends())),
        mss: None,
    }
}
