//! Tasks are run once each, whoever shares them wherever.

use rayon::ThreadPoolBuilder;

use super::super::awake;
use super::*;

/// The square of every number below `count`, by small tasks.
fn squares(count: usize) -> Vec<usize> {
    shared_values(count, |i| i * i)
}

#[test]
fn shared_tasks_run_once_each_wherever_they_are_shared() {
    let expected: Vec<usize> = (0..300).map(|i| i * i).collect();
    assert_eq!(squares(300), expected);
    for threads in [1, 2, 3, 8] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            assert_eq!(squares(300), expected);
            for _ in 0..200 {
                assert!(awake(|| (0..20).all(|_| squares(300) == expected)));
            }
            // tasks that share others, in one another's midst and beside the pool's own
            let nested = awake(|| shared_values(9, |_| squares(300)));
            assert_eq!(nested, vec![expected.clone(); 9]);
            let each = (0..8).into_par_iter();
            let beside: Vec<_> = each.map(|_| awake(|| squares(300))).collect();
            assert_eq!(beside, vec![expected.clone(); 8]);
        });
    }
}

#[test]
fn helpers_that_went_to_sleep_are_called_again() {
    let looking = || HELPERS.with_borrow(|helpers| helpers.as_ref().unwrap().are_there());
    let asleep = || {
        HELPERS.with_borrow(|helpers| helpers.as_ref().unwrap().looking.load(Ordering::SeqCst) == 0)
    };
    let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    pool.install(|| {
        awake(|| {
            for _ in 0..3 {
                while !looking() {
                    assert_eq!(squares(3), [0, 1, 4]);
                }
                assert_eq!(squares(3), [0, 1, 4]);
                while !asleep() {
                    std::thread::yield_now();
                }
            }
        });
    });
}

#[test]
fn a_panic_of_a_task_reaches_the_one_who_shared_it() {
    let pool = ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    pool.install(|| {
        for at in [0, 7, 99] {
            let failed = catch_unwind(AssertUnwindSafe(|| {
                awake(|| {
                    share(100, |i| {
                        std::hint::black_box(squares(3));
                        assert!(i != at, "as planned");
                    });
                });
            }));
            let panic = failed.unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"as planned"));
            assert_eq!(awake(|| squares(3)), [0, 1, 4]);
        }
    });
}
