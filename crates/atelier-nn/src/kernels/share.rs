//! Work for all threads, handed over without putting any of them to sleep.
//!
//! A thread that waits for others in the pool's own way sleeps soon, and waking it takes as long as a small operation.
//! Inside of [`awake`](super::awake()) the others look for work all the time: a task is announced in one place, every
//! thread takes the next number of it, and the one that shares it does so too until none is left.

use std::any::Any;
use std::cell::RefCell;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

#[cfg(test)]
mod tests;

/// Looks for the others' end before the thread lets other programs run: some 50 µs.
const LOOKS: usize = 1000;
/// Looks in vain before a helper may sleep all the same: for some 2 ms.
const PATIENCE: usize = 2500;
/// Pauses between two looks at the pool's own work, of some 50 ns each.
const PAUSES: usize = 16;

thread_local! {
    /// The helpers of the work that this thread does, unless they have a task of it just now.
    static HELPERS: RefCell<Option<Arc<Helpers>>> = const { RefCell::new(None) };
}

/// Runs `task` for every number below `count`, on all threads.
pub(super) fn share(count: usize, task: impl Fn(usize) + Send + Sync) {
    if count < 2 || rayon::current_num_threads() < 2 {
        return (0..count).for_each(task);
    }
    let helpers = HELPERS.take();
    let _back = Enter(helpers.clone());
    match helpers {
        Some(helpers) if helpers.are_there() => helpers.run(count, &task),
        _ => (0..count).into_par_iter().for_each(task),
    }
}

/// Runs `task` with every one of `items` and its number, on all threads.
pub(super) fn share_each<T: Send>(
    items: impl Iterator<Item = T>,
    task: impl Fn(usize, T) + Send + Sync,
) {
    let items: Vec<_> = items.map(|item| Mutex::new(Some(item))).collect();
    share(items.len(), |i| {
        let item = items[i]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        task(i, item.expect("every number is taken once"));
    });
}

/// What `value` gives for every number below `count`, on all threads.
pub(super) fn shared_values<T: Send>(
    count: usize,
    value: impl Fn(usize) -> T + Send + Sync,
) -> Vec<T> {
    let mut values: Vec<Option<T>> = (0..count).map(|_| None).collect();
    share_each(values.iter_mut(), |i, to| *to = Some(value(i)));
    let values = values.into_iter();
    values
        .map(|value| value.expect("every number has been taken"))
        .collect()
}

/// The threads that look for the tasks of one thread's work.
pub(super) struct Helpers {
    /// The task that is shared now, or null.
    task: AtomicPtr<Task<'static>>,
    /// How many tasks there were.
    turn: AtomicUsize,
    /// Threads that may use `task`.
    inside: AtomicUsize,
    /// Threads that look for tasks.
    looking: AtomicUsize,
    /// Threads that were called and have not come yet.
    called: AtomicUsize,
    /// Whether the work has ended.
    done: AtomicBool,
    /// The number of the thread that works.
    own: usize,
}

struct Task<'a> {
    run: &'a (dyn Fn(usize) + Sync),
    count: usize,
    /// The number that is to be taken next.
    next: AtomicUsize,
    /// What a helper failed with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Task<'_> {
    /// Takes numbers until there is none.
    fn run(&self) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.count {
                break;
            }
            (self.run)(number);
        }
    }
}

impl Helpers {
    /// Calls the other threads of the pool to help with the work of thread `own`.
    pub(super) fn call(own: usize) -> Arc<Self> {
        let helpers = Arc::new(Self {
            task: AtomicPtr::new(null_mut()),
            turn: AtomicUsize::new(0),
            inside: AtomicUsize::new(0),
            looking: AtomicUsize::new(0),
            called: AtomicUsize::new(0),
            done: AtomicBool::new(false),
            own,
        });
        helpers.call_again();
        helpers
    }

    /// Runs `work` with these helpers, and lets them go.
    pub(super) fn with<R>(self: Arc<Self>, work: impl FnOnce() -> R) -> R {
        let _done = Done(&self);
        let _outer = Enter(HELPERS.replace(Some(self.clone())));
        work()
    }

