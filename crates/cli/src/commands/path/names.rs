//! What the sender means by a name: what it would find itself, so that `wirelab path app db:5432`
//! and `wirelab exec app -- nc db 5432` are about the same address.

use std::net::IpAddr;

use wirelab_model::NetworkInterfaceId;
use wirelab_session::Session;
use wirelab_simulator::path::Origin;

use crate::failure::Failure;
use crate::hosts::{self, Interface, addresses};
use crate::output;

/// An address as it stands, what the sender finds for a name, or the first address of an interface
/// by its id. Whoever is no machine, and so has no `/etc/hosts`, finds machines all the same; from
/// the internet by their public addresses.
pub(super) fn address(session: &Session, from: &Origin, place: &str) -> Result<IpAddr, Failure> {
    let bare = place.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(address);
    }
    if let Origin::Host(host) = from
        && let Some(found) = asked(session, host, place)?
    {
        tell(session, from, place, found);
        return Ok(found);
    }
    let known = hosts::find(session, place);
    if known.is_err()
        && let Some(found) = of_interface(session, from, place)
    {
        tell(session, from, place, found);
        return Ok(found);
    }
    let interfaces = match known {
        Err(_) if place.contains('.') => return looked_up(session, from, place),
        found => found?,
    };
    let first = interfaces.iter().flat_map(addresses).next();
    let first = first.ok_or_else(|| Failure::usage(format!("host `{place}` has no address")))?;
    let public = match from {
        Origin::Internet { .. } => public(session, &interfaces, first),
        _ => None,
    };
    let found = public.unwrap_or(first);
    tell(session, from, place, found);
    Ok(found)
}

/// An interface without a machine, such as a NAT gateway's: by its own name or id, or by its
/// gateway's.
pub(super) fn interface(session: &Session, text: &str) -> Option<NetworkInterfaceId> {
    let named = format!("network_interface.{text}");
    let id = session.names().id(&named).cloned();
    let id = NetworkInterfaceId::new(id.unwrap_or_else(|| text.into()));
    let resources = session.run().world().resources();
    let is_there = resources.network_interfaces.contains_key(&id);
    is_there
        .then_some(id)
        .or_else(|| hosts::service_interface(session, text))
}

/// Its address: for who is on the internet the public one.
fn of_interface(session: &Session, from: &Origin, text: &str) -> Option<IpAddr> {
    let id = interface(session, text)?;
    let nic = session
        .run()
        .world()
        .resources()
        .network_interfaces
        .get(&id)?;
    let public = nic.private_ip_addresses.first();
    let public = public.and_then(|it| it.association.as_ref());
    match (from, public) {
        (Origin::Internet { .. }, Some(public)) => Some(public.public_ip.into()),
        _ => Some(nic.private_ip_address.into()),
    }
}

/// What `getent` on the machine finds: its `/etc/hosts`, then DNS.
fn asked(session: &Session, host: &str, name: &str) -> Result<Option<IpAddr>, Failure> {
    // A copy asks: the lab's time stands still, and its captures stay as they are.
    let mut run = session.run().clone();
    let argv = ["getent", "ahosts", name].map(str::to_owned);
    if run.world().host(host).is_none() {
        return Ok(None);
    }
    let asked = run.exec(host, &argv).map_err(Failure::internal)?;
    let first = asked.stdout.split_whitespace().next();
    Ok(first.and_then(|it| it.parse().ok()))
}

/// Says which address a name is, where that is not the one that `wirelab status` shows with it, or
/// where the machine has a public one besides, by which the way would be another.
fn tell(session: &Session, from: &Origin, name: &str, found: IpAddr) {
    let known = hosts::find(session, name).unwrap_or_default();
    let is_own = known.iter().flat_map(addresses).any(|it| it == found);
    match public(session, &known, found).filter(|_| is_own) {
        Some(public) => output::note(&format!(
            "{name} is {found} for {from}, its private address; its public one is {public}"
        )),
        None if is_own => {}
        None => output::note(&format!("{name} is {found} for {from}")),
    }
}

/// What the public DNS has.
fn looked_up(session: &Session, from: &Origin, name: &str) -> Result<IpAddr, Failure> {
    let mut public = session.plan().public_names.iter();
    let found = public.find(|(its, _)| its.eq_ignore_ascii_case(name));
    let found = found.filter(|_| !matches!(from, Origin::Host(_)));
    let Some(address) = found.and_then(|(_, addresses)| addresses.first().copied()) else {
        let failure = Failure::usage(format!(
            "`{name}` is no host, and {from} finds no address for it"
        ));
        return Err(match from {
            Origin::Host(host) => failure.hint(format!(
                "`wirelab exec {host} -- dig {name}` shows what it is told"
            )),
            _ => failure.hint("`wirelab status` lists the hosts"),
        });
    };
    tell(session, from, name, address);
    Ok(address)
}

/// The public address that belongs to an interface's address.
fn public(session: &Session, interfaces: &[Interface], address: IpAddr) -> Option<IpAddr> {
    let mut meant = interfaces.iter();
    let meant = meant.find(|it| addresses(it).any(|its| its == address))?;
    let id = NetworkInterfaceId::new(meant.network_interface_id.as_deref()?);
    let resources = session.run().world().resources();
    let nic = resources.network_interfaces.get(&id)?;
    let mut own = nic.private_ip_addresses.iter();
    let own = own.find(|it| IpAddr::V4(it.private_ip_address) == address)?;
    Some(own.association.as_ref()?.public_ip.into())
}
