//! The machines of a lab and where their packets are captured.

use serde::Serialize;
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
    #[serde(skip)]
    pub(crate) point: CapturePoint,
}

impl Interface {
    /// Whether `name` is the machine's name or the ENI's id.
    fn is_called(&self, name: &str) -> bool {
        self.host == name || self.network_interface_id.as_deref() == Some(name)
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
                host: spec.name.to_string(),
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

/// The error for a machine that does not exist, with those that do.
pub(crate) fn unknown(session: &Session, host: &str) -> Failure {
    let mut names: Vec<_> = session
        .run()
        .world()
        .hosts()
        .map(|it| it.spec().name.as_str())
        .collect();
    names.sort_unstable();
    if names.contains(&host) {
        return Failure::usage(format!(
            "host `{host}` has no interface: its instance is not running"
        ))
        .hint("`wirelab call ec2:DescribeInstances` shows its state");
    }
    Failure::usage(format!("there is no host `{host}`"))
        .did_you_mean(host, &names)
        .hint(format!("the hosts are: {}", names.join(", ")))
}
