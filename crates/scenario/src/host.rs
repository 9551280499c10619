//! `[host.*]` and `[segment.*]`: machines and networks outside AWS; and the keys that a machine has
//! inside AWS as well.

mod address;
mod line;
mod server;

pub use server::server_line;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use smol_str::SmolStr;
use wirelab_model::CustomerGatewayId;
use wirelab_simulator::SegmentSpec;
use wirelab_simulator::host::{
    Attachment, HostRoute, HostSettings, HostSpec, KernelProfile, OutsideInterface, ServerSpec,
    TunnelSpec,
};

use crate::build::Builder;
use crate::fields::{Fields, Sink, Text};

const KERNELS: [(&str, KernelProfile); 2] = [
    ("linux-6.18", KernelProfile::Linux618),
    ("linux-6.1", KernelProfile::Linux61),
];

/// What a machine is, wherever it stands.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    kernel: KernelProfile,
    settings: HostSettings,
    routes: Vec<HostRoute>,
    firewall: Vec<String>,
    servers: Vec<ServerSpec>,
}

impl Machine {
    /// `kernel, forwards, sysctl, nameservers, search, routes, firewall, servers`.
    pub(crate) fn read(builder: &Builder<'_>, fields: &Fields<'_>) -> Option<Self> {
        let sink = builder.sink;
        let mut settings = HostSettings {
            ip_forward: fields.boolean("forwards").unwrap_or(false),
            ..HostSettings::default()
        };
        sysctl(fields, &mut settings);
        let nameservers = fields.texts("nameservers");
        settings.nameservers = nameservers.iter().filter_map(|it| it.parse(sink)).collect();
        let search = fields.texts("search");
        settings.search = search.into_iter().map(|it| it.text.into()).collect();
        let routes = fields.texts("routes");
        let servers = servers(&fields.texts("servers"), sink);
        Some(Self {
            kernel: fields.choice("kernel", &KERNELS).unwrap_or_default(),
            settings,
            routes: routes
                .iter()
                .filter_map(|text| line::route(text, sink))
                .collect(),
            firewall: fields
                .texts("firewall")
                .into_iter()
                .map(|text| text.text)
                .collect(),
            servers,
        })
    }

    pub(crate) fn spec(self, name: &str, attachment: Attachment) -> HostSpec {
        HostSpec {
            name: name.into(),
            attachment,
            kernel: self.kernel,
            settings: self.settings,
            routes: self.routes,
            firewall: self.firewall,
            servers: self.servers,
        }
    }
}

/// The servers, each at a port of its own.
fn servers(lines: &[Text], sink: &Sink) -> Vec<ServerSpec> {
    let mut taken = BTreeMap::new();
    let mut servers = Vec::new();
    for text in lines {
        let Some(server) = server::read(text, sink) else {
            continue;
        };
        let port = text.text.split_whitespace().nth(1).unwrap_or_default();
        if let Some(other) = taken.insert(port, &text.text) {
            let message = format!("port {port} has a server already: `{other}`");
            let hint = "a machine listens once on a port".to_owned();
            sink.explain(&text.span, message, "", Some(hint));
        }
        servers.push(server);
    }
    servers
}

/// `sysctl = { tcp_mtu_probing = 1, ... }`, under the kernel's names without `net.ipv4.`.
fn sysctl(fields: &Fields<'_>, settings: &mut HostSettings) {
    let Some(node) = fields.node("sysctl") else {
        return;
    };
    let Some(fields) = Fields::of(node, "`sysctl`", fields.sink()) else {
        return;
    };
    let number = |slot: &mut u8, key| {
        if let Some(value) = fields.integer(key) {
            *slot = value;
        }
    };
    number(&mut settings.tcp_mtu_probing, "tcp_mtu_probing");
    if !HostSettings::takes_mtu_probing(settings.tcp_mtu_probing) {
        let hint = "0 is never, 1 after a black hole is suspected, 2 always";
        refuse_setting(&fields, "tcp_mtu_probing", hint);
    }
    number(&mut settings.tcp_retries2, "tcp_retries2");
    number(&mut settings.tcp_syn_retries, "tcp_syn_retries");
    number(&mut settings.tcp_synack_retries, "tcp_synack_retries");
    number(&mut settings.tcp_keepalive_probes, "tcp_keepalive_probes");
    let flag = |slot: &mut bool, key| {
        if let Some(value) = fields.boolean(key) {
            *slot = value;
        }
    };
    flag(&mut settings.tcp_timestamps, "tcp_timestamps");
    flag(&mut settings.tcp_sack, "tcp_sack");
    flag(&mut settings.tcp_window_scaling, "tcp_window_scaling");
    flag(&mut settings.icmp_echo_ignore_all, "icmp_echo_ignore_all");
    flag(&mut settings.ip_no_pmtu_disc, "ip_no_pmtu_disc");
    if fields.has("ip_local_port_range") {
        match port_range(&fields.integers("ip_local_port_range")) {
            Some(range) => settings.local_port_range = range,
            None => {
                let hint = "write `[32768, 60999]`: the lowest port, from 1024, and the highest";
                refuse_setting(&fields, "ip_local_port_range", hint);
            }
        }
    }
    if let Some(time) = fields.parsed("tcp_keepalive_time") {
        settings.tcp_keepalive_time = time;
    }
    fields.finish();
}

