//! A closer look at the packet that a check has shown: decoded by tcpdump, or in a window of
//! Wireshark's.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use wirelab_grader::Counterexample;
use wirelab_grader::report::Report;
use wirelab_session::Session;
use wirelab_wire::pcap::PcapWriter;

use crate::failure::Failure;
use crate::print::relative;

/// The first packet that shows what is wrong.
pub(super) fn packet(report: &Report) -> Option<Counterexample> {
    let mut findings = report.tasks.iter().flat_map(|task| task.findings());
    findings.find_map(|finding| finding.packet.clone())
}

/// The packet with all that tcpdump knows of it, and its octets.
pub(super) fn decoded(packet: &Counterexample) -> Result<String, Failure> {
    let title = match &packet.captured {
        Some((file, number)) => format!(" {file} #{number}"),
        None => {
            " a packet that your captures do not have: of a hidden run, or made for this".into()
        }
    };
    let no_tcpdump = |error: std::io::Error| {
        Failure::environment(format!(
            "tcpdump does not start: {error}; `wirelab doctor` says how to install it"
        ))
    };
    let mut child = Command::new("tcpdump")
        // No time: a packet that was made has none. Sequence numbers as they are.
        .args(["-r", "-", "-n", "-t", "-S", "-e", "-vvv", "-X"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(no_tcpdump)?;
    let length = u32::try_from(packet.frame.len()).map_err(Failure::internal)?;
    let mut file = PcapWriter::new(Vec::new(), u32::from(u16::MAX))?;
    file.write_bytes(0, &packet.frame, length)?;
    let file = file.finish()?;
    // One that ends before it has read is heard of below.
    let _ = child.stdin.take().map(|mut it| it.write_all(&file));
    let printed = child.wait_with_output()?;
    if !printed.status.success() {
        let status = printed.status;
        return Err(Failure::environment(format!("tcpdump failed: {status}")));
    }
    let text = String::from_utf8_lossy(&printed.stdout).replace('\t', "    ");
    let text: String = text.lines().map(|line| format!("  {line}\n")).collect();
    Ok(format!("{title}\n\n{text}"))
}

/// What Wireshark opens: the capture that has the packet, at the packet; else the lab's first.
pub(super) fn capture(
    session: &Session,
    packet: Option<&Counterexample>,
) -> Option<(PathBuf, Option<usize>)> {
    let folder = session.dir();
    if let Some((file, number)) = packet.and_then(|it| it.captured.as_ref()) {
        return Some((folder.join(file), Some(*number)));
    }
    let files = std::fs::read_dir(folder.join("evidence")).ok()?;
    let files = files.filter_map(|file| Some(file.ok()?.path()));
    let captures = files.filter(|path| path.extension().is_some_and(|it| it == "pcap"));
    Some((captures.min()?, None))
}

/// Opens a window on a capture, and says so; or what to type where there can be one.
pub(super) fn in_wireshark((file, number): &(PathBuf, Option<usize>)) -> String {
    let mut command = Command::new("wireshark");
    let mut typed = "wireshark".to_owned();
    if let Some(number) = number {
        command.args(["-g", &number.to_string()]);
        typed += &format!(" -g {number}");
    }
    typed += &format!(" {}", relative(file));
    let place = number.map_or_else(String::new, |it| format!(", at packet {it}"));
    if !has_windows() {
        return format!(
            " no window can be opened from here: there is no DISPLAY. Where there is one:\n   \
             {typed}\n"
        );
    }
    match start(command.arg(file)) {
        Ok(()) => format!(" Wireshark opens {}{place}\n", relative(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => format!(
            " Wireshark is not installed here; `wirelab doctor` says how to get it. Then:\n   \
             {typed}\n"
        ),
        Err(error) => format!(" Wireshark does not start: {error}\n   {typed}\n"),
    }
}

/// Whether programs can have windows: X11 and Wayland say where in a variable, macOS always can.
fn has_windows() -> bool {
    let names = ["DISPLAY", "WAYLAND_DISPLAY"];
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|it| !it.is_empty());
    cfg!(target_os = "macos") || names.into_iter().any(is_set)
}

/// Starts a program that goes on when we end, and whose end somebody waits for.
fn start(command: &mut Command) -> std::io::Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    std::thread::spawn(move || child.wait());
    Ok(())
}
