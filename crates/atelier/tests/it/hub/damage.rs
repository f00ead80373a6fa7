//! Contents that are not what was announced: cut, too long, or changed.

use super::fake_hub::{FakeHub, Fault};
use super::{
    WEIGHTS, assert_failed, assert_fetched, partials, repo_cache, show, snapshot, tiny_hub,
};
use crate::workbench::{Workbench, files_below};

/// The weights with one changed byte.
fn changed(hub: &FakeHub) -> Vec<u8> {
    let mut content = hub.content(WEIGHTS);
    let last = content.len() - 1;
    content[last] ^= 1;
    content
}

/// Nothing passes for the weights.
fn assert_not_there(bench: &Workbench, hub: &FakeHub) {
    assert!(!snapshot(bench).join(WEIGHTS).exists());
    assert!(!snapshot(bench).join("model_index.json").exists());
    let size = hub.content(WEIGHTS).len() as u64;
    let blobs = repo_cache(bench).join("blobs");
    let of_size = files_below(&blobs)
        .into_iter()
        .filter(|name| std::fs::metadata(blobs.join(name)).unwrap().len() == size);
    assert_eq!(of_size.count(), 0);
}

#[test]
fn a_connection_that_ends_in_the_middle_is_taken_up_there() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    hub.fail(WEIGHTS, Fault::CutAfter(1000), 1);
    hub.fail(WEIGHTS, Fault::EndAfter(500), 1);
    let ended = show(&bench, &hub);
    assert_fetched(&bench, &ended);
    assert_eq!(hub.ranges(WEIGHTS), [None, Some(1000), Some(1500)]);
    let said = "the connection ended after 1500 of";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

#[test]
fn a_connection_that_brings_a_little_each_time_gets_there() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let size = hub.content(WEIGHTS).len();
    // More often than attempts that bring nothing are made.
    hub.fail(WEIGHTS, Fault::CutAfter(size / 16), 12);
    assert_fetched(&bench, &show(&bench, &hub));
    assert_eq!(hub.ranges(WEIGHTS).len(), 13);
}

#[test]
fn a_connection_that_ends_at_once_is_given_up_and_what_is_there_stays() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    hub.fail(WEIGHTS, Fault::CutAfter(1000), 1);
    hub.fail(WEIGHTS, Fault::CutAfter(0), 99);
    let words = [
        "gave up after 5 attempts",
        "the connection ended after 1000 of",
    ];
    assert_failed(&show(&bench, &hub), 1, &words);
    assert_not_there(&bench, &hub);
    let lengths: Vec<_> = partials(&bench)
        .iter()
        .map(|path| std::fs::metadata(path).unwrap().len())
        .collect();
    assert_eq!(lengths, [1000]);
}

#[test]
fn a_hub_that_ignores_the_range_sends_it_from_the_start() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    hub.fail(WEIGHTS, Fault::CutAfter(1000), 1);
    hub.fail(WEIGHTS, Fault::WholeAlways, 1);
    assert_fetched(&bench, &show(&bench, &hub));
    assert_eq!(hub.ranges(WEIGHTS), [None, Some(1000)]);
}

#[test]
fn a_hub_that_ignores_the_range_and_always_ends_at_the_same_byte_is_given_up() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    hub.fail(WEIGHTS, Fault::WholeCutAfter(1000), 99);
    let words = [
        "gave up after 5 attempts",
        "the connection ended after 1000 of",
    ];
    assert_failed(&show(&bench, &hub), 1, &words);
    assert_eq!(hub.ranges(WEIGHTS).len(), 5);
    assert_not_there(&bench, &hub);
}

#[test]
fn a_hub_that_ignores_the_range_and_gets_further_each_time_gets_there() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    for step in 1..9 {
        hub.fail(WEIGHTS, Fault::WholeCutAfter(1000 * step), 1);
    }
    assert_fetched(&bench, &show(&bench, &hub));
    assert_eq!(hub.ranges(WEIGHTS).len(), 9);
}

#[test]
fn a_range_that_the_hub_does_not_have_is_fetched_anew() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    hub.fail(WEIGHTS, Fault::CutAfter(1000), 1);
    hub.fail(WEIGHTS, Fault::Status(416, ""), 1);
    assert_fetched(&bench, &show(&bench, &hub));
    assert_eq!(hub.ranges(WEIGHTS), [None, Some(1000), None]);
}

#[test]
fn a_length_other_than_announced_is_refused() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let size = hub.content(WEIGHTS).len();
    let short = hub.content(WEIGHTS)[..size - 1].to_vec();
    hub.fail(WEIGHTS, Fault::Other(short), 1);
    let announced = format!("has {} bytes, the hub announced {size}", size - 1);
    assert_failed(
        &show(&bench, &hub),
        1,
        &[&announced, WEIGHTS, "hint: run the command again"],
    );
    assert_not_there(&bench, &hub);
    hub.fail(WEIGHTS, Fault::EndLate(1), 1);
    assert_failed(
        &show(&bench, &hub),
        1,
        &["has more bytes, the hub announced"],
    );
    assert_not_there(&bench, &hub);
    assert_fetched(&bench, &show(&bench, &hub));
}

#[test]
fn a_changed_content_is_refused_and_thrown_away() {
    for name in [WEIGHTS, "unet/config.json"] {
        let (bench, hub) = (Workbench::new(), tiny_hub());
        let mut content = hub.content(name);
        content[10] ^= 1;
        hub.fail(name, Fault::Other(content), 1);
        let words = [name, "does not have the announced hash"];
        assert_failed(&show(&bench, &hub), 1, &words);
        assert!(!snapshot(&bench).join("model_index.json").exists());
        assert_fetched(&bench, &show(&bench, &hub));
    }
}

#[test]
fn a_damaged_beginning_from_an_earlier_call_is_replaced() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    hub.fail(WEIGHTS, Fault::CutAfter(1000), 1);
    hub.fail(WEIGHTS, Fault::CutAfter(0), 4);
    assert_eq!(show(&bench, &hub).status, 1);
    let [partial] = &partials(&bench)[..] else {
        panic!("one file is begun");
    };
    std::fs::write(partial, [7; 900]).unwrap();
    hub.take_seen();
    let ended = show(&bench, &hub);
    assert_fetched(&bench, &ended);
    assert!(
        ended.stderr.contains("it is fetched anew"),
        "{}",
        ended.stderr
    );
    assert_eq!(hub.ranges(WEIGHTS), [Some(900), None]);
}

#[test]
fn a_whole_beginning_is_checked_without_asking() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    hub.fail(WEIGHTS, Fault::CutAfter(1000), 1);
    hub.fail(WEIGHTS, Fault::CutAfter(0), 4);
    assert_eq!(show(&bench, &hub).status, 1);
    let partial = partials(&bench).remove(0);
    std::fs::write(&partial, hub.content(WEIGHTS)).unwrap();
    hub.take_seen();
    assert_fetched(&bench, &show(&bench, &hub));
    assert_eq!(hub.ranges(WEIGHTS), []);
    // A whole one that is wrong is not believed.
    std::fs::remove_dir_all(bench.path("hf")).unwrap();
    std::fs::create_dir_all(partial.parent().unwrap()).unwrap();
    std::fs::write(&partial, changed(&hub)).unwrap();
    assert_fetched(&bench, &show(&bench, &hub));
    assert_eq!(hub.ranges(WEIGHTS), [None]);
}
