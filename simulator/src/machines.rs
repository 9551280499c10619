//! The machines of a world and what their interfaces are plugged into.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{
    CustomerGatewayId, InstanceId, IpNet, Resources, SimDuration, SimTime, Stream,
};

use crate::capture::outside_mac;
use crate::config::WorldConfig;
use crate::event::InputError;
use crate::fabric::{CustomerDevice, InterfaceIndex, Port, Sites, Socket, Topology};
use crate::host::{
    Attachment, ExecId, Host, HostConfig, HostSpec, InterfaceConfig, OutsideInterface, ServerSpec,
    TunnelSpec,
};
use crate::link::{FlowLinks, Link};
use crate::pace::Pace;

/// MTU that DHCP gives the interfaces of instances, in octets.
const INSTANCE_MTU: u16 = 9001;
/// How long after the last time a machine asks DHCP again: half of an hour's lease (RFC 2131,
/// section 4.4.5; AWS tells of hours until options are heeded, not of the lease, which its servers
/// give for an hour).
const RENEWAL: SimDuration = SimDuration::from_secs(1800);
/// Instances' interfaces are called `ens5`, `ens6`, ... on Nitro.
const FIRST_DEVICE: usize = 5;

/// One machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) host: Host,
    spec: HostSpec,
    /// What each of its interfaces is plugged into.
    pub(crate) plugs: Vec<Plug>,
    /// The earliest entry for its timer in the world's queue.
    pub(crate) timer: Option<SimTime>,
    /// Commands that have not ended.
    pub(crate) running: Vec<ExecId>,
    /// Whether it has interfaces, that is, power.
    pub(crate) is_up: bool,
    /// The reboots of its instance that it knows of.
    pub(crate) reboots: u32,
    /// How long it takes over things.
    pub(crate) pace: Pace,
    /// When its interfaces were configured.
    leased: SimTime,
    /// Whether DHCP would tell it something else by now.
    is_outdated: bool,
    /// When it asks again, if it would be told something else.
    renewal: Option<SimTime>,
    /// The earliest entry for its neighbour table in the world's queue.
    pub(crate) neighbor_timer: Option<SimTime>,
    /// How long ARP and neighbour discovery take.
    pub(crate) link_delays: Stream,
}

/// The far end of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plug {
    pub(crate) to: PluggedInto,
    /// Since when: what was there from the start has been for long.
    pub(crate) since: SimTime,
    pub(crate) link: Link,
    /// Of an instance whose interface is faster than one flow may be.
    pub(crate) flows: FlowLinks,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PluggedInto {
    Interface(InterfaceIndex),
    Outside(Socket),
}

/// What a change of resources did to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    Same,
    /// It has started, for the first time or again.
    Started,
    /// It has lost its state.
    Stopped,
}

impl Machine {
    /// A machine that has no interface yet.
    pub(crate) fn new(spec: HostSpec, config: &WorldConfig) -> Result<Self, InputError> {
        Ok(Self {
            host: boot(&spec, config)?,
            pace: Pace::new(config.seed.traffic, &spec.name),
            neighbor_timer: None,
            link_delays: Stream::new(config.seed.traffic, &format!("link.{}", spec.name)),
            spec,
            plugs: Vec::new(),
            timer: None,
            running: Vec::new(),
            is_up: false,
            reboots: 0,
            leased: SimTime::ZERO,
            is_outdated: false,
            renewal: None,
        })
    }

    pub(crate) fn name(&self) -> &SmolStr {
        &self.spec.name
    }

    /// Whether its programs have ended and its kernel has not: it is shutting down.
    pub(crate) fn is_ending(&self, topology: &Topology) -> bool {
        let instance = self.instance();
        instance.is_some_and(|id| topology.ending.contains_key(id))
    }

    /// The instance whose machine this is.
    pub(crate) fn instance(&self) -> Option<&InstanceId> {
        match &self.spec.attachment {
            Attachment::Instance(id) => Some(id),
            Attachment::Outside { .. } => None,
        }
    }

    /// Starts a server, now and whenever the machine boots; `false` if its port is taken.
    pub(crate) fn serve(&mut self, server: ServerSpec) -> bool {
        let started = self.host.serve(server.clone());
        if started {
            self.spec.servers.push(server);
        }
        started
    }

