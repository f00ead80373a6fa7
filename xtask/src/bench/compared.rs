//! Runs of both programs on one case, side by side.

use anyhow::{Result, ensure};
use atelier_core::Precision;

use super::case::Case;
use super::programs::Report;
use super::{Figure, Subject, gigabytes, median, row, seconds, with_spread};

/// Fields that must agree where both programs report them: they did the same work.
const WORK: [&str; 7] = [
    "lora_params",
    "latent",
    "batch",
    "checkpointing",
    "size",
    "steps",
    "threads",
];

/// Neighbouring runs.
#[derive(Debug)]
pub(super) struct Round {
    ours: Report,
    /// One for each arithmetic of the peer.
    peers: Vec<Report>,
}

/// Runs ours and then the peers', in every second round the other way around, so that a machine that slows down or speeds up
/// favours neither.
pub(super) fn round(
    number: u32,
    precisions: &[Precision],
    ours: impl Fn() -> Result<Report>,
    theirs: impl Fn(&Precision) -> Result<Report>,
) -> Result<Round> {
    if number.is_multiple_of(2) {
        let mut peers: Vec<_> = precisions.iter().rev().map(theirs).collect::<Result<_>>()?;
        peers.reverse();
        return Ok(Round {
            peers,
            ours: ours()?,
        });
    }
    Ok(Round {
        ours: ours()?,
        peers: precisions.iter().map(theirs).collect::<Result<_>>()?,
    })
}

impl Round {
    /// Refuses runs that did different things.
    pub(super) fn same_work(&self) -> Result<()> {
        for peer in &self.peers {
            for name in WORK {
                let (Some(ours), Some(theirs)) = (self.ours.field(name), peer.field(name)) else {
                    continue;
                };
                ensure!(
                    ours == theirs,
                    "the two programs did different work: `{name}` is {ours} in ours and {theirs} in PyTorch"
                );
            }
        }
        Ok(())
    }

    /// The first figure of each program.
    pub(super) fn summary(&self, what: Subject) -> String {
        let figure = what.figures()[0];
        let secs = |report: &Report| report.secs(figure).map_or_else(|_| "–".to_owned(), seconds);
        let peers: Vec<_> = self.peers.iter().map(secs).collect();
        format!(
            "ours {} s, PyTorch {} s",
            secs(&self.ours),
            peers.join(" and ")
        )
    }

    /// Which programs these are.
    pub(super) fn versions(&self) -> String {
        let torch = self.peers.first().map_or("unknown", Report::version);
        format!(
            "Atelier {} against PyTorch {torch}; seconds as median (least–most) of the runs; ratios are ours over PyTorch's, below 1 is faster.",
            self.ours.version()
        )
    }
}

/// All rounds of one case.
pub(super) struct Compared {
    precisions: Vec<Precision>,
    pub(super) rounds: Vec<Round>,
}

/// The head of the table.
pub(super) fn head() -> String {
    let names = [
        "case",
        "part",
        "ours, s",
        "PyTorch f32, s",
        "PyTorch bf16, s",
        "ratio to the faster of the two",
        "peak memory, ours",
        "peak memory, PyTorch f32 / bf16",
    ];
    row(names) + &row(names.map(|_| "---"))
}

impl Compared {
    pub(super) fn new(precisions: Vec<Precision>) -> Self {
        Self {
            precisions,
            rounds: Vec::new(),
        }
    }

    /// A row for each figure.
    pub(super) fn rows(&self, case: &Case) -> Result<String> {
        let figures = case.what.figures().iter();
        figures.map(|&figure| self.row(case, figure)).collect()
    }

    fn row(&self, case: &Case, figure: Figure) -> Result<String> {
        let ours = self.secs(figure, |round| &round.ours)?;
        let peers = (0..self.precisions.len())
            .map(|place| self.secs(figure, |round| &round.peers[place]))
            .collect::<Result<Vec<_>>>()?;
        let place = |precision: Precision| self.precisions.iter().position(|it| *it == precision);
        let of_peer = |precision: Precision| match place(precision) {
            Some(place) => with_spread(&peers[place], seconds),
            None => "–".to_owned(),
        };
        let faster =
            (0..peers.len()).min_by(|&a, &b| median(&peers[a]).total_cmp(&median(&peers[b])));
        let ratio = match faster {
            Some(place) => {
                let name = self.precisions[place].name();
                let ratios = ratios(&ours, &peers[place]);
                format!(
                    "{} to {name}",
                    with_spread(&ratios, |ratio| format!("{ratio:.3}"))
                )
            }
            None => "–".to_owned(),
        };
        let memory = |precision: Precision| {
            let place = place(precision);
            gigabytes(place.and_then(|place| self.peak(|round| &round.peers[place])))
        };
        Ok(row([
            case.to_string(),
            figure.part.to_owned(),
            with_spread(&ours, seconds),
            of_peer(Precision::F32),
            of_peer(Precision::Bf16),
            ratio,
            gigabytes(self.peak(|round| &round.ours)),
            format!("{} / {}", memory(Precision::F32), memory(Precision::Bf16)),
        ]))
    }

