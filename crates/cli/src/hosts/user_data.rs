//! User data of which nothing here does some lines: who looks for what it was to do is told.

use wirelab_session::Session;

use super::unknown::instance;

/// How many lines of a machine's user data were not done, and how to see them.
pub(crate) fn not_done(session: &Session, host: &str) -> Option<String> {
    let id = &instance(session, session.run().world().host(host)?)?.instance_id;
    let said = session.run().console(id)?;
    let (lines, word) = match said.lines().filter(|it| it.contains(": not done;")).count() {
        0 => return None,
        1 => (1, "line"),
        lines => (lines, "lines"),
    };
    Some(format!(
        "user data of {host}: {lines} {word} not done, as `aws ec2 get-console-output --instance-id \
         {id}` tells; `wirelab exec {host} -- serve ...` starts a server"
    ))
}
