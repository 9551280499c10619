//! The machines of a lab and where their packets are captured.

pub(crate) mod unknown;
pub(crate) mod user_data;

use std::net::IpAddr;

use serde::Serialize;
use wirelab_model::{InstanceState, NetworkInterfaceId, Resources};
use wirelab_session::{Run, Session};
use wirelab_simulator::CapturePoint;
use wirelab_simulator::host::{Attachment, Host};

use crate::failure::Failure;

/// One interface of a machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Interface {
    /// The machine.
    pub(crate) host: String,
    /// `ens5`, `eth0`, `tun0`.
    pub(crate) name: String,
    /// The ENI, for instances.
    pub(crate) network_interface_id: Option<String>,
    /// Its addresses with prefix lengths.
    pub(crate) addresses: Vec<String>,
    /// Public addresses that lead to them.
    pub(crate) public_addresses: Vec<IpAddr>,
    /// MTU in octets.
    pub(crate) mtu: u16,
    /// The machine's own name, where people call it by another.
    #[serde(skip)]
    own_name: String,
    #[serde(skip)]
    pub(crate) point: CapturePoint,
}

impl Interface {
    /// Whether an address is its own, or the public one of an address of its own.
    fn has(&self, address: IpAddr) -> bool {
        addresses(self).any(|it| it == address) || self.public_addresses.contains(&address)
    }

    /// Whether `name` is the machine's name or the ENI's id.
    fn is_called(&self, name: &str) -> bool {
        let names = [&self.host, &self.own_name];
        names.iter().any(|it| *it == name) || self.network_interface_id.as_deref() == Some(name)
    }
}

/// Every interface of every machine, by machine.
pub(crate) fn interfaces(run: &Run) -> Vec<Interface> {
    run.world()
        .hosts()
        .flat_map(|host| of_host(run, host))
        .collect()
}

fn public(resources: &Resources, point: &CapturePoint) -> Vec<IpAddr> {
    let nic = match point {
        CapturePoint::Interface(id) => resources.network_interfaces.get(id),
        CapturePoint::HostInterface { .. } => None,
    };
    let own = nic.into_iter().flat_map(|it| &it.private_ip_addresses);
    own.filter_map(|it| Some(it.association.as_ref()?.public_ip.into()))
        .collect()
}

/// The addresses of an interface, without prefix lengths.
pub(crate) fn addresses(interface: &Interface) -> impl Iterator<Item = IpAddr> {
    let bare = |text: &String| text.split('/').next()?.parse().ok();
    interface.addresses.iter().filter_map(bare)
}

fn of_host(run: &Run, host: &Host) -> Vec<Interface> {
    let spec = host.spec();
    let configured = host.interfaces().iter().enumerate();
    let point = |index: usize, name: &str| match &spec.attachment {
        Attachment::Instance(id) => {
            let instance = run.world().resources().instances.get(id)?;
            let eni = instance.network_interfaces.get(index)?;
            Some(CapturePoint::Interface(eni.clone()))
        }
        Attachment::Outside { .. } => Some(CapturePoint::HostInterface {
            host: spec.name.clone(),
            interface: name.into(),
        }),
    };
    configured
        .filter_map(|(index, config)| {
            let point = point(index, &config.name)?;
            Some(Interface {
                host: run.world().called(host).to_string(),
                own_name: spec.name.to_string(),
                name: config.name.to_string(),
                network_interface_id: match &point {
                    CapturePoint::Interface(eni) => Some(eni.to_string()),
                    CapturePoint::HostInterface { .. } => None,
                },
                public_addresses: public(run.world().resources(), &point),
                addresses: config.addresses.iter().map(ToString::to_string).collect(),
                mtu: config.mtu,
                point,
            })
        })
        .collect()
}

