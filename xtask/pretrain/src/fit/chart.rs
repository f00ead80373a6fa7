//! The curves over epochs as SVG, for light and dark surroundings. Epochs are spread by their logarithm.

use std::fmt::Write as _;

use super::gauge::Scores;

const WIDTH: f32 = 640.0;
const HEIGHT: f32 = 320.0;
const LEFT: f32 = 48.0;
const RIGHT: f32 = 190.0;
const TOP: f32 = 16.0;
const BOTTOM: f32 = 36.0;
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#444}.grid{stroke:#ddd}path{fill:none;stroke-width:2.5}\
.likeness{stroke:#b45309}.prompt{stroke:#2563eb;stroke-dasharray:8 3}.background{stroke:#0f766e;stroke-dasharray:2 3}\
.copies{stroke:#b91c1c;stroke-dasharray:10 3 2 3}.unseen{stroke:#7c3aed}.trained{stroke:#7c3aed;stroke-dasharray:5 4}\
@media(prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#3a3a3a}.likeness{stroke:#fbbf24}.prompt{stroke:#93c5fd}\
.background{stroke:#5eead4}.copies{stroke:#fca5a5}.unseen,.trained{stroke:#c4b5fd}}";

/// A curve: its class, its name, and its value between 0 and 1.
type Curve = (&'static str, &'static str, fn(&Scores) -> f32);

const CURVES: [Curve; 6] = [
    ("likeness", "likeness to unseen", |s| s.likeness),
    ("unseen", "unseen picture met", |s| s.unseen_met.mean),
    ("trained", "trained picture met", |s| s.trained_met.mean),
    ("prompt", "prompt followed", |s| s.prompt),
    ("background", "new background", |s| s.background),
    ("copies", "copies of trained", |s| s.trained_copies),
];

/// The chart of what was found at each epoch, in the order of epochs.
pub(super) fn svg(scores: &[(usize, Scores)]) -> String {
    let last = scores.last().map_or(1, |(epoch, _)| *epoch);
    let x = |epoch: usize| {
        let share = ((epoch + 1) as f32).ln() / ((last + 1) as f32).ln();
        LEFT + share * (WIDTH - LEFT - RIGHT)
    };
    let y = |value: f32| HEIGHT - BOTTOM - value * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
         <title>What drawings show after how many epochs</title><style>{STYLE}</style>\n"
    );
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let at = y(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        );
    }
    for (epoch, _) in scores {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{epoch}</text>",
            x(*epoch),
            HEIGHT - BOTTOM + 20.0
        );
    }
    for (index, (class, name, value)) in CURVES.into_iter().enumerate() {
        let places = scores
            .iter()
            .map(|(epoch, found)| format!("{:.1} {:.1}", x(*epoch), y(value(found))));
        let places: Vec<String> = places.collect();
        let key = TOP + 20.0 + 26.0 * index as f32;
        let _ = writeln!(
            svg,
            "<path class=\"{class}\" d=\"M{}\"/><path class=\"{class}\" d=\"M{} {key} h28\"/>\
             <text x=\"{}\" y=\"{}\">{name}</text>",
            places.join(" L"),
            WIDTH - RIGHT + 14.0,
            WIDTH - RIGHT + 48.0,
            key + 4.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::super::gauge::Met;
    use super::*;

    #[test]
    fn every_curve_has_a_place_for_every_epoch() {
        let scores: Vec<_> = [0, 5, 200]
            .map(|epoch| {
                let value = epoch as f32 / 200.0;
                let met = Met {
                    mean: value,
                    error: 0.01,
                };
                let found = Scores {
                    likeness: value,
                    prompt: 1.0 - value,
                    background: 0.5,
                    copies: value,
                    trained_copies: value,
                    unseen_met: met,
                    trained_met: met,
                };
                (epoch, found)
            })
            .to_vec();
        let svg = svg(&scores);
        for (class, ..) in CURVES {
            let start = format!("<path class=\"{class}\" d=\"M48.0 ");
            let line = svg.lines().find(|line| line.starts_with(&start)).unwrap();
            assert_eq!(line.matches(" L").count(), 2, "{line}");
        }
        assert!(
            svg.contains("450.0 16.0"),
            "the last value is at the top right: {svg}"
        );
    }
}
