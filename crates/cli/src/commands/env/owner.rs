//! With which process an endpoint in the background ends.
//!
//! `eval "$(wirelab env)"` is run by the shell whose endpoint it is to be, or by a copy of that
//! shell that is there for `$( )` alone. A copy was not started from a program of its own, so it
//! has the words and the environment that its parent was started with. The endpoint of a script
//! ends with the script then, and that of a terminal's shell with the terminal.

/// The process; 0 where none can be told.
#[cfg(target_os = "linux")]
pub(super) fn pid() -> i32 {
    // direnv evaluates for another shell, in one that ends before that has read a line.
    if std::env::var_os("DIRENV_IN_ENVRC").is_some() {
        return linux::session_leader();
    }
    linux::shell()
}

/// The leader of the session, whose end closes this terminal.
#[cfg(not(target_os = "linux"))]
pub(super) fn pid() -> i32 {
    rustix::process::getsid(None).map_or(0, |leader| leader.as_raw_nonzero().get())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::read;

    /// The shell that evaluates what this process prints.
    pub(super) fn shell() -> i32 {
        let mut shell = stat("self").map_or(0, |it| it.parent);
        while let Some(above) = stat(&shell.to_string()).map(|it| it.parent)
            && is_copy(shell, above)
        {
            shell = above;
        }
        shell
    }

    /// The process whose end closes this terminal: the leader of the session, 0 where it has no
    /// number here. So it is in a container entered from outside: the leader is in another PID
    /// namespace, and getsid(2) gives 0, which rustix cannot say.
    pub(super) fn session_leader() -> i32 {
        stat("self").map_or(0, |it| it.session)
    }

    /// Whether a process was forked from `above` and has started no program since.
    fn is_copy(process: i32, above: i32) -> bool {
        let started = |pid: i32| {
            let of = |name: &str| read(format!("/proc/{pid}/{name}")).ok();
            Some((of("cmdline")?, of("environ")?))
        };
        started(process).is_some_and(|it| started(above) == Some(it))
    }

    struct Stat {
        parent: i32,
        session: i32,
    }

    fn stat(process: &str) -> Option<Stat> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // `PID (NAME) STATE PPID PGRP SESSION ...`, and a name may hold spaces and brackets.
        let after_name = stat.rsplit(')').next()?;
        let mut words = after_name.split_ascii_whitespace().skip(1);
        Some(Stat {
            parent: words.next()?.parse().ok()?,
            session: words.nth(1)?.parse().ok()?,
        })
    }
}
