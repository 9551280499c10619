//! The address space cut into cells inside which no rule can tell addresses apart.
//!
//! Every block and address that stands anywhere in the resources is a border: in rules, routes,
//! prefix lists, subnets, gateways of any kind. Interfaces are told apart by what is behind them,
//! their subnet and their groups, not one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;
use wirelab_model::{IpNet, NetworkInterfaceId, Resources, RouteTarget};

use super::ranges::{Interval, IpVersion, Ranges, address_number};
use crate::fabric::{InterfaceIndex, Owner, Plan, PlanInterface};

/// Addresses that everything in the network treats alike.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) version: IpVersion,
    pub(super) addresses: Ranges,
    /// Interfaces that have the addresses, two at most, to stand for all; private addresses only.
    pub(super) owners: Vec<(InterfaceIndex, IpAddr)>,
    /// Whether interfaces or services of AWS's have the addresses, private or public.
    pub(super) is_owned: bool,
    /// Whether services have them.
    pub(super) is_service: bool,
}

impl Cell {
    /// An address that stands for all.
    pub(super) fn sample(&self) -> IpAddr {
        self.version
            .address(self.addresses.first().unwrap_or_default())
    }

    /// Addresses that stand for all, two at most.
    pub(super) fn samples(&self) -> Vec<IpAddr> {
        let intervals = self.addresses.intervals();
        let numbers = intervals.iter().flat_map(|it| [it.low, it.high]);
        let numbers: BTreeSet<u128> = numbers.collect();
        let chosen = [numbers.first(), numbers.last()];
        let distinct: BTreeSet<u128> = chosen.into_iter().flatten().copied().collect();
        distinct
            .into_iter()
            .map(|it| self.version.address(it))
            .collect()
    }
}

/// Every cell of both versions.
pub(super) fn cells(resources: &Resources, plan: &Plan) -> Vec<Cell> {
    let mut blocks = blocks(resources);
    blocks.extend(nowhere().chain(private()));
    let owned = owned(resources, plan);
    IpVersion::BOTH
        .into_iter()
        .flat_map(|version| cells_of(version, &blocks, &owned, plan))
        .collect()
}

/// Nobody's addresses as far as routes go: link-local services, multicast, broadcast.
const NOWHERE: [&str; 8] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/3",
    "::/8",
    "fe80::/10",
    "fd00:ec2::/32",
    "ff00::/8",
];

/// Addresses that are not on the internet (RFC 6890). Those for documentation are, in scenarios.
/// Of IPv6, 2000::/3 is (RFC 4291 section 2.4).
const PRIVATE: [&str; 7] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::/3",
    "4000::/2",
    "8000::/1",
];

/// The blocks in which no address is anybody's, as far as routes go.
pub(super) fn nowhere() -> impl Iterator<Item = IpNet> {
    NOWHERE.iter().map(|it| it.parse().expect("a block"))
}

/// The other blocks that are not on the internet.
pub(super) fn private() -> impl Iterator<Item = IpNet> {
    PRIVATE.iter().map(|it| it.parse().expect("a block"))
}

/// Whether a packet to the address is anybody's business: it lies in no block of `NOWHERE`.
pub(super) const fn is_routed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => {
            let first = it.octets()[0];
            first != 0 && first != 127 && first < 224 && !it.is_link_local()
        }
        IpAddr::V6(it) => {
            let [first, second, ..] = it.segments();
            first >> 8 != 0
                && first >> 8 != 0xff
                && first & 0xffc0 != 0xfe80
                && !(first == 0xfd00 && second == 0x0ec2)
        }
    }
}

