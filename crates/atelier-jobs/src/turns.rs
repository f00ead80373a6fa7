//! Whose turn it is: which queued jobs begin now, and why the others wait. A plain function of what is known.

use atelier_core::{JobKind, JobState};
use atelier_store::Job;
use serde_json::Value;

/// What becomes of a queued job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It begins.
    Begin,
    /// It waits, for this reason.
    Wait(String),
}

/// A job that is neither done nor given up, and whether it has taken its memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) job: &'a Job,
    /// Whether what is free is without what it takes.
    pub(crate) has_settled: bool,
}

/// Decides about the queued ones of these jobs, which come in the order of their turns.
pub(crate) fn turns<'j>(jobs: &[Candidate<'j>], free_bytes: Option<u64>) -> Vec<(&'j Job, Turn)> {
    let running = |candidate: &&Candidate<'_>| candidate.job.state == JobState::Running;
    let mut room = Room {
        busy: jobs.iter().filter(running).map(|one| one.job).collect(),
        free_bytes,
        first: None,
    };
    for one in jobs.iter().filter(running).filter(|one| !one.has_settled) {
        room.take(one.job);
    }
    let queued = jobs.iter().map(|one| one.job);
    let queued = queued.filter(|job| job.state == JobState::Queued);
    queued.map(|job| (job, room.turn(job))).collect()
}

/// What the jobs that run leave to the others.
struct Room<'a> {
    busy: Vec<&'a Job>,
    free_bytes: Option<u64>,
    /// The first training that waits for drawings to end: no more of them begin before it.
    first: Option<&'a Job>,
}

impl<'a> Room<'a> {
    fn turn(&mut self, job: &'a Job) -> Turn {
        let reason = match job.kind {
            JobKind::Training => self.in_the_way_of_training(job),
            JobKind::Generation => self.in_the_way_of_drawing(job),
        };
        if let Some(reason) = reason {
            return Turn::Wait(format!("waits: {reason}"));
        }
        self.take(job);
        self.busy.push(job);
        Turn::Begin
    }

    fn in_the_way_of_training(&mut self, job: &'a Job) -> Option<String> {
        let is_other = |other: &&&Job| other.kind == JobKind::Training && same_device(job, other);
        if let Some(other) = self.busy.iter().find(is_other) {
            return Some(format!("{} is being trained", name(other, job)));
        }
        self.running(JobKind::Generation)?;
        let lack = self.lack(job)?;
        self.first.get_or_insert(job);
        Some(format!("pictures are being drawn, and {lack}"))
    }

    fn in_the_way_of_drawing(&self, job: &Job) -> Option<String> {
        if self.running(JobKind::Generation).is_some() {
            return Some("other pictures are being drawn".to_owned());
        }
        if let Some(first) = self.first {
            return Some(format!("{} is to be trained first", name(first, job)));
        }
        let training = self.running(JobKind::Training)?;
        let lack = self.lack(job)?;
        Some(format!(
            "{} is being trained, and {lack}",
            name(training, job)
        ))
    }

    fn running(&self, kind: JobKind) -> Option<&'a Job> {
        self.busy.iter().copied().find(|job| job.kind == kind)
    }

    /// Why a job does not fit beside the others, if it does not.
    fn lack(&self, job: &Job) -> Option<String> {
        let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
        match (memory_bytes(job), self.free_bytes) {
            (Some(needed), Some(free)) if needed <= free => None,
            // What is free differs at every look, and each reason is written to the disk.
            (Some(needed), Some(_)) => Some(format!(
                "the {} that this takes are not free",
                gigabytes(needed)
            )),
            (None, _) => Some("how much memory this takes is not known".to_owned()),
            (_, None) => Some("how much memory is free is not known".to_owned()),
        }
    }

    fn take(&mut self, job: &Job) {
        let taken = memory_bytes(job).unwrap_or(0);
        self.free_bytes = self.free_bytes.map(|free| free.saturating_sub(taken));
    }
}

/// What a run is called, for whoever a waiting job belongs to.
fn name(job: &Job, waiting: &Job) -> String {
    // Whoever sees the waiting job reads it.
    let is_theirs = job.is_shared || job.owner == waiting.owner && !waiting.is_shared;
    let name = job.run_name.as_deref().filter(|_| is_theirs);
    name.map_or_else(|| "another run".to_owned(), |name| format!("run `{name}`"))
}

fn memory_bytes(job: &Job) -> Option<u64> {
    job.request.get("memory_bytes").and_then(Value::as_u64)
}

/// Whether two jobs may compute on the same device, which one without a name may be.
fn same_device(one: &Job, other: &Job) -> bool {
    let device = |job: &Job| {
        let device = job.request.get("device").and_then(Value::as_str);
        device.filter(|word| *word != "auto").map(str::to_owned)
    };
    match (device(one), device(other)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}