    /// Plugs a machine outside AWS in.
    pub(crate) fn plug_in(
        &mut self,
        now: SimTime,
        number: u32,
        sites: &mut Sites,
    ) -> Result<(), InputError> {
        let Attachment::Outside {
            interfaces,
            customer_gateway,
            default_gateway,
        } = &self.spec.attachment
        else {
            return Ok(());
        };
        let mut plugs = Vec::new();
        for interface in interfaces {
            let segment = sites.segment(&interface.segment);
            let segment =
                segment.ok_or_else(|| InputError::UnknownSegment(interface.segment.clone()))?;
            plugs.push(Plug::new(
                PluggedInto::Outside(Socket::Segment(segment)),
                now,
            ));
        }
        let mut configs = Vec::new();
        for (at, (interface, plug)) in interfaces.iter().zip(&plugs).enumerate() {
            let port = port(number, at);
            if let PluggedInto::Outside(Socket::Segment(segment)) = plug.to {
                sites.plug(segment, interface.address.addr(), port);
                if let Some(address) = interface.ipv6_address {
                    sites.plug(segment, address.addr(), port);
                }
            }
            let gateway = default_gateway.filter(|it| interface.address.contains(it));
            configs.push(outside_config(interface, port, gateway));
        }
        if let Some(tunnel) = customer_gateway {
            let gateway = tunnel.customer_gateway.clone();
            let device = CustomerDevice {
                port: port(number, plugs.len()),
                preferred_tunnel: tunnel.preferred_tunnel,
                asymmetric: tunnel.asymmetric,
            };
            sites.plug_tunnel(gateway.clone(), device);
            plugs.push(Plug::new(
                PluggedInto::Outside(Socket::Tunnel(gateway)),
                now,
            ));
            configs.push(tunnel_config(tunnel));
        }
        self.plugs = plugs;
        self.is_up = true;
        self.host.set_interfaces(now, configs);
        Ok(())
    }

    /// Gives a customer gateway's tunnel interface the inside addresses of its VPN connections.
    fn follow_tunnel(&mut self, now: SimTime, resources: &Resources) {
        let Attachment::Outside {
            interfaces,
            customer_gateway: Some(tunnel),
            ..
        } = &self.spec.attachment
        else {
            return;
        };
        let mut inside = inside_addresses(&tunnel.customer_gateway, resources);
        if inside.is_empty() {
            // Unnumbered: it borrows the first interface's address.
            let first = interfaces.first().map(|it| IpNet::from(it.address.addr()));
            inside.extend(first);
        }
        let mut configs = self.host.interfaces().to_vec();
        let tunnel = configs
            .last_mut()
            .expect("a customer gateway has a tunnel interface");
        if tunnel.addresses != inside {
            tunnel.addresses = inside;
            self.host.set_interfaces(now, configs);
        }
    }

    /// Gives an instance's machine the interfaces that the instance has now.
    pub(crate) fn follow(
        &mut self,
        now: SimTime,
        topology: &Topology,
        config: &WorldConfig,
    ) -> Power {
        let Some(id) = self.instance() else {
            self.follow_tunnel(now, &topology.resources);
            return Power::Same;
        };
        let interfaces = instance_interfaces(id, topology);
        let is_up = interfaces.is_some();
        let was_up = std::mem::replace(&mut self.is_up, is_up);
        let Some(interfaces) = interfaces else {
            if !was_up {
                return Power::Same;
            }
            // The machine has read the same specification before.
            if let Ok(host) = boot(&self.spec, config) {
                self.host = host;
            }
            self.plugs.clear();
            return Power::Stopped;
        };
        self.plug_interfaces(now, interfaces);
        if was_up { Power::Same } else { Power::Started }
    }

