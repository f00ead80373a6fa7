//! Attempts as processes of this program on this machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use fs_err::OpenOptions;

use crate::alive;
use crate::error::Result;
use crate::executor::{Executor, Standing, Ticket};

/// Starts `PROGRAM worker --job ID --attempt N` for each attempt. A process that an earlier server started is known by the lock
/// that it holds.
#[derive(Debug)]
pub struct ChildProcess {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    /// Those that this process started and has not seen the end of, by token.
    children: BTreeMap<String, Child>,
    /// How the others ended, as long as they are asked for.
    ended: BTreeMap<String, Option<i32>>,
}

impl ChildProcess {
    /// With a program, arguments before `worker`, and variables of the environment besides this process's own.
    pub fn new(
        program: PathBuf,
        arguments: Vec<OsString>,
        environment: Vec<(OsString, OsString)>,
    ) -> Self {
        Self {
            program,
            arguments,
            environment,
            children: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    fn command(&self, ticket: &Ticket) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command.args(["worker", "--job", &ticket.job.to_string()]);
        command.args(["--attempt", &ticket.attempt.to_string()]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt as _;
            // Ctrl-C at the terminal is for the server, which asks its workers itself.
            command.process_group(0);
        }
        command
    }

    /// Takes note of every child that ended, so that the system can forget it.
    fn reap(&mut self) {
        let ended = &mut self.ended;
        self.children.retain(|token, child| match child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                ended.insert(token.clone(), exit_status(status));
                false
            }
            Err(_) => {
                ended.insert(token.clone(), None);
                false
            }
        });
    }

    fn standing(&self, ticket: &Ticket) -> Standing {
        if self.children.contains_key(&ticket.token) {
            return Standing::Alive;
        }
        if let Some(status) = self.ended.get(&ticket.token) {
            return Standing::Ended(*status);
        }
        let lock = ticket.files().alive();
        if !lock.exists() {
            Standing::Unknown
        } else if alive::is_taken(&lock) {
            Standing::Alive
        } else {
            Standing::Ended(None)
        }
    }
}

/// The status as shells say it.
fn exit_status(status: ExitStatus) -> Option<i32> {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        status.code().or(status.signal().map(|signal| 128 + signal))
    }
    #[cfg(not(unix))]
    status.code()
}

impl Executor for ChildProcess {
    fn submit(&mut self, ticket: &Ticket) -> Result<()> {
        let files = ticket.files();
        fs_err::create_dir_all(files.folder())?;
        // The worker gets the lock with its standard input, so that there is no moment in which nobody has it.
        let Some(lock) = alive::take(&files.alive())? else {
            return Ok(());
        };
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(files.log())?;
        let log = log.into_parts().0;
        let mut command = self.command(ticket);
        command.stdin(Stdio::from(lock));
        command.stdout(Stdio::from(log.try_clone()?));
        command.stderr(Stdio::from(log));
        let child = command.spawn()?;
        self.children.insert(ticket.token.clone(), child);
        Ok(())
    }

    fn poll(&mut self, tickets: &[Ticket]) -> Vec<Standing> {
        self.reap();
        self.ended
            .retain(|token, _| tickets.iter().any(|ticket| ticket.token == *token));
        tickets.iter().map(|ticket| self.standing(ticket)).collect()
    }

    fn cancel(&mut self, ticket: &Ticket) -> Result<()> {
        ticket.files().ask_to_stop()
    }

    fn log(&self, ticket: &Ticket, most_bytes: u64) -> Result<String> {
        ticket.files().log_tail(most_bytes)
    }
}
