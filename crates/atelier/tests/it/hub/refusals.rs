//! A hub that refuses, is busy, or is not there; and where the token goes.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::json;

use super::fake_hub::{COMMIT, Fault, Seen, entry};
use super::{
    WEIGHTS, assert_failed, assert_fetched, command, partials, run, show, snapshot, source,
    tiny_hub,
};
use crate::workbench::{Ended, Workbench};

const LIST: &str = "/revision/main";
const TOKEN: &str = "hf_secret";

fn show_with_token(bench: &Workbench, hub: &super::FakeHub) -> Ended {
    let words = ["base", "show", &source("")];
    let mut command = command(bench, hub, &words);
    bench.ended(&command.env("HF_TOKEN", TOKEN).output().unwrap())
}

#[test]
fn a_gated_repository_says_what_to_accept_and_what_to_set() {
    for (path, status) in [(LIST, 401), (LIST, 403), (WEIGHTS, 401), (WEIGHTS, 403)] {
        let (bench, hub) = (Workbench::new(), tiny_hub());
        let page = format!("{}/someone/tiny-1.5", hub.url());
        let words = [
            "gated or private",
            "accept its licence",
            "set `HF_TOKEN`",
            &page,
        ];
        hub.fail(
            path,
            Fault::Status(status, "X-Error-Code: GatedRepo\r\n"),
            2,
        );
        let ended = show(&bench, &hub);
        assert_failed(&ended, 2, &words);
        assert!(
            ended.stderr.contains("no token was sent"),
            "{}",
            ended.stderr
        );
        let ended = show_with_token(&bench, &hub);
        assert_failed(&ended, 2, &["the token that was sent does not open it"]);
        assert!(!ended.stderr.contains(TOKEN), "{}", ended.stderr);
        assert!(!snapshot(&bench).join("model_index.json").exists());
        assert_fetched(&bench, &show(&bench, &hub));
    }
}

#[test]
fn what_does_not_exist_is_named() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let show = |source: &str| run(&bench, &hub, &["base", "show", source]);
    let ended = show("hf:nobody/nothing");
    assert_failed(&ended, 2, &["no repository `nobody/nothing` on http://"]);
    let ended = show(&source("@v9"));
    assert_failed(&ended, 2, &["`someone/tiny-1.5` has no revision `v9`"]);
    // The hub does not tell strangers which repositories are private.
    hub.fail(
        LIST,
        Fault::Status(401, "X-Error-Code: RepoNotFound\r\n"),
        1,
    );
    let ended = show(&source(""));
    assert_failed(
        &ended,
        2,
        &["no repository `someone/tiny-1.5`", "or it is private"],
    );
    hub.fail(LIST, Fault::Status(404, ""), 1);
    assert_failed(&show(&source("")), 2, &["or it has no revision `main`"]);
    hub.fail(WEIGHTS, Fault::Status(404, ""), 1);
    let ended = show(&source(""));
    assert_failed(
        &ended,
        2,
        &["no file `unet/diffusion_pytorch_model.safetensors` in"],
    );
}

#[test]
fn a_hub_that_limits_the_rate_is_waited_for_within_reason() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    hub.fail(LIST, Fault::Status(429, "Retry-After: 1\r\n"), 1);
    hub.fail(WEIGHTS, Fault::Status(429, "Retry-After: 0\r\n"), 2);
    let ended = show(&bench, &hub);
    assert_fetched(&bench, &ended);
    assert!(
        ended
            .stderr
            .contains("asks to wait 1 s; trying again in 1 s"),
        "{}",
        ended.stderr
    );
    hub.take_seen();
    hub.fail(LIST, Fault::Status(429, "Retry-After: 3600\r\n"), 9);
    let words = ["limits the rate of requests (status 429), and asks to wait 3600 s"];
    assert_failed(&show(&Workbench::new(), &hub), 1, &words);
    assert_eq!(hub.take_seen().len(), 1);
}

#[test]
fn a_failing_hub_is_asked_a_few_times_and_then_given_up() {
    for status in [500, 503] {
        let (bench, hub) = (Workbench::new(), tiny_hub());
        hub.fail(LIST, Fault::Status(status, ""), 2);
        hub.fail(WEIGHTS, Fault::Status(status, ""), 4);
        assert_fetched(&bench, &show(&bench, &hub));
        hub.take_seen();
        hub.fail(LIST, Fault::Status(status, ""), 99);
        let fails = format!("(status {status})");
        let words = [
            "gave up after 5 attempts",
            &fails,
            "hint: check the connection",
        ];
        assert_failed(&show(&Workbench::new(), &hub), 1, &words);
        assert_eq!(hub.take_seen().len(), 5);
    }
}

#[test]
fn a_hub_that_is_not_there_is_named() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    // Nobody listens on a port that was just given back.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut command = command(&bench, &hub, &["base", "show", &source("")]);
    command.env("HF_ENDPOINT", format!("http://{address}/"));
    let ended = bench.ended(&command.output().unwrap());
    let reach = format!("cannot reach `{address}` for `someone/tiny-1.5@main`");
    assert_failed(&ended, 1, &["gave up after 5 attempts", &reach]);
    command.env("HF_ENDPOINT", "nonsense");
    let ended = bench.ended(&command.output().unwrap());
    assert_failed(&ended, 2, &["`HF_ENDPOINT` is no address of a hub"]);
}

