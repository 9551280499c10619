//! Which instances Systems Manager has to do with: those that run, and whose agent reaches it.
//!
//! The agent asks for `ssm` and `ssmmessages` of its Region by HTTPS (AWS Systems Manager User
//! Guide, "Improve the security of EC2 instances by using VPC endpoints"), so both names must lead
//! somewhere, and a packet there and its answer back: by an internet or NAT gateway, or by
//! interface endpoints whose groups let it in. The path engine says so, of the network that packets
//! meet now.

use wirelab_control::Control;
use wirelab_model::{AWS_SERVICES, Caller, InstanceId, InstanceState};
use wirelab_simulator::World;
use wirelab_simulator::path::{Probe, ProbeProtocol, explain};

/// What the agent needs.
const NEEDED: [&str; 2] = ["ssm", "ssmmessages"];

/// The caller's instances that are managed, in the order of their ids.
pub(crate) fn instances(caller: &Caller, control: &Control, world: &World) -> Vec<InstanceId> {
    let all = world.resources().instances.values();
    let running = all.filter(|it| it.state == InstanceState::Running);
    let own = running.filter(|it| {
        let (account, region) = control.owner_of(it.instance_id.as_str());
        (account, region) == (&caller.account, &caller.region)
    });
    let managed = own.filter(|it| {
        let mut services = AWS_SERVICES.iter().filter(|it| NEEDED.contains(&it.name));
        services.all(|service| {
            let name = service.public_name(&caller.region);
            reaches(world, &it.instance_id, &name)
        })
    });
    managed.map(|it| it.instance_id.clone()).collect()
}

fn reaches(world: &World, instance: &InstanceId, name: &str) -> bool {
    let addresses = world.resolve(instance, name);
    let Some(to) = addresses.first() else {
        return false;
    };
    let probe = Probe {
        from: instance.as_str().into(),
        to: *to,
        protocol: ProbeProtocol::Tcp(443),
        source_port: None,
        size: None,
    };
    explain(world, &probe).is_ok_and(|report| report.reachable())
}