    fn plug_interfaces(
        &mut self,
        now: SimTime,
        interfaces: Vec<(InterfaceIndex, InterfaceConfig)>,
    ) {
        let wanted = interfaces
            .iter()
            .map(|(index, _)| PluggedInto::Interface(*index));
        let unchanged = self
            .plugs
            .iter()
            .map(|plug| &plug.to)
            .eq(wanted.clone().collect::<Vec<_>>().iter());
        let same_addresses = self.host.interfaces().len() == interfaces.len()
            && (self.host.interfaces().iter().zip(&interfaces))
                .all(|(has, (_, gets))| has.addresses == gets.addresses && has.mac == gets.mac);
        if unchanged && same_addresses {
            let has = self.host.interfaces().iter();
            self.is_outdated = has.zip(&interfaces).any(|(has, (_, gets))| {
                has.resolvers != gets.resolvers || has.search != gets.search
            });
            return;
        }
        self.leased = now;
        self.is_outdated = false;
        let before = std::mem::take(&mut self.plugs);
        let since = |to: &PluggedInto| before.iter().find(|it| it.to == *to).map(|it| it.since);
        let plugs = wanted.map(|to| {
            let since = since(&to).unwrap_or(now);
            Plug::new(to, since)
        });
        self.plugs = plugs.collect();
        let configs = interfaces.into_iter().map(|(_, config)| config).collect();
        self.host.set_interfaces(now, configs);
    }

    /// When it next asks DHCP for what it does not know yet, unless that is known already.
    pub(crate) fn plan_renewal(&mut self, now: SimTime) -> Option<SimTime> {
        if !self.is_outdated || self.renewal.is_some() {
            return None;
        }
        let period = RENEWAL.as_nanos();
        let since = now.as_nanos() - self.leased.as_nanos();
        let at = self.leased + SimDuration::from_nanos((since / period + 1) * period);
        self.renewal = Some(at);
        self.renewal
    }

    /// Takes what DHCP tells now (Amazon VPC User Guide, "DHCP option sets").
    pub(crate) fn renew(&mut self, topology: &Topology) {
        self.renewal = None;
        self.is_outdated = false;
        let interfaces = self
            .instance()
            .and_then(|id| instance_interfaces(id, topology));
        let configs = interfaces.into_iter().flatten().map(|(_, config)| config);
        self.host.renew(&configs.collect::<Vec<_>>());
    }

    /// Which of its interfaces an ENI is.
    pub(crate) fn interface_of(&self, index: InterfaceIndex) -> Option<usize> {
        let wanted = PluggedInto::Interface(index);
        self.plugs.iter().position(|plug| plug.to == wanted)
    }

    /// Whether the address is one of its own.
    pub(crate) fn owns(&self, address: std::net::IpAddr) -> bool {
        let mut interfaces = self.host.interfaces().iter();
        interfaces.any(|it| it.addresses.iter().any(|own| own.addr() == address))
    }
}

impl Plug {
    fn new(to: PluggedInto, since: SimTime) -> Self {
        Self {
            to,
            since,
            link: Link::default(),
            flows: FlowLinks::default(),
        }
    }
}

fn boot(spec: &HostSpec, config: &WorldConfig) -> Result<Host, InputError> {
    let host_config = HostConfig {
        seed: config.seed,
        starts: config.starts,
    };
    Host::new(spec.clone(), host_config).map_err(|error| InputError::Host {
        host: spec.name.clone(),
        error,
    })
}

fn port(host: u32, interface: usize) -> Port {
    let interface = u32::try_from(interface).expect("a machine has fewer than 2^32 interfaces");
    Port { host, interface }
}

fn outside_config(
    interface: &OutsideInterface,
    port: Port,
    gateway: Option<std::net::IpAddr>,
) -> InterfaceConfig {
    InterfaceConfig {
        name: interface.name.clone(),
        mac: outside_mac(port),
        addresses: std::iter::once(interface.address)
            .chain(interface.ipv6_address)
            .collect(),
        mtu: interface.mtu,
        gateways: gateway.into_iter().chain(interface.ipv6_gateway).collect(),
        resolvers: Vec::new(),
        search: Vec::new(),
    }
}

fn tunnel_config(tunnel: &TunnelSpec) -> InterfaceConfig {
    InterfaceConfig {
        name: "tun0".into(),
        mac: wirelab_wire::MacAddr::default(),
        addresses: Vec::new(),
        mtu: tunnel.mtu,
        gateways: Vec::new(),
        resolvers: Vec::new(),
        search: Vec::new(),
    }
}

