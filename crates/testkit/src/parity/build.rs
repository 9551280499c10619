//! From a manifest's tables to machines and links.

use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use wirelab_model::{IpNet, Seed, SimDuration, SimTime, UnixTime};
use wirelab_simulator::host::{
    Attachment, Host, HostConfig, HostRoute, HostSettings, HostSpec, HttpResource, InterfaceConfig,
    KernelProfile, ServerSpec,
};
use wirelab_wire::MacAddr;

use super::ParityError;
use super::manifest::{HostTable, InterfaceTable, Manifest, NatTable, capture_path, point};
use super::names::Names;
use super::nat::Nat;
use super::network::{Link, Loss, Net, Node, Place};

/// Seconds as virtual time.
pub(super) fn time(seconds: f64) -> SimTime {
    SimTime::from_nanos((seconds.clamp(0.0, 1e9) * 1e9) as u64)
}

/// Seconds as a span.
pub(super) fn span(seconds: f64) -> SimDuration {
    SimDuration::from_nanos((seconds.clamp(0.0, 1e9) * 1e9) as u64)
}

pub(super) fn parsed<T: FromStr>(text: &str, what: &str) -> Result<T, ParityError> {
    text.parse()
        .map_err(|_| ParityError::new(format!("`{text}` is no {what}")))
}

/// Machines and links of a manifest.
pub(super) fn build(manifest: &Manifest) -> Result<Net, ParityError> {
    let mut places = Vec::new();
    for (name, table) in &manifest.host {
        places.push(place(name, table, &manifest.folder)?);
    }
    let find = |text: &str| -> Result<(usize, usize), ParityError> {
        let (host, interface) = point(text);
        let unknown = || ParityError::new(format!("there is no interface `{text}`"));
        let at = places.iter().position(|place| place.name == host);
        let at = at.ok_or_else(unknown)?;
        let wanted = |name: &String| interface.is_none_or(|interface| name == interface);
        let interface = places[at].interfaces.iter().position(wanted);
        Ok((at, interface.ok_or_else(unknown)?))
    };
    let mut links = Vec::new();
    for table in &manifest.link {
        let ends = [find(&table.ends[0])?, find(&table.ends[1])?];
        let delay = table.delay_ms.map(|millis| span(millis / 1000.0));
        let spacing = table.spacing_us.map(|micros| span(micros / 1e6));
        let mut link = Link::new(ends, delay, spacing);
        link.octet_nanos = table
            .rate_mbit
            .map(|rate| (8000.0 / rate.max(0.001)) as u64);
        link.queue = table.queue_kb.map(|size| (size * 1000.0) as u64);
        links.push(link);
    }
    let mut losses = Vec::new();
    for rule in &manifest.lose {
        let from = find(&rule.from)?.0;
        losses.push(Loss {
            rule: rule.clone(),
            from,
            seen: 0,
        });
    }
    let mut net = Net::new(places, links, losses);
    net.resolves = manifest.resolves();
    tell_names(&mut net);
    Ok(net)
}

/// Every machine knows the others' first addresses by name.
fn tell_names(net: &mut Net) {
    let mut names = Vec::new();
    for place in &net.places {
        if let Node::Host(host) = &place.node
            && let Some(address) = host
                .interfaces()
                .first()
                .and_then(|it| it.addresses.first())
        {
            names.push((place.name.as_str().into(), address.addr()));
        }
    }
    for place in &mut net.places {
        if let Node::Host(host) = &mut place.node {
            host.set_names(names.clone());
        }
    }
}

fn place(name: &str, table: &HostTable, folder: &Path) -> Result<Place, ParityError> {
    let mut interfaces = Vec::new();
    for entry in &table.interface {
        interfaces.push(interface(entry, table)?);
    }
    let node = match (&table.nat, &table.answers_from) {
        (Some(nat), _) => Node::Nat(Box::new(translator(nat, &interfaces)?)),
        (None, Some(file)) => {
            let file = capture_path(folder, file);
            Node::Names(Box::new(Names::learn(&file)?))
        }
        (None, None) => Node::Host(Box::new(machine(name, table, interfaces.clone())?)),
    };
    Ok(Place {
        name: name.to_owned(),
        captured: vec![Vec::new(); interfaces.len()],
        interfaces: interfaces.iter().map(|it| it.name.to_string()).collect(),
        node,
    })
}

fn translator(table: &NatTable, interfaces: &[InterfaceConfig]) -> Result<Nat, ParityError> {
    let outside = interfaces
        .get(1)
        .and_then(|it| it.addresses.first())
        .ok_or_else(|| ParityError::new("a NAT needs interfaces inside and outside"))?;
    let replaced = match &table.replaced {
        Some((at, address)) => Some((time(*at), parsed(address, "address")?)),
        None => None,
    };
    Ok(Nat {
        address: outside.addr(),
        tcp_timeout: span(table.tcp_timeout),
        udp_timeout: span(table.udp_timeout),
        unknown: table.unknown,
        replaced,
        mappings: Vec::new(),
    })
}

