//! The machines held against captures of the real kernel, segment by segment.
//!
//! Each test plays a situation of `tests/golden/kernel` with two machines and a router, and
//! compares what one capture point saw: every segment that carries data or a control bit, in
//! order, with flags, relative numbers, length and option kinds; timers within the wheel's
//! granularity. Pure ACKs are not compared one by one: how many there are is an accident of
//! scheduling on the machine that captured.

mod parity_support;

use parity_support::{Comparison, Golden, Millis, Net, Part, Side, Verdict, compare, icmp};
use wirelab_model::{SimDuration, SimTime};
use wirelab_simulator::host::{KernelProfile, Outcome, ServerSpec, TrafficProgram};
use wirelab_wire::TcpFlags;

fn get(path: &str) -> TrafficProgram {
    TrafficProgram::Http {
        method: "GET".into(),
        path: path.into(),
        body_bytes: 0,
        keep_alive: true,
        user_agent: "curl/7.88.1".into(),
    }
}

/// Paths of the right length, so that the request has the golden request's 80 octets.
const ANSWER: &str = "/big_bin";
const FILE: &str = "/big.bin";

/// When the client starts.
const START: SimTime = SimTime::from_nanos(50_000);

fn assert_parity(name: &str, found: Comparison) {
    let Comparison {
        compared,
        bursts,
        differences,
        late,
        early,
    } = found;
    println!(
        "{name:<42} {compared:>4} segments {:>2} differences {bursts:>2} burst ends elsewhere, \
         at most {early:>6} us early {late:>6} us late",
        differences.len()
    );
    for difference in &differences {
        println!("  {difference}");
    }
    assert!(compared > 0 && differences.is_empty(), "{name}");
    assert!(bursts * 5 <= compared, "{name}: bursts have another shape");
}

#[test]
fn files_are_sent_as_the_kernel_sends_them() {
    for (name, mtu, size) in [
        ("http-get-9001", 9001, 120_000),
        ("http-get-1500", 1500, 40_000),
    ] {
        let golden = Golden::read(&format!("{name}.client.pcap"));
        let mut net = Net::new(mtu, mtu, mtu);
        net.serve(FILE, size);
        net.request(get(FILE), START);
        net.run_until(SimTime::from_millis_for_test(900));
        let golden = golden.flow(80).without_fin().after_head();
        assert_parity(name, compare(&golden, &net.flow(Side::Client).after_head()));
    }
}

#[test]
fn a_smaller_path_is_discovered_as_the_kernel_discovers_it() {
    for (name, host, path, size) in [
        ("pmtud-9001-1500", 9001, 1500, 60_106),
        ("pmtud-1500-1400", 1500, 1400, 30_106),
    ] {
        let mut net = Net::new(host, path, host);
        net.serve_total(ANSWER, size);
        net.request(get(ANSWER), START);
        net.run_until(SimTime::from_millis_for_test(900));
        let golden = Golden::read(&format!("{name}.server.pcap"));
        let golden = golden.flow(80).without_fin();
        assert_parity(name, compare(&golden, &net.flow(Side::Server)));
    }
}

#[test]
fn a_black_hole_is_never_left_and_ends_after_938_seconds() {
    for (name, host, path, size, until) in [
        (
            "mtu-blackhole-9001-1500-probe0-until-fail",
            9001,
            1500,
            60_106,
            1000,
        ),
        ("mtu-blackhole-1500-1400-probe0", 1500, 1400, 30_106, 132),
    ] {
        let mut net = Net::new(host, path, host);
        net.router_drops_icmp();
        net.serve_total(ANSWER, size);
        net.request(get(ANSWER), START);
        net.run_until(SimTime::from_secs(until));
        let golden = Golden::read(&format!("{name}.server.pcap"));
        assert_parity(name, compare(&golden.flow(80), &net.flow(Side::Server)));
    }
}

#[test]
fn probing_leaves_a_black_hole_at_the_fifth_timeout() {
    let name = "mtu-blackhole-9001-1500-probe1";
    let mut net = Net::new(9001, 1500, 9001);
    net.router_drops_icmp();
    net.server_settings(|settings| settings.tcp_mtu_probing = 1);
    net.serve_total(ANSWER, 60_106);
    net.request(get(ANSWER), START);
    net.run_until(SimTime::from_secs(30));
    let golden = Golden::read(&format!("{name}.server.pcap"));
    let golden = golden.flow(80).without_fin();
    assert_parity(name, compare(&golden, &net.flow(Side::Server)));
}

