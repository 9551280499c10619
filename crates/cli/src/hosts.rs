//! The machines of a lab and where their packets are captured.

use serde::Serialize;
use wirelab_model::NetworkInterfaceId;
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
    /// MTU in octets.
    pub(crate) mtu: u16,
    /// The machine's own name, where people call it by another.
    #[serde(skip)]
    own_name: String,
    #[serde(skip)]
    pub(crate) point: CapturePoint,
}

impl Interface {
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
                addresses: config.addresses.iter().map(ToString::to_string).collect(),
                mtu: config.mtu,
                point,
            })
        })
        .collect()
}

/// The interfaces of `host`: a machine's name, an ENI id, or what its evidence file is called.
pub(crate) fn find(session: &Session, host: &str) -> Result<Vec<Interface>, Failure> {
    let all = interfaces(session.run());
    let found: Vec<_> = all
        .iter()
        .filter(|it| it.is_called(host) || session.plan().capture_name(&it.point) == host)
        .cloned()
        .collect();
    if found.is_empty() {
        return Err(unknown(session, host));
    }
    Ok(found)
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

/// The machines, sorted.
pub(crate) fn names(session: &Session) -> Vec<String> {
    let world = session.run().world();
    let mut names: Vec<_> = world
        .hosts()
        .map(|it| world.called(it).to_string())
        .collect();
    names.sort_unstable();
    names
}

/// The error for a machine that does not exist, with those that do.
pub(crate) fn unknown(session: &Session, host: &str) -> Failure {
    let names = names(session);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if session.run().world().host(host).is_some() {
        return Failure::usage(format!(
            "host `{host}` has no interface: its instance is not running"
        ))
        .hint("`wirelab call ec2:DescribeInstances` shows its state");
    }
    Failure::usage(format!("there is no host `{host}`"))
        .did_you_mean(host, &names)
        .hint(format!("the hosts are: {}", names.join(", ")))
}
