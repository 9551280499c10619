//! `ip route add`, `change`, `replace` and `del` of iproute2.

use wirelab_model::IpNet;

use super::ip::{USAGE, Version, address, failure, prefix, usage};
use super::{Refusal, Start, argument, number, printed};
use crate::host::Host;
use crate::host::route::{RouteKind, RouteLine};
use crate::host::spec::HostRoute;

/// A route as it was typed.
struct Typed {
    /// Nothing if none was said, which for `del` is any.
    kind: Option<RouteKind>,
    route: HostRoute,
}

impl Host {
    pub(super) fn set_route(&mut self, verb: &str, words: &[String], version: Version) -> Start {
        let Typed { kind, route } = parse_route(words, version)?;
        let kind = kind.unwrap_or_default();
        check_host_bits(route.destination)?;
        let lines = self.stack.routes.lines().iter();
        let old = lines
            .filter(|line| line.route.destination == route.destination)
            .map(|line| line.route.clone())
            .next();
        match (verb, &old) {
            ("add", Some(_)) => return Err(failure(2, "RTNETLINK answers: File exists")),
            ("change", None) => {
                return Err(failure(2, "RTNETLINK answers: No such file or directory"));
            }
            _ => {}
        }
        let interfaces = self.stack.interfaces.clone();
        if kind != RouteKind::Unicast {
            if route.via.is_some() || route.device.is_some() {
                return Err(failure(
                    2,
                    "Error: Gateway, device and multipath can not be specified for this route type.",
                ));
            }
            self.stack.routes.replace(kind, route, &interfaces);
            return printed("");
        }
        let known = route
            .device
            .as_ref()
            .is_none_or(|name| self.find_device(name).is_some());
        if !known {
            let name = route.device.unwrap_or_default();
            return Err(failure(1, &format!("Cannot find device \"{name}\"")));
        }
        let reachable = route.via.is_none_or(|via| {
            self.stack
                .interfaces
                .iter()
                .any(|config| config.addresses.iter().any(|net| net.contains(&via)))
        });
        if !reachable {
            return Err(failure(2, "Error: Nexthop has invalid gateway."));
        }
        if route.via.is_none() && route.device.is_none() {
            return Err(failure(2, "RTNETLINK answers: No such device"));
        }
        self.stack.routes.replace(kind, route, &interfaces);
        printed("")
    }

    pub(super) fn delete_route(&mut self, words: &[String], version: Version) -> Start {
        let Typed { kind, route } = parse_route(words, version)?;
        let destination = route.destination;
        check_host_bits(destination)?;
        let fits = |line: &RouteLine| {
            line.route.destination == destination
                && kind.is_none_or(|kind| kind == line.kind)
                && (route.via.is_none() || route.via == line.route.via)
                && (route.device.is_none() || self.device_of(line) == route.device.as_deref())
        };
        if !self.stack.routes.lines().iter().any(fits) {
            return Err(failure(2, "RTNETLINK answers: No such process"));
        }
        let interfaces = self.stack.interfaces.clone();
        if self.stack.routes.remove(destination, &interfaces) {
            printed("")
        } else {
            Err(failure(2, "RTNETLINK answers: No such process"))
        }
    }
}

/// `ip route add` and the like without a route (`usage()` of `iproute.c` exits with -1).
fn no_route() -> Refusal {
    usage().status(255)
}

/// The kernel takes no prefix with bits of a host (`fib_table_insert`).
fn check_host_bits(net: IpNet) -> Result<(), Refusal> {
    match net == net.trunc() {
        true => Ok(()),
        false => Err(failure(2, "Error: Invalid prefix for given prefix length.")),
    }
}

pub(super) fn parse_net(text: &str, version: Version) -> Result<IpNet, Refusal> {
    let text = match (text, version) {
        ("default", Version::V6) => "::/0",
        ("default", _) => "0.0.0.0/0",
        (text, _) => text,
    };
    prefix(text)
}

fn parse_route(words: &[String], version: Version) -> Result<Typed, Refusal> {
    let kind = words.first().and_then(|word| RouteKind::named(word));
    let mut words = words[usize::from(kind.is_some())..].iter();
    let first = words.next().ok_or_else(|| match kind {
        None => no_route(),
        Some(_) => failure(255, "Command line is not complete. Try option \"help\""),
    })?;
    let destination = parse_net(first, version)?;
    let mut route = HostRoute {
        destination,
        via: None,
        device: None,
        mtu: None,
        advmss: None,
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "via" => route.via = Some(address(argument(&mut words, "via")?)?),
            "dev" => route.device = Some(argument(&mut words, "dev")?.into()),
            "mtu" => route.mtu = Some(number(argument(&mut words, "mtu")?, "mtu")?),
            "advmss" => route.advmss = Some(number(argument(&mut words, "advmss")?, "advmss")?),
            other => {
                return Err(failure(
                    1,
                    &format!(
                        "Error: \"{other}\" is not supported here.\n{}",
                        USAGE.trim_end()
                    ),
                ));
            }
        }
    }
    Ok(Typed { kind, route })
}
