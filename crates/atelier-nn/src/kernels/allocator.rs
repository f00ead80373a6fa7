//! How the allocator of the program treats large buffers, which every step of a network takes and gives back.

use std::ffi::c_long;

use libmimalloc_sys::{mi_collect, mi_option_set, mi_option_t};

/// How long pages that were given back stay with the process, in milliseconds; -1 is for ever.
const PURGE_DELAY: mi_option_t = 15;
/// With 2, pages go back to the system in the size of huge ones, which stay whole.
const ALLOW_HUGE_PAGES: mi_option_t = 43;

/// From now on, lets buffers be made of pages that earlier ones had, in place of fresh ones, which the system fills with
/// zeros first. What was given back before goes to the system.
///
/// A step of Stable Diffusion 1.5 takes a tenth to a fifth less time (`docs/dev/measurements.md`).
///
/// Memory then stays with the process until it ends, so that this is for the time after loading. Acts where the program's allocator is mimalloc, and does nothing else.
pub fn keep_freed_pages() {
    // SAFETY: gives back what nobody holds.
    unsafe { mi_collect(true) };
    for (option, value) in [(PURGE_DELAY, -1), (ALLOW_HUGE_PAGES, 2)] {
        set(option, value);
    }
}

fn set(option: mi_option_t, value: c_long) {
    // SAFETY: both options exist in this version of the library, which the test below holds on to; options may be set from
    // any thread, at any time.
    unsafe { mi_option_set(option, value) };
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    fn the_options_are_those_that_are_meant() {
        // SAFETY: reading an option changes nothing.
        let get = |option| unsafe { mi_option_get(option) };
        // What they are when nothing was set; others would most likely be something else.
        assert_eq!((get(PURGE_DELAY), get(ALLOW_HUGE_PAGES)), (1000, 1));
        keep_freed_pages();
        assert_eq!((get(PURGE_DELAY), get(ALLOW_HUGE_PAGES)), (-1, 2));
    }
}
