//! The machines of a script.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{CustomerGatewayId, InstanceId, SimDuration};
use wirelab_simulator::host::{
    Attachment, HostSettings, HostSpec, HttpResource, KernelProfile, OutsideInterface, ServerSpec,
    TunnelSpec,
};
use wirelab_simulator::{Input, SegmentSpec};

use super::{Run, TUNNEL_MTU};
use crate::statement::Machine;

impl Run {
    /// A device on a LAN of its own.
    fn device(&mut self, name: &str, id: CustomerGatewayId, address: Ipv4Addr) -> Attachment {
        let address = Ipv4Net::new_assert(address, 24);
        let lan = SegmentSpec {
            name: format_smolstr!("lan-{name}"),
            cidr: IpNet::V4(address.trunc()),
            mtu: 1500,
        };
        let segment = lan.name.clone();
        let _ = self.world.handle(self.now, Input::Segment(lan));
        let interface = OutsideInterface {
            name: "eth0".into(),
            segment,
            address: IpNet::V4(address),
            ipv6_address: None,
            ipv6_gateway: None,
            mtu: 1500,
        };
        Attachment::Outside {
            interfaces: vec![interface],
            customer_gateway: Some(TunnelSpec::new(id, TUNNEL_MTU)),
            default_gateway: None,
        }
    }

    pub(super) fn machine(&mut self, machine: &Machine) {
        let (name, attachment) = match machine {
            Machine::Instance { name } => {
                let Some(id) = self.id("i", name) else {
                    return;
                };
                let id = InstanceId::new(id.as_str());
                self.power.install(id.clone(), self.world.resources());
                self.look();
                (name, Attachment::Instance(id))
            }
            Machine::Device {
                name,
                gateway,
                address,
            } => {
                let Some(id) = self.id("cgw", gateway) else {
                    return;
                };
                let id = CustomerGatewayId::new(id.as_str());
                self.devices.insert(name.clone(), (id.clone(), *address));
                (name, self.device(name, id, *address))
            }
            Machine::Outside {
                name,
                address,
                ipv6,
            } => {
                self.outside.insert(IpAddr::V4(*address), name.clone());
                self.outside
                    .extend(ipv6.map(|it| (IpAddr::V6(it), name.clone())));
                let interface = OutsideInterface {
                    name: "eth0".into(),
                    segment: SegmentSpec::INTERNET.into(),
                    address: IpAddr::V4(*address).into(),
                    ipv6_address: ipv6.map(|it| IpAddr::V6(it).into()),
                    ipv6_gateway: None,
                    mtu: 1500,
                };
                let attachment = Attachment::Outside {
                    interfaces: vec![interface],
                    customer_gateway: None,
                    default_gateway: None,
                };
                (name, attachment)
            }
        };
        let spec = host(name, attachment, self.live);
        // Two machines of one name: a script that was put together by hand.
        let _ = self.world.handle(self.now, Input::Host(Box::new(spec)));
    }
}

/// A machine that serves HTTP and echo, or one that answers nothing.
fn host(name: &SmolStr, attachment: Attachment, live: bool) -> HostSpec {
    let http = ServerSpec::Http {
        port: 80,
        resources: vec![HttpResource {
            path: "/".into(),
            status: 200,
            bytes: 3000,
        }],
        think: SimDuration::from_millis(2),
    };
    HostSpec {
        name: format_smolstr!("{name}"),
        attachment,
        kernel: KernelProfile::default(),
        settings: HostSettings::default(),
        routes: Vec::new(),
        firewall: if live {
            Vec::new()
        } else {
            ["iptables", "ip6tables"]
                .map(|program| format!("{program} -A INPUT -j DROP"))
                .into()
        },
        servers: if live {
            vec![http, ServerSpec::Echo { port: 7 }]
        } else {
            Vec::new()
        },
    }
}