/// Whether the address can be on the internet (RFC 6890; of the blocks for documentation, which
/// scenarios use, it can).
#[must_use]
pub const fn is_public(address: IpAddr) -> bool {
    let private = match address {
        IpAddr::V4(it) => {
            let [first, second, ..] = it.octets();
            it.is_private() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(it) => it.segments()[0] & 0xe000 != 0x2000,
    };
    !private && is_routed(address)
}

/// Classes of the interfaces that have an address; of several VPCs with one block, several. A
/// service's address is in one from `SERVICES` on.
type Owned = BTreeMap<IpAddr, BTreeSet<u32>>;

/// The first class of addresses of AWS's services.
const SERVICES: u32 = 1 << 31;

fn cells_of(version: IpVersion, blocks: &[IpNet], owned: &Owned, plan: &Plan) -> Vec<Cell> {
    let blocks: Vec<Interval> = (blocks.iter())
        .filter(|it| IpVersion::of(it) == version)
        .map(|it| Interval::from(*it))
        .collect();
    let within = |number: u128| -> Vec<u32> {
        let holding = blocks.iter().enumerate();
        holding
            .filter(|(_, block)| block.contains(number))
            .map(|(at, _)| at as u32)
            .collect()
    };
    let mut cells: BTreeMap<(Vec<u32>, Vec<u32>), Vec<Interval>> = BTreeMap::new();
    for interval in elementary(version, &blocks) {
        cells
            .entry((within(interval.low), Vec::new()))
            .or_default()
            .push(interval);
    }
    let own = owned.iter();
    let own = own.filter(|(address, _)| IpVersion::of_address(**address) == version);
    let mut taken = Vec::new();
    for (address, classes) in own {
        let number = address_number(*address);
        taken.push(Interval::single(number));
        let key = (within(number), classes.iter().copied().collect());
        cells.entry(key).or_default().push(Interval::single(number));
    }
    let taken = Ranges::of(taken);
    let cell = |((_, classes), intervals): ((_, Vec<u32>), Vec<Interval>)| {
        let mut addresses = Ranges::of(intervals);
        let is_owned = !classes.is_empty();
        if !is_owned {
            addresses = addresses.subtract(&taken);
        }
        let owners = if is_owned {
            owners(version, &addresses, plan)
        } else {
            Vec::new()
        };
        (!addresses.is_empty()).then_some(Cell {
            version,
            addresses,
            owners,
            is_owned,
            is_service: classes.last().is_some_and(|it| *it >= SERVICES),
        })
    };
    cells.into_iter().filter_map(cell).collect()
}

/// The stretches between one border and the next.
fn elementary(version: IpVersion, blocks: &[Interval]) -> Vec<Interval> {
    let whole = version.addresses();
    let mut starts: BTreeSet<u128> = blocks.iter().map(|it| it.low).collect();
    starts.extend(blocks.iter().filter_map(|it| it.high.checked_add(1)));
    starts.insert(whole.low);
    starts.retain(|it| *it <= whole.high);
    let starts: Vec<u128> = starts.into_iter().collect();
    let ends = starts.iter().skip(1).map(|next| next - 1);
    let ends = ends.chain([whole.high]);
    let pairs = starts.iter().zip(ends);
    pairs
        .filter_map(|(low, high)| Interval::new(*low, high))
        .collect()
}

/// The first and the last interface with one of the private addresses.
fn owners(version: IpVersion, addresses: &Ranges, plan: &Plan) -> Vec<(InterfaceIndex, IpAddr)> {
    let holds = |address: &IpAddr| {
        IpVersion::of_address(*address) == version && addresses.contains(address_number(*address))
    };
    let mut all = plan.live_interfaces().filter_map(|(index, nic)| {
        let address = nic.addresses.iter().find(|it| holds(it))?;
        Some((index, *address))
    });
    let first = all.next();
    let last = all.last();
    first.into_iter().chain(last).collect()
}

/// Every block and address in the resources, those of single machines excepted.
fn blocks(resources: &Resources) -> Vec<IpNet> {
    let mut rest = resources.clone();
    rest.network_interfaces.clear();
    rest.instances.clear();
    rest.addresses.clear();
    rest.flow_logs.clear();
    let mut found = BTreeSet::new();
    if let Ok(value) = serde_json::to_value(&rest) {
        collect(&value, &mut found);
    }
    found.into_iter().collect()
}

fn collect(value: &Value, found: &mut BTreeSet<IpNet>) {
    match value {
        Value::String(text) => {
            let block = text.parse::<IpNet>().map(|it| it.trunc());
            let block = block.or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            found.extend(block);
        }
        Value::Array(values) => values.iter().for_each(|it| collect(it, found)),
        Value::Object(members) => members.values().for_each(|it| collect(it, found)),
        _ => {}
    }
}

/// What tells interfaces apart, beside what is behind them: VPC, subnet, groups, the check, and
/// those that routes lead to each from all others: what they get may be for their neighbours.
type Place = (u32, u32, u32, bool, Option<InterfaceIndex>);

/// Interfaces that are the target of a route.
fn appliances(resources: &Resources) -> BTreeSet<&NetworkInterfaceId> {
    let routes = resources.route_tables.values().flat_map(|it| &it.routes);
    let targets = routes.filter_map(|it| match &it.target {
        RouteTarget::NetworkInterface(id) => Some(id),
        _ => None,
    });
    targets.collect()
}

/// Addresses of interfaces, with the classes of their interfaces.
fn owned(resources: &Resources, plan: &Plan) -> Owned {
    let appliances = appliances(resources);
    let mut classes: BTreeMap<Place, Vec<&Owner>> = BTreeMap::new();
    let mut numbers: BTreeMap<(Place, usize), u32> = BTreeMap::new();
    let mut owned = Owned::new();
    for (index, nic) in plan.live_interfaces() {
        let key = (
            nic.vpc.0,
            nic.subnet.0,
            nic.groups.0,
            nic.source_dest_check,
            appliances.contains(&nic.id).then_some(index),
        );
        let kinds = classes.entry(key).or_default();
        let kind = kinds.iter().position(|it| alike(it, &nic.owner));
        let kind = kind.unwrap_or_else(|| {
            kinds.push(&nic.owner);
            kinds.len() - 1
        });
        let next = numbers.len() as u32;
        let class = *numbers.entry((key, kind)).or_insert(next);
        for (address, kind) in addresses(nic) {
            let class = class * 3 + kind;
            owned.entry(address).or_default().insert(class);
        }
    }
    for (address, class) in services(plan) {
        owned.entry(address).or_default().insert(class);
    }
    owned
}

/// Addresses of AWS's services, alike where the same gateway endpoints lead there.
fn services(plan: &Plan) -> Vec<(IpAddr, u32)> {
    let mut endpoints: BTreeMap<IpAddr, Vec<usize>> = BTreeMap::new();
    for address in plan.services() {
        endpoints.entry(address).or_default();
    }
    for (at, address) in plan.endpoint_services() {
        endpoints.entry(address).or_default().push(at);
    }
    let kinds: BTreeSet<&Vec<usize>> = endpoints.values().collect();
    let class = |its| SERVICES + kinds.iter().take_while(|kind| **kind < its).count() as u32;
    let classes = endpoints
        .iter()
        .map(|(address, its)| (*address, class(its)));
    classes.collect()
}

/// Private addresses without a public one (0), with one (1), public ones (2).
fn addresses(nic: &PlanInterface) -> impl Iterator<Item = (IpAddr, u32)> {
    let private = nic.addresses.iter();
    let private = private.map(|it| (*it, u32::from(nic.public_of(*it).is_some())));
    private.chain(nic.public.iter().map(|(_, public)| (*public, 2)))
}

/// Whether the network treats what is behind two interfaces alike.
fn alike(a: &Owner, b: &Owner) -> bool {
    match (a, b) {
        (Owner::Instance { running: a, .. }, Owner::Instance { running: b, .. }) => a == b,
        (a, b) => a == b,
    }
}