#[test]
fn an_unanswered_syn_is_repeated_on_each_kernels_schedule() {
    for (name, kernel, gives_up) in [
        ("syn-drop-default-6.18", KernelProfile::Linux618, 131..138),
        ("syn-drop-classic-linear0", KernelProfile::Linux61, 127..134),
    ] {
        let mut net = Net::new(1500, 1500, 1500);
        net.client_kernel(kernel);
        net.pipe(Side::Client, |_, _| Verdict::Drop);
        net.request(get(ANSWER), START);
        net.run_until(SimTime::from_secs(200));
        let golden = Golden::read(&format!("{name}.client.pcap"));
        let golden = golden.flow(golden.first_port());
        assert_parity(name, compare(&golden, &net.flow(Side::Client)));
        let event = net.traffic_events().remove(0);
        assert_eq!(event.outcome, Outcome::TimedOut);
        assert!(gives_up.contains(&event.at.as_secs()), "{}", event.at);
    }
}

#[test]
fn a_lost_syn_ack_is_repeated_by_the_listener_and_by_every_syn() {
    for (name, kernel) in [
        ("synack-drop-default-6.18", KernelProfile::Linux618),
        ("synack-drop-classic", KernelProfile::Linux61),
    ] {
        let mut net = Net::new(1500, 1500, 1500);
        net.client_kernel(kernel);
        net.server_kernel(kernel);
        net.pipe(Side::Server, |_, _| Verdict::Drop);
        net.serve(ANSWER, 1);
        net.request(get(ANSWER), START);
        net.run_until(SimTime::from_secs(134));
        let golden = Golden::read(&format!("{name}.server.pcap"));
        let golden = golden.flow(golden.first_port());
        assert_parity(name, compare(&golden, &net.flow(Side::Server)));
    }
}

#[test]
fn a_closed_port_answers_with_reset() {
    let mut net = Net::new(1500, 1500, 1500);
    net.request_at_port(get(ANSWER), 81, START);
    net.run_until(SimTime::from_secs(1));
    let golden = Golden::read("closed-port.client.pcap");
    assert_parity(
        "closed-port",
        compare(&golden.flow(81), &net.flow(Side::Client)),
    );
    assert_eq!(net.traffic_events()[0].outcome, Outcome::Refused);
}

#[test]
fn losses_are_repaired_as_the_kernel_repairs_them() {
    for (name, lost) in [
        ("loss-first", &[0_usize][..]),
        ("loss-third", &[2]),
        ("loss-two", &[2, 5]),
        ("loss-tail", &[13]),
    ] {
        let mut net = Net::new(1500, 1500, 1500);
        net.serve_total(ANSWER, 20_106);
        let mut seen = 0;
        net.pipe(Side::Server, move |packet, _| {
            let carries = packet.as_tcp().is_some_and(|tcp| !tcp.payload.is_empty());
            seen += usize::from(carries);
            if carries && lost.contains(&(seen - 1)) {
                Verdict::Drop
            } else {
                Verdict::Pass
            }
        });
        net.request(get(ANSWER), START);
        net.run_until(SimTime::from_millis_for_test(600));
        let golden = Golden::read(&format!("{name}.server.pcap"));
        let golden = golden.flow_until(80, 0.6).without_fin();
        assert_parity(name, compare(&golden, &net.flow(Side::Server)));
    }
}

#[test]
fn slow_start_doubles_each_round_trip() {
    let name = "rtt20-slowstart";
    let mut net = Net::new(1500, 1500, 1500);
    net.delay(SimDuration::from_micros(10_350));
    net.serve_total(ANSWER, 200_107);
    net.request(get(ANSWER), START);
    net.run_until(SimTime::from_millis_for_test(600));
    let golden = Golden::read(&format!("{name}.server.pcap"));
    let golden = golden.flow(80).without_fin();
    assert_parity(name, compare(&golden, &net.flow(Side::Server)));
}

#[test]
fn a_clamped_mss_keeps_every_segment_small() {
    let mut net = Net::new(9001, 1500, 9001);
    net.router_clamps_mss();
    net.serve_total(ANSWER, 60_106);
    net.request(get(ANSWER), START);
    net.run_until(SimTime::from_millis_for_test(500));
    let golden = Golden::read("mss-clamp-1500.server.pcap");
    let golden = golden.flow_until(80, 0.4).without_fin();
    assert_parity("mss-clamp-1500", compare(&golden, &net.flow(Side::Server)));
}