    fn secs(&self, figure: Figure, of: impl Fn(&Round) -> &Report) -> Result<Vec<f64>> {
        let rounds = self.rounds.iter();
        rounds.map(|round| of(round).secs(figure)).collect()
    }

    fn peak(&self, of: impl Fn(&Round) -> &Report) -> Option<u64> {
        let rounds = self.rounds.iter();
        rounds.filter_map(|round| of(round).peak_bytes()).max()
    }
}

/// Of neighbouring runs.
fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(a, b)| a / b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::case::Side;

    fn report(secs: f64, lora_params: u64) -> Report {
        let text = format!(
            r#"{{"median_secs": {secs}, "lora_params": {lora_params}, "peak_bytes": 2000000000, "torch": "2"}}"#
        );
        Report::read(&text).unwrap()
    }

    fn case() -> Case {
        Case {
            what: Subject::Step,
            base: "/models/sd15".into(),
            side: Side::Pixels(512),
            batch: 1,
            rank: 16,
            steps: 5,
            prompt: String::new(),
            recompute: false,
            precision: Precision::F32,
            threads: 2,
        }
    }

    #[test]
    fn the_order_turns_in_every_second_round() {
        use std::cell::RefCell;
        let order = |number| {
            let order = RefCell::new(Vec::new());
            let note = |name| {
                order.borrow_mut().push(name);
                Ok(report(1.0, 8))
            };
            let precisions = [Precision::F32, Precision::Bf16];
            let ours = || note("ours");
            round(number, &precisions, ours, |it| note(it.name())).unwrap();
            order.into_inner()
        };
        assert_eq!(order(1), ["ours", "f32", "bf16"]);
        assert_eq!(order(2), ["bf16", "f32", "ours"]);
    }

    #[test]
    fn different_work_is_not_compared() {
        let round = |lora_params| Round {
            ours: report(1.0, 8),
            peers: vec![report(1.0, lora_params)],
        };
        round(8).same_work().unwrap();
        let message = round(9).same_work().unwrap_err().to_string();
        assert!(
            message.ends_with("`lora_params` is 8 in ours and 9 in PyTorch"),
            "{message}"
        );
    }

    #[test]
    fn ratios_are_of_neighbours_and_to_the_peer_that_is_faster_altogether() {
        let mut compared = Compared::new(vec![Precision::F32, Precision::Bf16]);
        for (ours, f32, bf16) in [(1.0, 2.0, 3.0), (2.0, 5.0, 4.0), (3.0, 3.0, 4.0)] {
            compared.rounds.push(Round {
                ours: report(ours, 8),
                peers: vec![report(f32, 8), report(bf16, 8)],
            });
        }
        assert_eq!(
            compared.rows(&case()).unwrap(),
            "| sd15, 512 px, batch 1, rank 16, 2 threads, ours in f32 | step | 2.000 (1.000–3.000) | 3.000 (2.000–5.000) | 4.000 (3.000–4.000) | 0.500 (0.400–1.000) to f32 | 2.00 GB | 2.00 GB / 2.00 GB |\n"
        );
    }

    #[test]
    fn an_arithmetic_that_was_not_timed_is_a_dash() {
        let mut compared = Compared::new(vec![Precision::Bf16]);
        compared.rounds.push(Round {
            ours: report(1.0, 8),
            peers: vec![report(2.0, 8)],
        });
        let row = compared.rows(&case()).unwrap();
        assert!(row.contains("| – | 2.000 (2.000–2.000) | 0.500"), "{row}");
        assert!(row.ends_with("| – / 2.00 GB |\n"), "{row}");
        assert_eq!(head().matches('|').count(), 2 * row.matches('|').count());
    }
}
