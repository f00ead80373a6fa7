//! How the allocator of the program treats large buffers, which every step of a network takes and gives back.

use libmimalloc_sys::{mi_collect, mi_option_set_default, mi_option_t};

use super::product::release_scratch;

/// How long pages that were given back stay with the process, in milliseconds.
const PURGE_DELAY: mi_option_t = 15;
/// Days: longer than the work between two calls takes. With -1, the library's word for ever, it would not note which pages are
/// free, and [`give_back_freed_pages`] would find none.
const KEPT_MILLIS: i32 = 1_000_000_000;

/// From now on, lets buffers be made of pages that earlier ones had, in place of fresh ones, which the system fills with
/// zeros first (`docs/dev/measurements.md` has what that takes). What was given back before the first call goes to the system,
/// and so do the large buffers that products worked in.
///
/// Memory then stays with the process until [`give_back_freed_pages`], so that this is for the time after loading. Acts where
/// the program's allocator is mimalloc, unless the user sets its variable `MIMALLOC_PURGE_DELAY`, and does nothing else.
pub fn keep_freed_pages() {
    release_scratch();
    give_back_freed_pages();
    // SAFETY: the option exists in this version of the library, which the test below holds on to. Other threads may read it
    // meanwhile, without a lock: a word of the processor, which they see as it was or as it is, and either is a delay.
    unsafe { mi_option_set_default(PURGE_DELAY, KEPT_MILLIS.into()) };
}

/// Gives the system what nobody holds: between two kinds of work, whose buffers have other sizes and would find no place in the
/// gaps that the first left.
pub fn give_back_freed_pages() {
    // SAFETY: gives back what nobody holds.
    unsafe { mi_collect(true) };
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    fn the_option_is_the_one_that_is_meant() {
        // SAFETY: reading an option changes nothing.
        let get = || unsafe { mi_option_get(PURGE_DELAY) };
        let set_by_user = std::env::var("MIMALLOC_PURGE_DELAY").ok();
        let expected = |default| match &set_by_user {
            Some(text) => text.parse().unwrap(),
            None => default,
        };
        // What it is when nothing was set; another would most likely be something else.
        assert_eq!(get(), expected(1000));
        keep_freed_pages();
        assert_eq!(get(), expected(KEPT_MILLIS.into()));
    }
}
