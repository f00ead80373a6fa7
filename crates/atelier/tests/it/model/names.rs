//! Files whose names are no text.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::adapter;
use crate::workbench::{Ended, Workbench, tiny_base};

/// A name that is not UTF-8.
fn odd(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

/// Runs a command that must succeed, with and without `--json`; what it printed the second time.
#[track_caller]
fn done(bench: &Workbench, words: &[&OsStr], outs: &[&[u8]]) -> Ended {
    let run = |more: &[&OsStr]| {
        let output = bench.command(&[]).args(words).args(more).output();
        let ended = bench.ended(&output.unwrap());
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        ended
    };
    let (json, [first, second]) = (OsStr::new("--json"), outs) else {
        return run(&[OsStr::new("--json")]);
    };
    let out = OsStr::new("--out");
    run(&[out, odd(first)]);
    run(&[out, odd(second), json])
}

#[test]
fn commands_end_well_on_paths_that_are_not_utf8() {
    let bench = Workbench::new();
    let (one, base) = (adapter("sd15-attention"), tiny_base());
    let of_base = ["--base", &base].map(OsStr::new);
    let strong = format!("{one}:0.5");
    let convert = ["model", "convert", &one, "--to", "kohya"].map(OsStr::new);
    let convert = [&convert[..], &of_base].concat();
    let ended = done(
        &bench,
        &convert,
        &[b"a\xff.safetensors", b"b\xff.safetensors"],
    );
    assert!(ended.stdout.contains("b\u{fffd}.safetensors"));
    let merge = ["model", "merge", &strong].map(OsStr::new);
    let merge = [&merge[..], &of_base].concat();
    done(
        &bench,
        &merge,
        &[b"c\xff.safetensors", b"d\xff.safetensors"],
    );
    let bake = ["model", "bake", &strong].map(OsStr::new);
    let bake = [&bake[..], &of_base].concat();
    done(&bench, &bake, &[b"e\xff", b"f\xff"]);
    let inspect = ["model", "inspect"].map(OsStr::new);
    done(
        &bench,
        &[&inspect[..], &[odd(b"a\xff.safetensors")]].concat(),
        &[],
    );
    let import = ["model", "import", "--name", "odd"].map(OsStr::new);
    let import = [&import[..], &[odd(b"a\xff.safetensors")], &of_base].concat();
    done(&bench, &import, &[]);
    let export = ["model", "export", "odd"].map(OsStr::new);
    done(
        &bench,
        &export,
        &[b"g\xff.safetensors", b"h\xff.safetensors"],
    );
    let add = [
        OsStr::new("base"),
        OsStr::new("add"),
        odd(b"e\xff"),
        OsStr::new("--name"),
        OsStr::new("baked"),
    ];
    done(&bench, &add, &[]);
}
