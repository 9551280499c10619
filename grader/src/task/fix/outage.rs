//! For how long traffic that worked before did not, at any time since the lab opened.
//!
//! A repair that ends well may have gone a long way round: a list that denied everything for ten
//! minutes, a machine that was stopped and started again. Whoever used the network meanwhile
//! noticed, so every exchange since the opening counts, and every exchange that was due.
//!
//! ```text
//! every 60s   ✓      ✓      ✗      ✗      ·      ·      ✓      ✓
//!                           |<------- down: 4 minutes -->|
//! ```

use wirelab_model::{SimDuration, SimTime};
use wirelab_session::Run;
use wirelab_simulator::host::{Outcome, TrafficEvent, TrafficSpec};

/// Time without service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Down {
    /// All of it.
    pub(super) time: SimDuration,
    /// When it began first.
    pub(super) since: Option<SimTime>,
    /// Whether it had not ended by the end of the run.
    pub(super) goes_on: bool,
}

/// The time for which `spec` was down in `run` since `opened`.
pub(super) fn down(run: &Run, spec: &TrafficSpec, opened: SimTime) -> Down {
    let exchanges: Vec<&TrafficEvent> = run.evidence().exchanges(&spec.name).collect();
    of(&exchanges, spec, opened, run.now())
}

fn of(exchanges: &[&TrafficEvent], spec: &TrafficSpec, opened: SimTime, now: SimTime) -> Down {
    let mut down = Down::default();
    let mut since: Option<SimTime> = None;
    let mut last: Option<&TrafficEvent> = None;
    let mut begin = |at: SimTime, since: &mut Option<SimTime>| {
        let at = at.max(opened);
        let _ = since.get_or_insert(at);
        let _ = down.since.get_or_insert(at);
    };
    let mut time = SimDuration::ZERO;
    for event in exchanges {
        if event.at >= opened {
            // One that did not even begin.
            if let Some(due) = last.map(|last| due(last, spec))
                && event.started > due + spec.every
            {
                begin(due, &mut since);
            }
            if event.outcome != Outcome::Completed {
                begin(event.started, &mut since);
            } else if let Some(from) = since.take() {
                time = time + event.started.since(from);
            }
        }
        last = Some(event);
    }
    if let (Some(due), None) = (last.map(|last| due(last, spec)), spec.count)
        && due + spec.every + spec.timeout < now
    {
        begin(due, &mut since);
    }
    let goes_on = since.is_some();
    if let Some(from) = since {
        time = time + now.since(from);
    }
    Down {
        time,
        goes_on,
        ..down
    }
}

/// When the exchange after `last` begins.
fn due(last: &TrafficEvent, spec: &TrafficSpec) -> SimTime {
    (last.started + spec.every).max(last.at)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use wirelab_simulator::host::TrafficProgram;

    use super::*;

    fn spec() -> TrafficSpec {
        TrafficSpec {
            name: "reports".into(),
            from: "app".into(),
            to: Ipv4Addr::LOCALHOST.into(),
            to_name: None,
            port: 80,
            program: TrafficProgram::Http {
                method: "GET".into(),
                path: "/".into(),
                body_bytes: 0,
                keep_alive: false,
                user_agent: "curl".into(),
            },
            every: SimDuration::from_secs(60),
            first_at: SimTime::ZERO,
            timeout: SimDuration::from_secs(10),
            count: None,
            bind: false,
        }
    }

    fn event(started: u64, outcome: Outcome) -> TrafficEvent {
        TrafficEvent {
            traffic: "reports".into(),
            exchange: 0,
            started: SimTime::from_secs(started),
            at: SimTime::from_secs(started + 1),
            outcome,
            connection: None,
            cut: false,
            bytes_received: 0,
            status: None,
        }
    }

    fn seconds(exchanges: &[TrafficEvent], now: u64) -> (u64, bool) {
        let exchanges: Vec<_> = exchanges.iter().collect();
        let opened = SimTime::from_secs(100);
        let down = of(&exchanges, &spec(), opened, SimTime::from_secs(now));
        (down.time.as_secs(), down.goes_on)
    }

    #[test]
    fn time_is_lost_from_the_first_failure_to_the_next_success() {
        use Outcome::{Completed, TimedOut};
        let at = |seconds| event(seconds, Completed);
        assert_eq!(seconds(&[at(60), at(120), at(180)], 200), (0, false));
        let failing = [at(60), event(120, TimedOut), event(180, TimedOut), at(240)];
        assert_eq!(seconds(&failing, 250), (120, false));
        let before = [event(0, TimedOut), at(60), at(120)];
        assert_eq!(seconds(&before, 150), (0, false));
    }

    #[test]
    fn silence_is_lost_time_as_well() {
        let at = |seconds| event(seconds, Outcome::Completed);
        assert_eq!(seconds(&[at(60), at(120), at(780)], 800), (600, false));
        assert_eq!(seconds(&[at(60), at(120)], 480), (300, true));
    }
}