/// The customer's end of each connection's first tunnel: the second address of its inside block
/// (Site-to-Site VPN guide, "Tunnel options").
fn inside_addresses(gateway: &CustomerGatewayId, resources: &Resources) -> Vec<IpNet> {
    let connections = resources.vpn_connections.values();
    let own = connections.filter(|it| it.customer_gateway_id == *gateway);
    let blocks = own.filter_map(|it| Some(it.tunnels.first()?.tunnel_inside_cidr));
    let addresses = blocks.filter_map(|block| {
        let address = block.hosts().nth(1)?;
        IpNet::new(address.into(), block.prefix_len()).ok()
    });
    addresses.collect()
}

/// The interfaces of an instance in the order of their devices; `None` unless it is running.
fn instance_interfaces(
    id: &InstanceId,
    topology: &Topology,
) -> Option<Vec<(InterfaceIndex, InterfaceConfig)>> {
    let resources = &topology.resources;
    let instance = resources.instances.get(id)?;
    if !topology.is_on(id) {
        return None;
    }
    let interfaces = instance.network_interfaces.iter().enumerate();
    let configs = interfaces.filter_map(|(device, interface)| {
        let index = topology.find(interface)?;
        Some((index, instance_config(device, index, topology, resources)?))
    });
    Some(configs.collect())
}

fn instance_config(
    device: usize,
    index: InterfaceIndex,
    topology: &Topology,
    resources: &Resources,
) -> Option<InterfaceConfig> {
    let plan = &topology.plan;
    let nic = plan.find_interface(index)?;
    let subnet = plan.subnet(nic.subnet);
    let vpc = plan.vpc(nic.vpc);
    let lease = Lease::of(vpc.resolver, resources.vpcs.get(&vpc.id), resources);
    let addresses = nic.addresses.iter().filter_map(|address| {
        let block = match address {
            std::net::IpAddr::V4(_) => subnet.block,
            std::net::IpAddr::V6(_) => subnet.ipv6_block?,
        };
        IpNet::new(*address, block.prefix_len()).ok()
    });
    // The second interface and the next get no default route of their own.
    let has_ipv6 = nic.addresses.iter().any(std::net::IpAddr::is_ipv6);
    let router = [subnet.router].into_iter();
    let gateways = router.chain(has_ipv6.then(|| subnet.router_link_local()));
    let gateways = gateways.filter(|_| device == 0);
    Some(InterfaceConfig {
        name: format!("ens{}", FIRST_DEVICE + device).into(),
        mac: nic.mac,
        addresses: addresses.collect(),
        mtu: INSTANCE_MTU,
        gateways: gateways.collect(),
        resolvers: if device == 0 {
            lease.resolvers
        } else {
            Vec::new()
        },
        search: if device == 0 {
            lease.search
        } else {
            Vec::new()
        },
    })
}

/// What DHCP tells an instance about names (Amazon VPC User Guide, "DHCP option sets").
#[derive(Default)]
struct Lease {
    resolvers: Vec<std::net::IpAddr>,
    search: Vec<SmolStr>,
}

impl Lease {
    /// By the VPC's option set; without one, nothing. `AmazonProvidedDNS` is the VPC's resolver;
    /// whether that answers is another matter: `enableDnsSupport`.
    fn of(
        amazon: Option<std::net::IpAddr>,
        vpc: Option<&std::sync::Arc<wirelab_model::Vpc>>,
        resources: &Resources,
    ) -> Self {
        let options = vpc.and_then(|it| it.dhcp_options_id.as_ref());
        let Some(options) = options.and_then(|id| resources.dhcp_options.get(id)) else {
            return Self::default();
        };
        let values = |key: &str| {
            let configurations = options.dhcp_configurations.iter();
            let of_key = configurations.filter(move |it| it.key == key);
            of_key
                .flat_map(|it| &it.values)
                .cloned()
                .collect::<Vec<_>>()
        };
        let servers = values("domain-name-servers");
        let server = |text: &SmolStr| match text.as_str() {
            "AmazonProvidedDNS" => amazon,
            address => address.parse().ok(),
        };
        Self {
            resolvers: servers.iter().filter_map(server).collect(),
            // Linux takes several, separated by blanks.
            search: values("domain-name")
                .iter()
                .flat_map(|it| it.split_whitespace().map(SmolStr::from))
                .collect(),
        }
    }
}