/// Two ports that the kernel takes for its range.
fn port_range(numbers: &[u64]) -> Option<(u16, u16)> {
    let [low, high] = *numbers else {
        return None;
    };
    let (low, high) = (u16::try_from(low).ok()?, u16::try_from(high).ok()?);
    HostSettings::takes_port_range(low, high).then_some((low, high))
}

/// As the kernel does with `EINVAL`.
fn refuse_setting(fields: &Fields<'_>, key: &'static str, hint: &str) {
    if let Some(node) = fields.node(key) {
        let message = format!("the kernel does not take this for `{key}`");
        (fields.sink()).explain(&node.span, message, "", Some(hint.to_owned()));
    }
}

/// `[segment.x] cidr_block, mtu`.
pub(crate) fn segments(root: &Fields<'_>) -> Vec<SegmentSpec> {
    let segments = root
        .named("segment")
        .into_iter()
        .filter_map(|(name, fields)| {
            let cidr = fields.required_parsed("cidr_block");
            let mtu = fields.mtu("mtu").unwrap_or(1500);
            fields.finish();
            Some(SegmentSpec {
                name: name.into(),
                cidr: cidr?,
                mtu,
            })
        });
    segments.collect()
}

/// Every machine: those of instances, then those outside AWS.
pub(crate) fn hosts(
    builder: &Builder<'_>,
    root: &Fields<'_>,
    segments: &[SegmentSpec],
) -> Vec<HostSpec> {
    let mut taken = BTreeMap::new();
    let inside = root.named("instance").into_iter();
    let inside =
        inside.filter_map(|(name, it)| crate::resource::instance_host(builder, &name, &it));
    let outside = root.named("host").into_iter().filter_map(|(name, fields)| {
        if builder.is_declared("instance", &name) {
            let message = format!("there is an instance `{name}` already");
            let hint = "machines are called by their name alone".to_owned();
            builder.sink.explain(fields.span(), message, "", Some(hint));
        }
        let host = outside(builder, &name, &fields, segments);
        refuse_taken(builder, &fields, host.as_ref(), &mut taken);
        fields.finish();
        host
    });
    inside.chain(outside).collect()
}

/// `[host.x] interfaces | address, ipv6_address, gateway, customer_gateway, tunnel_mtu,
/// preferred_tunnel, asymmetric`, and what every machine has.
fn outside(
    builder: &Builder<'_>,
    name: &str,
    fields: &Fields<'_>,
    segments: &[SegmentSpec],
) -> Option<HostSpec> {
    let machine = Machine::read(builder, fields);
    let mut interfaces = interfaces(builder, fields, segments);
    let public: Option<Ipv4Addr> = fields.parsed("address");
    let ipv6: Option<Ipv6Addr> = fields.parsed("ipv6_address");
    address::check(builder, fields, name, "address", public.map(IpAddr::V4));
    address::check(builder, fields, name, "ipv6_address", ipv6.map(IpAddr::V6));
    interfaces.extend(public.map(|address| on_the_internet(address, ipv6)));
    let gateway = fields.parsed("gateway").or_else(|| public.map(provider));
    refuse_far_gateway(builder, fields, gateway, &interfaces);
    let tunnel = tunnel(builder, fields);
    if interfaces.is_empty() && tunnel.is_none() && builder.sink.is_clean() {
        let message = format!("{} is on no network", fields.title());
        let hint = "give it `interfaces = [\"eth0 segment.NAME 192.168.0.10/24\"]`, or `address` \
                    to be on the internet";
        builder
            .sink
            .explain(fields.span(), message, "", Some(hint.to_owned()));
    }
    let attachment = Attachment::Outside {
        interfaces,
        customer_gateway: tunnel,
        default_gateway: gateway,
    };
    Some(machine?.spec(name, attachment))
}

