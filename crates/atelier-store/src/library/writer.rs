//! The one thread of this process that changes the catalogue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::Viewer;
use super::connection::{Line, open_to_write};
use crate::error::{Error, Result};

/// Changes that may wait for their turn before callers do.
const WAITING: usize = 64;

type Task = Box<dyn FnOnce(&mut Lines) + Send>;

/// The connections of the thread: one for those who see everything, and one for the others when the first of them comes.
struct Lines {
    whole: Line,
    partial: Option<Line>,
    path: PathBuf,
}

impl Lines {
    fn of(&mut self, viewer: Viewer) -> Result<&mut Connection> {
        let line = if viewer.sees_all() {
            &mut self.whole
        } else {
            match &mut self.partial {
                Some(line) => line,
                none => none.insert(Line::new(open_to_write(&self.path)?, true)?),
            }
        };
        line.told.set(viewer);
        Ok(&mut line.connection)
    }
}

/// The way to the thread, which ends with it.
pub(super) struct Writer {
    tasks: Option<SyncSender<Task>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Writer {
    pub(super) fn start(connection: Connection, path: PathBuf) -> Result<Self> {
        let (tasks, waiting) = sync_channel::<Task>(WAITING);
        let mut lines = Lines {
            whole: Line::new(connection, false)?,
            partial: None,
            path: path.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("catalogue".to_owned())
            .spawn(move || {
                while let Ok(task) = waiting.recv() {
                    task(&mut lines);
                }
            })?;
        Ok(Self {
            tasks: Some(tasks),
            thread: Some(thread),
            path,
        })
    }

    /// Runs `work` in a transaction that no other change comes between, and waits until it is on the disk.
    pub(super) fn write<T: Send + 'static>(
        &self,
        viewer: Viewer,
        work: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let stopped = || Error::Stopped {
            path: self.path.clone(),
        };
        let (answer, answered) = sync_channel(1);
        let task: Task = Box::new(move |lines| {
            let change = || -> Result<T> {
                let connection = lines.of(viewer)?;
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let value = work(&transaction)?;
                transaction.commit()?;
                Ok(value)
            };
            // A panic takes its transaction back and no later change with it.
            if let Ok(result) = catch_unwind(AssertUnwindSafe(change)) {
                let _ = answer.send(result);
            }
        });
        let tasks = self.tasks.as_ref().ok_or_else(stopped)?;
        tasks.send(task).map_err(|_| stopped())?;
        answered.recv().map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.tasks.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_change_takes_its_change_back_and_later_ones_go_on() {
        let connection = Connection::open_in_memory().unwrap();
        let writer = Writer::start(connection, PathBuf::from("x")).unwrap();
        writer
            .write(Viewer::Machine, |change| {
                Ok(change.execute_batch("CREATE TABLE t (x)")?)
            })
            .unwrap();
        let panicked = writer.write(Viewer::Machine, |change| -> Result<()> {
            change.execute("INSERT INTO t VALUES (1)", [])?;
            panic!("in the middle");
        });
        assert!(matches!(panicked, Err(Error::Stopped { .. })));
        let failed = writer.write(Viewer::Machine, |change| -> Result<()> {
            change.execute("INSERT INTO t VALUES (2)", [])?;
            Err(Error::not_found("thing", "x"))
        });
        assert!(matches!(failed, Err(Error::NotFound { .. })));
        let count = |change: &Transaction<'_>| {
            let count = change.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, u32>(0));
            Ok(count?)
        };
        assert_eq!(writer.write(Viewer::Machine, count).unwrap(), 0);
    }
}
