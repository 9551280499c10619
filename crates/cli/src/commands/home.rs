//! `wirelab` alone: in a lab, its page, and on a terminal the watch; else how to get one.

mod closer;
mod first;
mod keys;
mod screen;
mod styled;
mod watch;
mod written;

use self::watch::Ended;
use crate::commands::{next, start, status};
use crate::failure::{Code, Failure};
use crate::{folder, output, terminal};

const NO_LAB: &str = "\
wirelab · no lab folder here yet
  wirelab init            create ./wirelab and start the course
  wirelab tour            90 seconds of one lab, touches nothing
  wirelab list            the labs
  wirelab book            the book, page by page
  wirelab doctor          which tools are installed, and what each is for
  wirelab replay FILE     flow-log records for a capture of your own
";

pub(crate) fn run() -> Result<Code, Failure> {
    if folder::session_folder()?.is_none() {
        output::text(NO_LAB)?;
        return Ok(Code::Passed);
    }
    let mut session = folder::open()?;
    let has_tasks = !session.lab().tasks.is_empty();
    while has_tasks && terminal::is_interactive() && terminal::has_screen() {
        match watch::run(session)? {
            Ended::Quit => return Ok(Code::Passed),
            Ended::Next => {
                next::run()?;
                // The shell goes on with the lab that it is about, and the screen would.
                if folder::bound::is_bound() {
                    return Ok(Code::Passed);
                }
            }
            Ended::Chosen(lab) => {
                start::run(&start::Arguments::of(lab))?;
                if folder::bound::is_bound() {
                    return Ok(Code::Passed);
                }
            }
            Ended::Elsewhere => {}
        };
        session = folder::open()?;
    }
    output::ticket(&status::print(&mut session)?)?;
    Ok(Code::Passed)
}
