//! Keeping the threads of the pool awake through many short operations.
//!
//! A step of training is some thousand operations of a few ten microseconds, with as much between them that one thread does
//! alone. Waking a thread that went to sleep in between takes as long as an operation.

use super::share::Helpers;

/// Runs `work` on this thread, while the others of its pool look for what it shares among them without sleeping in between.
/// Outside of a pool it only runs it.
pub fn awake<R>(work: impl FnOnce() -> R) -> R {
    match rayon::current_thread_index() {
        Some(own) if rayon::current_num_threads() > 1 => Helpers::call(own).with(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use rayon::ThreadPoolBuilder;
    use rayon::prelude::*;

    use super::*;

    /// Sums of numbers below 1000, each by many small tasks that wait for others.
    fn sums(count: u64) -> Vec<u64> {
        let sum = |i: u64| (0..1000_u64).into_par_iter().map(|k| k * i).sum();
        (0..count).into_par_iter().map(sum).collect()
    }

    #[test]
    fn work_gives_the_same_in_pools_of_any_size_and_within_itself() {
        let expected: Vec<u64> = (0..40).map(|i| i * 499_500).collect();
        assert_eq!(awake(|| sums(40)), expected);
        for threads in [1, 2, 3, 8] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| {
                for _ in 0..20 {
                    assert_eq!(awake(|| sums(40)), expected);
                }
                // from several threads at once, and one within the other
                let outer = awake(|| {
                    let each = (0..8).into_par_iter();
                    each.map(|_| awake(|| sums(40))).collect::<Vec<_>>()
                });
                assert_eq!(outer, vec![expected.clone(); 8]);
            });
        }
    }

    #[test]
    fn a_panic_of_the_work_lets_the_threads_go() {
        let pool = ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        pool.install(|| {
            let failed = catch_unwind(AssertUnwindSafe(|| awake(|| panic!("as planned"))));
            assert!(failed.is_err());
            assert_eq!(awake(|| sums(3)), [0, 499_500, 999_000]);
        });
    }
}