/// The interfaces of `host`: a machine's name, its instance's id, an ENI id, an address, or what
/// its evidence file is called. An address and an ENI id mean that interface alone.
pub(crate) fn find(session: &Session, host: &str) -> Result<Vec<Interface>, Failure> {
    let all = interfaces(session.run());
    let called =
        |it: &&Interface| it.is_called(host) || session.plan().capture_name(&it.point) == host;
    let found: Vec<_> = all.iter().filter(called).cloned().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let Ok(address) = host.parse() else {
        return Err(unknown::host(session, host));
    };
    let own = all.iter().filter(|it| it.has(address));
    let own: Vec<_> = own.cloned().collect();
    let mut machines: Vec<&str> = own.iter().map(|it| it.host.as_str()).collect();
    machines.dedup();
    match &machines[..] {
        [] => Err(unknown::host(session, host)),
        [_] => Ok(own),
        several => Err(unknown::address(address, several)),
    }
}

/// The machine that somebody means, as [`Session::exec`] takes it: its name, its instance's id, an
/// interface's id or an address. It can be worked on.
pub(crate) fn machine(session: &Session, host: &str) -> Result<String, Failure> {
    let world = session.run().world();
    let name = match world.host(host) {
        Some(_) => host.to_owned(),
        None => find(session, host)?[0].own_name.clone(),
    };
    match unknown::not_running(session, &name) {
        Some(failure) => Err(failure),
        None => Ok(name),
    }
}

/// An interface of AWS's, as a NAT gateway's: no machine that somebody can log in to.
pub(crate) struct Service {
    /// Whose: `nat_gateway.out`, or the interface's own name or id.
    pub(crate) name: String,
    /// The interface.
    pub(crate) network_interface_id: String,
    ids: Vec<String>,
}

impl Service {
    /// Whether `word` is an id or name of it, with or without its kind, or a word of its kind:
    /// `nat`.
    pub(crate) fn is_meant_by(&self, word: &str) -> bool {
        let (kind, short) = self.name.split_once('.').unwrap_or(("", &self.name));
        let is_kind = kind == word || kind.split('_').any(|part| part == word);
        let is_name = self.name == word || short == word;
        is_kind || is_name || self.ids.iter().any(|id| id == word)
    }
}

/// Interfaces of NAT gateways and endpoints, and those that nobody has.
pub(crate) fn services(session: &Session) -> Vec<Service> {
    let resources = session.run().world().resources();
    let names = &session.names();
    let bare = resources.network_interfaces.values().filter(|nic| {
        let attached = nic.attachment.as_ref();
        attached.is_none_or(|it| it.instance_id.is_none())
    });
    let service = |id: &NetworkInterfaceId| {
        let mut gateways = resources.nat_gateways.values();
        let gateway = gateways.find(|it| {
            let mut own = it.nat_gateway_addresses.iter();
            own.any(|its| its.network_interface_id == *id)
        });
        let gateway = gateway.map(|it| it.nat_gateway_id.as_str());
        let name = names.name_of(gateway.unwrap_or(id.as_str()));
        let own = names.name_of(id.as_str()).map(str::to_owned);
        let ids = [Some(id.to_string()), gateway.map(str::to_owned), own];
        Service {
            name: name.or(gateway).unwrap_or(id.as_str()).to_owned(),
            network_interface_id: id.to_string(),
            ids: ids.into_iter().flatten().collect(),
        }
    };
    let mut all: Vec<Service> = bare.map(|nic| service(&nic.network_interface_id)).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The interface of AWS's that `word` means, if it means one: a NAT gateway's by its name or id.
pub(crate) fn service_interface(session: &Session, word: &str) -> Option<NetworkInterfaceId> {
    let mut meant = services(session)
        .into_iter()
        .filter(|it| it.is_meant_by(word));
    let found = meant.next().filter(|_| meant.next().is_none())?;
    Some(NetworkInterfaceId::new(found.network_interface_id))
}

/// The machines, sorted; without those that are gone for good.
pub(crate) fn names(session: &Session) -> Vec<String> {
    let world = session.run().world();
    let there = world.hosts().filter(|it| {
        let instance = unknown::instance(session, it);
        instance.is_none_or(|it| it.state != InstanceState::Terminated)
    });
    let mut names: Vec<_> = there.map(|it| world.called(it).to_string()).collect();
    names.sort_unstable();
    names
}
