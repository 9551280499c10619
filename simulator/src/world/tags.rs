//! Machines by the `Name` tags of their instances, and servers that are started on them.
//!
//! The machines of a scenario have the names of its file. One whose instance was launched later is
//! called by its instance's id; people call it by its `Name` tag, as the console does, where that
//! is a word and says which.

use smol_str::SmolStr;
use wirelab_model::InstanceState;

use super::World;
use crate::event::{Event, InputError};
use crate::host::{ExecId, Host, OutputStream, ServerSpec};
use crate::machines::Machine;

impl World {
    /// The machine with this `Name` tag, if it alone of those that run has it; or, where none runs,
    /// alone of those that are stopped.
    pub(super) fn machine_tagged(&self, name: &str) -> Option<u32> {
        let only = |fits: &dyn Fn(&Machine) -> bool| {
            let machines = (0_u32..).zip(&self.machines);
            let mut found = machines.filter(|(_, it)| fits(it) && self.has_tag(it, name));
            let first = found.next();
            first.map(|(number, _)| found.next().is_none().then_some(number))
        };
        let up = only(&|machine| machine.is_up);
        up.or_else(|| only(&|machine| !self.is_terminated(machine)))
            .flatten()
    }

    fn is_terminated(&self, machine: &Machine) -> bool {
        let instances = &self.topology.resources.instances;
        let instance = machine.instance().and_then(|id| instances.get(id));
        instance.is_none_or(|it| it.state == InstanceState::Terminated)
    }

    /// What people call the machine: by its own name, or, where that is an instance's id, by the
    /// `Name` tag if that is enough for [`World::host`].
    #[must_use]
    pub fn called(&self, host: &Host) -> SmolStr {
        let name = &host.spec().name;
        let Some(number) = self.by_name.get(name) else {
            return name.clone();
        };
        let machine = &self.machines[*number as usize];
        let is_id = machine.instance().is_some_and(|id| id.as_str() == name);
        let tag = is_id.then(|| self.name_tag(machine)).flatten();
        let tag = tag.filter(|tag| self.machine_number(tag) == Some(*number));
        tag.unwrap_or_else(|| name.clone())
    }

    fn has_tag(&self, machine: &Machine, name: &str) -> bool {
        self.name_tag(machine).is_some_and(|tag| tag == name)
    }

    /// The `Name` tag of its instance, if it can be a host's name.
    pub(super) fn name_tag(&self, machine: &Machine) -> Option<SmolStr> {
        let instance = self.topology.resources.instances.get(machine.instance()?)?;
        let tag = instance.tags.iter().find(|tag| tag.key == "Name")?;
        let is_word = |text: &str| {
            let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '.' | '_');
            !text.is_empty() && text.chars().all(fits)
        };
        is_word(&tag.value).then(|| tag.value.clone())
    }

    /// Ends a command by a signal.
    pub(super) fn kill(&mut self, id: ExecId, signal: u8) {
        let mut machines = self.machines.iter();
        let Some(number) = machines.position(|it| it.running.contains(&id)) else {
            return;
        };
        self.with_host(number, |host, now, out| {
            host.kill(now, id, i32::from(signal), out);
        });
    }

    /// Starts a server on a machine.
    pub(super) fn start_server(
        &mut self,
        id: ExecId,
        host: &str,
        server: ServerSpec,
    ) -> Result<(), InputError> {
        let Some(number) = self.at_work(id, host)? else {
            return Ok(());
        };
        let (program, port) = (server.program(), server.port());
        let says = match &server {
            ServerSpec::Python { port } => {
                format!("Serving HTTP on 0.0.0.0 port {port} (http://0.0.0.0:{port}/) ...\n")
            }
            _ => format!("{program}: listens at port {port}\n"),
        };
        let started = self.machines[number].serve(server);
        let at = self.now;
        let (stream, text, status) = match started {
            true => (OutputStream::Stdout, says, 0),
            false => {
                let text = format!("{program}: bind to port {port}: Address already in use\n");
                (OutputStream::Stderr, text, 1)
            }
        };
        self.events.push(Event::ExecOutput {
            id,
            stream,
            text,
            at,
        });
        self.events.push(Event::ExecDone { id, status, at });
        Ok(())
    }
}