    /// Whether any thread looks for tasks. Calls them if none does.
    fn are_there(self: &Arc<Self>) -> bool {
        let are_there = self.looking.load(Ordering::Relaxed) > 0;
        if !are_there && self.called.load(Ordering::Relaxed) == 0 {
            self.call_again();
        }
        are_there
    }

    fn call_again(self: &Arc<Self>) {
        let helpers = self.clone();
        let others = rayon::current_num_threads() - 1;
        self.called.store(others, Ordering::Relaxed);
        rayon::spawn_broadcast(move |context| {
            if context.index() != helpers.own {
                helpers.called.fetch_sub(1, Ordering::Relaxed);
                helpers.looking.fetch_add(1, Ordering::Relaxed);
                helpers.look();
                helpers.looking.fetch_sub(1, Ordering::Relaxed);
            }
        });
    }

    /// Shares a task with the helpers, and returns when all of it is done.
    fn run(&self, count: usize, run: &(dyn Fn(usize) + Sync)) {
        let task = Task {
            run,
            count,
            next: AtomicUsize::new(0),
            panic: Mutex::new(None),
        };
        let announced = Announced::new(self, &task);
        task.run();
        drop(announced);
        let panic = task.panic.into_inner();
        if let Some(panic) = panic.unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(panic);
        }
    }

    /// Takes part in this work and the pool's until it is done, or there has been none for a while: this may run while the
    /// thread waits for a part of other work, which goes on only after it.
    fn look(&self) {
        let (mut seen, mut in_vain) = (0, 0);
        while !self.done.load(Ordering::Relaxed) && in_vain < PATIENCE {
            if self.help(&mut seen) || rayon::yield_now() == Some(rayon::Yield::Executed) {
                in_vain = 0;
                continue;
            }
            in_vain += 1;
            for _ in 0..PAUSES {
                if self.turn.load(Ordering::Relaxed) != seen {
                    break;
                }
                spin_loop();
            }
        }
    }

    /// Takes numbers of the task, unless it is the one `seen` before. Tells whether there was one.
    fn help(&self, seen: &mut usize) -> bool {
        let turn = self.turn.load(Ordering::Acquire);
        if turn == *seen {
            return false;
        }
        *seen = turn;
        self.inside.fetch_add(1, Ordering::SeqCst);
        let task = self.task.load(Ordering::SeqCst);
        let there = !task.is_null();
        if there {
            // SAFETY: the task is taken back before it ends, and then its owner waits until nobody is inside. In the one
            // order of these operations, a thread that has come in after that look has found no task.
            let task = unsafe { &*task };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| task.run())) {
                task.next.store(task.count, Ordering::Relaxed);
                let mut first = task.panic.lock().unwrap_or_else(PoisonError::into_inner);
                *first = Some(panic);
            }
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        there
    }
}

/// A task that the helpers can see. They have left it when this is dropped, also by a panic.
struct Announced<'a>(&'a Helpers);

impl<'a> Announced<'a> {
    fn new(helpers: &'a Helpers, task: &'a Task<'_>) -> Self {
        let task = std::ptr::from_ref(task).cast_mut().cast();
        helpers.task.store(task, Ordering::SeqCst);
        helpers.turn.fetch_add(1, Ordering::Release);
        Self(helpers)
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        self.0.task.store(null_mut(), Ordering::SeqCst);
        let mut looks = 0;
        while self.0.inside.load(Ordering::SeqCst) > 0 {
            if looks < LOOKS {
                looks += 1;
                spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

/// Puts helpers into their place when it is dropped.
struct Enter(Option<Arc<Helpers>>);

impl Drop for Enter {
    fn drop(&mut self) {
        HELPERS.set(self.0.take());
    }
}

/// Lets the helpers go, also when the work panics.
struct Done<'a>(&'a Helpers);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.done.store(true, Ordering::Relaxed);
    }
}
