//! What `ss -i` and `-o` print of a connection.

use wirelab_model::SimTime;

use crate::host::tcp::Info;

/// `print_ms_timer` of iproute2, with its `ms` behind fractions of seconds.
pub(super) fn print_timer(millis: u64) -> String {
    let (minutes, seconds, mut rest) = (millis / 60_000, millis / 1000 % 60, millis % 1000);
    let mut text = String::new();
    if minutes > 0 {
        rest = 0;
        text += &format!("{minutes}min");
    }
    if seconds > 0 && minutes <= 9 {
        if seconds > 9 {
            rest = 0;
        }
        text += &format!("{seconds}{}", if rest > 0 { "." } else { "sec" });
    }
    if rest > 0 {
        text += &format!("{rest:03}ms");
    }
    text
}

/// The line of `ss -i` (`tcp_stats_print` of iproute2).
pub(super) fn details(info: &Info, options: bool, now: SimTime) -> String {
    let mut text = "\t".to_owned();
    // `-o`.
    if info.timestamps && options {
        text += " ts";
    }
    if info.sack && options {
        text += " sack";
    }
    text += " cubic";
    if let Some((ours, theirs)) = info.scales {
        text += &format!(" wscale:{theirs},{ours}");
    }
    text += &format!(" rto:{}", info.rto_ms);
    if info.backoff > 0 {
        text += &format!(" backoff:{}", info.backoff);
    }
    if info.rtt_us > 0 {
        let (rtt, variance) = (millis(info.rtt_us), millis(info.rtt_variance_us));
        text += &format!(" rtt:{rtt}/{variance}");
    }
    if info.ack_timeout_ms > 0 {
        text += &format!(" ato:{}", info.ack_timeout_ms);
    }
    text += &format!(
        " mss:{} pmtu:{} rcvmss:{} advmss:{} cwnd:{}",
        info.mss, info.path_mtu, info.receive_mss, info.advertised_mss, info.cwnd
    );
    if let Some(threshold) = info.ssthresh {
        text += &format!(" ssthresh:{threshold}");
    }
    let totals = &info.totals;
    for (name, number) in [
        ("bytes_sent", totals.sent),
        ("bytes_retrans", totals.sent_again),
        ("bytes_acked", totals.acknowledged),
        ("bytes_received", totals.received),
        ("segs_out", totals.segments_out),
        ("segs_in", totals.segments_in),
        ("data_segs_out", totals.data_out),
        ("data_segs_in", totals.data_in),
    ] {
        if number > 0 {
            text += &format!(" {name}:{number}");
        }
    }
    let microbits = u64::from(info.mss) * 8 * u64::from(info.cwnd) * 1_000_000;
    if let Some(bits) = microbits.checked_div(info.rtt_us) {
        text += &format!(" send {}bps", rate(bits));
    }
    text += &ages(info, now);
    if info.unacknowledged > 0 {
        text += &format!(" unacked:{}", info.unacknowledged);
    }
    if info.total_retransmitted > 0 {
        let (now, ever) = (info.retransmitted_now, info.total_retransmitted);
        text += &format!(" retrans:{now}/{ever}");
    }
    if info.lost > 0 {
        text += &format!(" lost:{}", info.lost);
    }
    text + &windows(info)
}

/// What may come, the least round trip, and what may go.
fn windows(info: &Info) -> String {
    let mut text = String::new();
    for (name, octets) in [
        ("rcv_space", u64::from(info.receive_space)),
        ("rcv_ssthresh", info.receive_threshold),
    ] {
        if octets > 0 {
            text += &format!(" {name}:{octets}");
        }
    }
    if info.rtt_us > 0 {
        text += &format!(" minrtt:{}", millis(info.minimum_rtt_us));
    }
    if info.peer_window > 0 {
        text += &format!(" snd_wnd:{}", info.peer_window);
    }
    text
}

/// How long ago something was sent and came, and at which rate it goes. What ss says of the rate
/// of delivery (`delivery_rate`, `app_limited`) is not measured here.
fn ages(info: &Info, now: SimTime) -> String {
    let mut text = String::new();
    for (name, at) in [
        ("lastsnd", info.last_sent),
        ("lastrcv", info.last_data),
        ("lastack", info.last_received),
    ] {
        let age = now.since(at).as_millis();
        if age > 0 {
            text += &format!(" {name}:{age}");
        }
    }
    if info.pacing_rate > 0 {
        text += &format!(" pacing_rate {}bps", rate(info.pacing_rate * 8));
    }
    if info.delivered > 0 {
        text += &format!(" delivered:{}", info.delivered);
    }
    text
}

/// Bits a second with three figures and a unit (`sprint_bw`).
fn rate(bits: u64) -> String {
    let mut number = bits;
    let mut below = 0;
    for unit in ["", "K", "M", "G"] {
        if number < 1000 {
            let shown = match (unit, number) {
                ("", _) | (_, 100..) => format!("{number}"),
                (_, 10..) => format!("{number}.{}", below / 100),
                _ => format!("{number}.{:02}", below / 10),
            };
            let shown = match shown.contains('.') {
                true => shown.trim_end_matches('0').trim_end_matches('.'),
                false => shown.as_str(),
            };
            return format!("{shown}{unit}");
        }
        (number, below) = (number / 1000, number % 1000);
    }
    format!("{number}T")
}

/// Milliseconds as `%g` prints them.
fn millis(micros: u64) -> String {
    let text = format!("{}.{:03}", micros / 1000, micros % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
