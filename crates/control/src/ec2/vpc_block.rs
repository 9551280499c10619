//! Which IPv4 blocks a VPC may have (Amazon VPC User Guide, "VPC CIDR blocks").

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use wirelab_model::*;

use crate::error;
use crate::transaction::Transaction;

const fn block(octets: [u8; 4], length: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const RFC_1918: [Ipv4Net; 3] = [
    block([10, 0, 0, 0], 8),
    block([172, 16, 0, 0], 12),
    block([192, 168, 0, 0], 16),
];
/// What AWS's services use between accounts.
const SERVICES: Ipv4Net = block([198, 19, 0, 0], 16);
/// No VPC's (RFC 6890): "this network", loopback, link-local, multicast, reserved. Link-local is the
/// one that the guide names.
const RESERVED: [Ipv4Net; 5] = [
    block([0, 0, 0, 0], 8),
    block([127, 0, 0, 0], 8),
    block([169, 254, 0, 0], 16),
    block([224, 0, 0, 0], 4),
    block([240, 0, 0, 0], 4),
];

/// The block in its canonical form, if a VPC can have it.
pub(crate) fn checked(cidr: Ipv4Net) -> Result<Ipv4Net, ApiError> {
    if !(16..=28).contains(&cidr.prefix_len()) {
        return Err(error::vpc_range(cidr));
    }
    let cidr = cidr.trunc();
    if within(&RESERVED, cidr) {
        return Err(error::vpc_reserved(cidr));
    }
    Ok(cidr)
}

/// Whether the VPC can have the block besides those it has.
pub(crate) fn check_addition(
    tx: &Transaction<'_>,
    vpc: &Vpc,
    cidr: Ipv4Net,
) -> Result<(), ApiError> {
    // Of the private ranges, the one of the VPC's first block alone can be added.
    let private = |cidr| RFC_1918.iter().position(|range| range.contains(&cidr));
    let first = vpc.cidr_blocks.first().copied().and_then(private);
    let foreign = private(cidr).is_some() && private(cidr) != first;
    if foreign || vpc.cidr_blocks.iter().any(|had| is_restricted(*had, cidr)) {
        return Err(error::cidr_restricted(cidr, &vpc.vpc_id));
    }
    let tables = tx.each::<RouteTable>();
    for table in tables.filter(|it| it.vpc_id == vpc.vpc_id) {
        for route in &table.routes {
            if let RouteDestination::Cidr(IpNet::V4(destination)) = route.destination
                && route.target != RouteTarget::Local
                && cidr.contains(&destination)
            {
                let id = &table.route_table_id;
                return Err(error::cidr_covers_route(cidr, destination, id));
            }
        }
    }
    Ok(())
}

/// The guide's table "IPv4 CIDR block association restrictions", but for private ranges.
fn is_restricted(had: Ipv4Net, added: Ipv4Net) -> bool {
    let from = |range: Ipv4Net, cidr: Ipv4Net| range.contains(&cidr);
    let services = from(SERVICES, added) && !from(SERVICES, had);
    let of_classic = from(block([10, 0, 0, 0], 15), had) && from(block([10, 0, 0, 0], 16), added);
    let of_default = from(RFC_1918[1], had) && from(block([172, 31, 0, 0], 16), added);
    services || of_classic || of_default
}

fn within(ranges: &[Ipv4Net], cidr: Ipv4Net) -> bool {
    ranges.iter().any(|range| range.contains(&cidr))
}