#[test]
fn a_write_into_silence_is_repeated_on_the_kernels_schedule() {
    let name = "midflow-single-write-return-drop";
    let mut net = Net::new(1500, 1500, 1500);
    net.echo(8080);
    net.pipe(Side::Server, |_, at| {
        if at > SimTime::from_millis_for_test(1210) {
            Verdict::Drop
        } else {
            Verdict::Pass
        }
    });
    let echo = TrafficProgram::Echo {
        bytes: 1000,
        keep_alive: true,
    };
    net.request_every(echo, 8080, START, SimDuration::from_millis(855));
    net.run_until(SimTime::from_secs(131));
    let golden = Golden::read(&format!("{name}.client.pcap"));
    let golden = golden.flow(8080).outbound_after(1.5);
    assert_parity(
        name,
        compare(&golden, &net.flow(Side::Client).outbound_after(1.5)),
    );
}

#[test]
fn a_fin_into_silence_is_repeated_on_the_kernels_schedule() {
    let name = "fin-blackhole";
    let mut net = Net::new(1500, 1500, 1500);
    net.add_server(ServerSpec::Discard { port: 8080 });
    net.pipe(Side::Server, |packet, _| {
        let opens = packet
            .as_tcp()
            .is_some_and(|tcp| tcp.flags.contains(TcpFlags::SYN));
        if opens { Verdict::Pass } else { Verdict::Drop }
    });
    net.request_at_port(TrafficProgram::Connect, 8080, START);
    net.run_until(SimTime::from_secs(200));
    let golden = Golden::read(&format!("{name}.client.pcap")).flow(8080);
    let ours = net.flow(Side::Client).fins();
    assert_parity(name, compare(&golden.fins(), &ours));
}

#[test]
fn pings_of_every_length_leave_and_come_as_the_kernels_do() {
    for (name, mtu, commands) in [
        (
            "ping-1500",
            1500,
            &[
                "ping -c 3 -i 0.3 10.0.2.20",
                "ping -c 2 -i 0.3 -W 1 -M do -s 1472 10.0.2.20",
                "ping -c 2 -i 0.3 -W 1 -M do -s 1473 10.0.2.20",
                "ping -c 1 -W 1 -M dont -s 2973 10.0.2.20",
                "ping -c 1 -W 1 -t 1 10.0.2.20",
                "ping -c 1 -W 1 -t 2 10.0.2.20",
            ][..],
        ),
        (
            "ping-9001-through-1500",
            9001,
            &[
                "ping -c 3 -i 0.3 10.0.2.20",
                "ping -c 2 -i 0.3 -W 1 -M do -s 1472 10.0.2.20",
                "ping -c 2 -i 0.3 -W 1 -M do -s 1473 10.0.2.20",
                "ping -c 2 -i 0.3 -W 1 -M do -s 8973 10.0.2.20",
                "ping -c 2 -i 0.3 -W 1 -M do -s 8974 10.0.2.20",
                "ping -c 1 -W 1 -M dont -s 10474 10.0.2.20",
                "ping -c 1 -W 1 -t 1 10.0.2.20",
            ][..],
        ),
    ] {
        let mut net = Net::new(mtu, 1500, mtu);
        net.path_to_server(1500);
        for command in commands {
            net.exec(&command.split_whitespace().collect::<Vec<_>>());
        }
        let golden = Golden::read(&format!("{name}.client.pcap"));
        let mut kernel = icmp(golden.packets());
        if mtu == 9001 {
            // The second router of the capture answers a last ping with TTL 2.
            kernel.truncate(kernel.len() - 2);
        }
        println!("{name:<42} {:>4} packets compared", kernel.len());
        assert_eq!(icmp(net.packets(Side::Client)), kernel, "{name}");
    }
}

#[test]
fn a_machine_saved_in_the_middle_of_a_transfer_goes_on_as_if_nothing_had_been() {
    let play = |saved: bool| {
        let mut net = Net::new(9001, 1500, 9001);
        net.delay(SimDuration::from_millis(3));
        net.serve_total(ANSWER, 300_000);
        net.request(get(ANSWER), START);
        for step in 1..12 {
            net.run_until(SimTime::from_millis_for_test(step * 4));
            if saved {
                net.save_and_restore();
            }
        }
        net.run_until(SimTime::from_secs(2));
        assert_eq!(net.traffic_events()[0].outcome, Outcome::Completed);
        net.flow(Side::Server)
    };
    assert!(play(false) == play(true));
}