/// On a segment an address is one machine's alone.
fn refuse_taken(
    builder: &Builder<'_>,
    fields: &Fields<'_>,
    host: Option<&HostSpec>,
    taken: &mut BTreeMap<(SmolStr, IpAddr), SmolStr>,
) {
    let Some(host) = host else {
        return;
    };
    let Attachment::Outside { interfaces, .. } = &host.attachment else {
        return;
    };
    let lines = fields.texts("interfaces");
    for (interface, text) in interfaces.iter().zip(&lines) {
        let place = (interface.segment.clone(), interface.address.addr());
        let Some(other) = taken.insert(place, host.name.clone()) else {
            continue;
        };
        let address = interface.address.addr();
        let message = format!("`{address}` is taken: `host.{other}` has this address, too");
        let hint = format!("give it another of {}", interface.address.trunc());
        builder.sink.explain(&text.span, message, "", Some(hint));
    }
}

/// A gateway is a neighbour: Linux calls any other one invalid.
fn refuse_far_gateway(
    builder: &Builder<'_>,
    fields: &Fields<'_>,
    gateway: Option<IpAddr>,
    interfaces: &[OutsideInterface],
) {
    let (Some(gateway), Some(node)) = (gateway, fields.node("gateway")) else {
        return;
    };
    let networks = || interfaces.iter().map(|it| it.address.trunc());
    if interfaces.is_empty() || networks().any(|it| it.contains(&gateway)) {
        return;
    }
    let networks: Vec<String> = networks().map(|it| it.to_string()).collect();
    let message = format!("`{gateway}` is on no network of this machine");
    let hint = format!(
        "a gateway is a neighbour, here in {}",
        networks.join(" or ")
    );
    builder.sink.explain(&node.span, message, "", Some(hint));
}

/// `interfaces = ["eth0 segment.lan 192.168.10.5/24 mtu 1400"]`.
fn interfaces(
    builder: &Builder<'_>,
    fields: &Fields<'_>,
    segments: &[SegmentSpec],
) -> Vec<OutsideInterface> {
    let lines = fields.texts("interfaces");
    lines
        .iter()
        .filter_map(|text| line::interface(builder, text, segments))
        .collect()
}

/// `address = "203.0.113.9"`: one interface on the internet, in a /24 of its provider's, and with
/// `ipv6_address` in a /64.
fn on_the_internet(address: Ipv4Addr, ipv6: Option<Ipv6Addr>) -> OutsideInterface {
    let net = Ipv4Net::new(address, 24).expect("24 is a prefix length");
    let ipv6 = ipv6.map(|it| Ipv6Net::new(it, 64).expect("64 is a prefix length"));
    let router = ipv6.map(|it| Ipv6Addr::from(u128::from(it.network()) + 1));
    OutsideInterface {
        name: "eth0".into(),
        segment: SegmentSpec::INTERNET.into(),
        address: net.into(),
        ipv6_address: ipv6.map(Into::into),
        ipv6_gateway: router.map(Into::into),
        mtu: 1500,
    }
}

/// The provider's router: the first address of that /24.
fn provider(address: Ipv4Addr) -> IpAddr {
    let [a, b, c, _] = address.octets();
    Ipv4Addr::new(a, b, c, 1).into()
}

fn tunnel(builder: &Builder<'_>, fields: &Fields<'_>) -> Option<TunnelSpec> {
    let mtu = fields.mtu("tunnel_mtu").unwrap_or(1446);
    let preferred = fields.integer("preferred_tunnel");
    let asymmetric = fields.boolean("asymmetric").unwrap_or(true);
    let text = fields.text("customer_gateway")?;
    let id: SmolStr = builder.id("customer_gateway", &text)?;
    let mut spec = TunnelSpec::new(CustomerGatewayId::new(id), mtu);
    spec.preferred_tunnel = preferred;
    spec.asymmetric = asymmetric;
    Some(spec)
}
