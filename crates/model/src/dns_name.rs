//! DNS names that EC2 gives to addresses (Amazon VPC User Guide, "DNS attributes for your VPC").

use std::net::Ipv4Addr;

/// `ip-10-0-1-5.ec2.internal`, or `ip-10-0-1-5.eu-west-1.compute.internal` elsewhere.
#[must_use]
pub fn private_dns_name(region: &str, address: Ipv4Addr) -> String {
    format!("ip-{}.{}", dashed(address), private_domain(region))
}

/// `ec2-3-208-1-2.compute-1.amazonaws.com`, or `ec2-3-208-1-2.eu-west-1.compute.amazonaws.com`.
#[must_use]
pub fn public_dns_name(region: &str, address: Ipv4Addr) -> String {
    format!("ec2-{}.{}", dashed(address), public_domain(region))
}

/// The address in a private name of the Region.
#[must_use]
pub fn read_private_name(region: &str, name: &str) -> Option<Ipv4Addr> {
    read("ip-", &private_domain(region), name)
}

/// The address in a public name of the Region.
#[must_use]
pub fn read_public_name(region: &str, name: &str) -> Option<Ipv4Addr> {
    read("ec2-", &public_domain(region), name)
}

fn private_domain(region: &str) -> String {
    if region == "us-east-1" {
        "ec2.internal".to_owned()
    } else {
        format!("{region}.compute.internal")
    }
}

fn public_domain(region: &str) -> String {
    if region == "us-east-1" {
        "compute-1.amazonaws.com".to_owned()
    } else {
        format!("{region}.compute.amazonaws.com")
    }
}

fn dashed(address: Ipv4Addr) -> String {
    address.to_string().replace('.', "-")
}

fn read(prefix: &str, domain: &str, name: &str) -> Option<Ipv4Addr> {
    let rest = name.strip_prefix(prefix)?;
    let (address, rest) = rest.split_once('.')?;
    let found = address.replace('-', ".").parse().ok();
    found.filter(|_| rest == domain)
}