#[test]
fn what_is_in_the_cache_serves_while_the_hub_cannot_be_reached_and_a_note_says_so() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    assert_fetched(&bench, &show(&bench, &hub));
    let using = format!("using the copy of `hf:someone/tiny-1.5` in the cache, commit {COMMIT}");
    hub.fail(LIST, Fault::Status(503, ""), 5);
    let ended = show(&bench, &hub);
    assert_fetched(&bench, &ended);
    for words in ["note: gave up after 5 attempts", "(status 503)", &using] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    // A refusal is an answer.
    for status in [401, 403, 404] {
        hub.fail(LIST, Fault::Status(status, ""), 1);
        let ended = show(&bench, &hub);
        assert_failed(&ended, 2, &["someone/tiny-1.5"]);
        assert!(!ended.stderr.contains("using the copy"), "{}", ended.stderr);
    }
    let url = hub.url();
    drop(hub);
    let words = ["base", "show", &source("")];
    let hub = tiny_hub();
    let mut nobody = command(&bench, &hub, &words);
    nobody.env("HF_ENDPOINT", url);
    let ended = bench.ended(&nobody.output().unwrap());
    assert_fetched(&bench, &ended);
    assert!(ended.stderr.contains(&using), "{}", ended.stderr);
    // Half a base does not serve.
    std::fs::remove_file(snapshot(&bench).join(WEIGHTS)).unwrap();
    let ended = bench.ended(&nobody.output().unwrap());
    assert_failed(&ended, 1, &["cannot reach", "gave up after 5 attempts"]);
}

#[test]
fn the_token_is_sent_to_the_hub_and_not_to_where_it_redirects() {
    let (bench, hub, storage) = (Workbench::new(), tiny_hub(), tiny_hub());
    let elsewhere = format!("{}/elsewhere/{WEIGHTS}?signature=x", storage.url());
    hub.fail(WEIGHTS, Fault::Redirect(elsewhere), 1);
    hub.fail(
        LIST,
        Fault::Redirect("/api/models/someone/tiny-1.5/revision/v1".to_owned()),
        1,
    );
    // A permission that ran out: the hub is asked for a new one.
    hub.fail(
        "vae/diffusion_pytorch_model.safetensors",
        Fault::Redirect(format!("{}/x", storage.url())),
        1,
    );
    storage.fail("/x", Fault::Status(403, ""), 1);
    assert_fetched(&bench, &show_with_token(&bench, &hub));
    let sent = Some(format!("Bearer {TOKEN}"));
    assert!(hub.take_seen().iter().all(|seen| seen.token == sent));
    let seen = storage.take_seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    let strange = |seen: &Seen| seen.token.is_some();
    assert!(!seen.iter().any(strange), "{seen:?}");
}

#[test]
fn a_circle_of_redirects_ends() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let circle = format!("/api/models/someone/tiny-1.5{LIST}");
    hub.fail(LIST, Fault::Redirect(circle), 99);
    assert_failed(&show(&bench, &hub), 1, &["redirects in a circle"]);
}

#[test]
fn a_page_for_a_browser_is_told_from_an_answer() {
    for path in [LIST, "unet/config.json", WEIGHTS] {
        let (bench, hub) = (Workbench::new(), tiny_hub());
        hub.fail(path, Fault::Page, 1);
        let words = ["a web page", "login page or a proxy"];
        assert_failed(&show(&bench, &hub), 1, &words);
        assert_fetched(&bench, &show(&bench, &hub));
    }
}

#[test]
fn an_answer_that_is_no_list_of_files_is_told() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    hub.fail(LIST, Fault::Other(b"[1, 2]".to_vec()), 1);
    let words = ["does not answer as a model hub", "no list of files"];
    assert_failed(&show(&bench, &hub), 1, &words);
}

#[test]
fn files_with_names_that_are_not_safe_are_left_out() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let names = [
        "../../../evil.json",
        "/etc/evil",
        "unet/../../evil.json",
        "unet/config.json:evil",
        "samples/what?.png",
        "a\tb.safetensors",
    ];
    for name in names {
        hub.list(name, entry(name, b"evil"));
    }
    assert_fetched(&bench, &show(&bench, &hub));
    let seen = hub.take_seen();
    let is_evil = |seen: &&Seen| seen.path.contains("evil") || seen.path.contains("..");
    assert_eq!(seen.iter().find(is_evil), None);
    assert!(!bench.path("evil.json").exists());
}

#[test]
fn a_file_with_an_unsafe_name_that_is_wanted_is_named() {
    let (bench, hub) = (Workbench::new(), super::FakeHub::new([]));
    hub.list("what?.safetensors", entry("what?.safetensors", b"x"));
    let words = [
        "their names are not safe: `what?.safetensors`",
        "neither `model_index.json` nor",
    ];
    assert_failed(&show(&bench, &hub), 2, &words);
    let ended = run(
        &bench,
        &hub,
        &["base", "show", &source("/what?.safetensors")],
    );
    ended.refused(&["`what?.safetensors` has a character that no file name should have"]);
}

#[test]
fn sizes_that_cannot_be_are_refused_before_anything_is_fetched() {
    for (size, words) in [
        (
            u64::MAX,
            [
                WEIGHTS,
                "is announced with 18446744073709551615 bytes, at most",
            ],
        ),
        (1 << 50, ["MB are free in", "set `HF_HOME` to another disk"]),
    ] {
        let (bench, hub) = (Workbench::new(), tiny_hub());
        let lfs = json!({"sha256": "ab".repeat(32), "size": size, "pointerSize": 1});
        hub.list(WEIGHTS, json!({"size": size, "lfs": lfs}));
        assert_failed(&show(&bench, &hub), 1, &words);
        assert_eq!(hub.ranges(".safetensors"), []);
        assert_eq!(partials(&bench).len(), 0);
    }
}