fn interface(entry: &InterfaceTable, table: &HostTable) -> Result<InterfaceConfig, ParityError> {
    let mut addresses: Vec<IpNet> = Vec::new();
    for address in &entry.address {
        addresses.push(parsed(address, "address with prefix length")?);
    }
    let mut gateways: Vec<IpAddr> = Vec::new();
    for gateway in &entry.gateway {
        gateways.push(parsed(gateway, "address")?);
    }
    Ok(InterfaceConfig {
        name: entry.name.as_str().into(),
        mac: MacAddr::default(),
        addresses,
        mtu: table.mtu.get(&entry.name).copied().unwrap_or(entry.mtu),
        gateways,
        resolvers: Vec::new(),
        search: Vec::new(),
    })
}

fn machine(
    name: &str,
    table: &HostTable,
    interfaces: Vec<InterfaceConfig>,
) -> Result<Host, ParityError> {
    let kernel = match table.kernel.as_deref() {
        None | Some("linux-6.18") => KernelProfile::Linux618,
        Some("linux-6.1") => KernelProfile::Linux61,
        Some(other) => return Err(ParityError::new(format!("no kernel is called `{other}`"))),
    };
    let mut settings = HostSettings::default();
    for (name, value) in &table.sysctl {
        set(&mut settings, name, value)?;
    }
    settings.driver_overhead = table.driver_overhead;
    for server in &table.nameservers {
        settings.nameservers.push(parsed(server, "address")?);
    }
    settings.search = table.search.iter().map(|it| it.as_str().into()).collect();
    let mut routes = Vec::new();
    for line in &table.routes {
        routes.push(route(line)?);
    }
    let spec = HostSpec {
        name: name.into(),
        attachment: Attachment::Outside {
            interfaces: Vec::new(),
            customer_gateway: None,
            default_gateway: None,
        },
        kernel,
        settings,
        routes,
        firewall: table.firewall.clone(),
        servers: servers(table),
    };
    let config = HostConfig {
        seed: Seed::whole(7),
        starts: UnixTime::from_secs(1_795_412_348),
    };
    let refused = |error| ParityError::new(format!("host `{name}`: {error}"));
    let mut host = Host::new(spec, config).map_err(refused)?;
    host.set_interfaces(SimTime::ZERO, interfaces);
    if let Some(seconds) = table.reachable {
        host.set_reachable_time(span(seconds));
    }
    Ok(host)
}

fn servers(table: &HostTable) -> Vec<ServerSpec> {
    if table.http.is_empty() {
        return Vec::new();
    }
    let resource = |(path, bytes): (&String, &u32)| HttpResource {
        path: path.as_str().into(),
        status: 200,
        bytes: *bytes,
    };
    vec![ServerSpec::Http {
        port: 80,
        resources: table.http.iter().map(resource).collect(),
        think: SimDuration::ZERO,
    }]
}

/// `10.0.2.0/24 via 10.0.1.1`.
fn route(line: &str) -> Result<HostRoute, ParityError> {
    let (destination, via) = line
        .split_once(" via ")
        .ok_or_else(|| ParityError::new(format!("`{line}` is no `BLOCK via ADDRESS`")))?;
    Ok(HostRoute {
        destination: parsed(destination, "block")?,
        via: Some(parsed(via, "address")?),
        device: None,
        mtu: None,
        advmss: None,
    })
}

fn set(settings: &mut HostSettings, name: &str, value: &str) -> Result<(), ParityError> {
    let number = || parsed::<u64>(value, "number");
    let small = || parsed::<u8>(value, "small number");
    let key = name.rsplit('.').next().unwrap_or(name);
    match key {
        "ip_forward" => settings.ip_forward = small()? != 0,
        "ip_default_ttl" => settings.ip_default_ttl = small()?,
        "ip_no_pmtu_disc" => settings.ip_no_pmtu_disc = small()? != 0,
        "icmp_echo_ignore_all" => settings.icmp_echo_ignore_all = small()? != 0,
        "tcp_mtu_probing" => settings.tcp_mtu_probing = small()?,
        "tcp_retries2" => settings.tcp_retries2 = small()?,
        "tcp_syn_retries" => settings.tcp_syn_retries = small()?,
        "tcp_synack_retries" => settings.tcp_synack_retries = small()?,
        "tcp_timestamps" => settings.tcp_timestamps = small()? != 0,
        "tcp_sack" => settings.tcp_sack = small()? != 0,
        "tcp_window_scaling" => settings.tcp_window_scaling = small()? != 0,
        "tcp_ecn" => settings.tcp_ecn = small()?,
        "tcp_fin_timeout" => settings.tcp_fin_timeout = SimDuration::from_secs(number()?),
        "tcp_keepalive_time" => settings.tcp_keepalive_time = SimDuration::from_secs(number()?),
        "tcp_keepalive_intvl" => {
            settings.tcp_keepalive_interval = SimDuration::from_secs(number()?);
        }
        "tcp_keepalive_probes" => settings.tcp_keepalive_probes = small()?,
        _ => {
            let text = format!("sysctl `{name}` is not modelled");
            return Err(ParityError::new(text));
        }
    }
    Ok(())
}
