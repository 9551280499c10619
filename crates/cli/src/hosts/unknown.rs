//! What is said where nobody, or nobody in particular, is meant by a machine's name, and where the
//! machine is off.

use std::net::IpAddr;
use std::sync::Arc;

use wirelab_model::{Instance, InstanceId, InstanceState, NetworkInterface, NetworkInterfaceId};
use wirelab_session::Session;
use wirelab_simulator::host::{Attachment, Host};

use super::names;
use crate::failure::Failure;

/// The error for a machine that does not exist, with those that do.
pub(crate) fn host(session: &Session, host: &str) -> Failure {
    let id = instance_with(session, host);
    let id = id.as_ref().map_or(host, InstanceId::as_str);
    if let Some(failure) = not_running(session, id) {
        return failure;
    }
    if session.run().world().host(id).is_some() {
        return Failure::usage(format!(
            "host `{host}` has no interface: its instance is not running"
        ))
        .hint("`wirelab call ec2:DescribeInstances` shows its state");
    }
    let namesakes = namesakes(session, host);
    if namesakes.len() > 1 {
        return Failure::usage(format!(
            "{} instances have the Name tag `{host}`: {}",
            namesakes.len(),
            namesakes.join(", ")
        ))
        .hint("the id or an address says which");
    }
    let names = names(session);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Failure::usage(format!("there is no host `{host}`"))
        .did_you_mean(host, &names)
        .hint(match names.is_empty() {
            true => "there is none yet: `aws ec2 run-instances` launches one".to_owned(),
            false => format!("the hosts are: {}", names.join(", ")),
        })
}

/// The error for an address that machines in several networks have.
pub(crate) fn address(address: IpAddr, hosts: &[&str]) -> Failure {
    let hosts = hosts.join(", ");
    Failure::usage(format!(
        "{address} is an address of each of {hosts}, in networks of their own"
    ))
    .hint("give the name of the one that is meant")
}

/// The instance of an interface with that address or id.
fn instance_with(session: &Session, word: &str) -> Option<InstanceId> {
    let address: Option<IpAddr> = word.parse().ok();
    let found = find_interface(session, |nic| {
        let mut own = nic.private_ip_addresses.iter();
        let mut public = own.clone().filter_map(|it| it.association.as_ref());
        nic.network_interface_id.as_str() == word
            || own.any(|it| address == Some(it.private_ip_address.into()))
            || public.any(|it| address == Some(it.public_ip.into()))
    });
    found?.attachment.as_ref()?.instance_id.clone()
}

fn find_interface(
    session: &Session,
    is_meant: impl Fn(&NetworkInterface) -> bool,
) -> Option<&NetworkInterface> {
    let all = &session.run().world().resources().network_interfaces;
    all.values().map(Arc::as_ref).find(|nic| is_meant(nic))
}

/// The interface with that private address, whether or not a machine runs behind it.
pub(crate) fn interface_with(session: &Session, address: IpAddr) -> Option<NetworkInterfaceId> {
    let found = find_interface(session, |nic| {
        let mut own = nic.private_ip_addresses.iter();
        own.any(|it| address == IpAddr::V4(it.private_ip_address))
    });
    Some(found?.network_interface_id.clone())
}

/// The instance of a machine in AWS.
pub(crate) fn instance<'s>(session: &'s Session, host: &Host) -> Option<&'s Instance> {
    let Attachment::Instance(id) = &host.spec().attachment else {
        return None;
    };
    let all = &session.run().world().resources().instances;
    all.get(id).map(Arc::as_ref)
}

/// A state as the API says it.
pub(crate) fn word(state: InstanceState) -> String {
    let word = serde_json::to_value(state).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

/// The error for a machine whose instance is off.
pub(crate) fn not_running(session: &Session, host: &str) -> Option<Failure> {
    let found = session.run().world().host(host)?;
    let instance = instance(session, found)?;
    let (id, state) = (&instance.instance_id, instance.state);
    let hint = match state {
        InstanceState::Stopped => {
            format!("`aws ec2 start-instances --instance-ids {id}` starts it")
        }
        InstanceState::Terminated => {
            "it does not come back; `wirelab id` lists what there is".to_owned()
        }
        _ => return None,
    };
    let called = match host == id.as_str() {
        true => format!("`{id}`"),
        false => format!("`{host}` ({id})"),
    };
    let why = format!("{called} is not running: the instance is {}", word(state));
    Some(Failure::usage(why).hint(hint))
}

/// Instances that are there and have this `Name` tag: id, state, private address.
fn namesakes(session: &Session, name: &str) -> Vec<String> {
    let instances = session.run().world().resources().instances.values();
    let there = instances.filter(|it| it.state != InstanceState::Terminated);
    let tagged = there.filter(|it| {
        let mut tags = it.tags.iter();
        tags.any(|tag| tag.key == "Name" && tag.value == name)
    });
    let shown = tagged.map(|it| format!("{} ({})", it.instance_id, word(it.state)));
    shown.collect()
}
