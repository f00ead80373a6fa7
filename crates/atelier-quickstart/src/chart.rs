//! The loss chart as SVG, for light and dark surroundings.

use std::fmt::Write as _;

const WIDTH: f32 = 480.0;
const HEIGHT: f32 = 260.0;
const LEFT: f32 = 56.0;
const RIGHT: f32 = 16.0;
const TOP: f32 = 28.0;
const BOTTOM: f32 = 44.0;
/// How far above the smoothed curve the chart reaches; single steps may leave it.
const HEADROOM: f32 = 1.5;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#444}.grid{stroke:#ddd}.mark{stroke:#999;stroke-dasharray:4 4}\
.steps{fill:none;stroke:#e3b04b;stroke-opacity:.45}.curve{fill:none;stroke:#b45309;stroke-width:2.5}\
@media(prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#3a3a3a}.mark{stroke:#777}.curve{stroke:#fbbf24}}";

/// What the chart shows.
#[derive(Debug)]
pub(crate) struct LossChart<'a> {
    /// Loss of every step.
    pub(crate) losses: &'a [f32],
    /// Number of steps in the trailing mean.
    pub(crate) window: usize,
    /// Steps to mark, each with its label.
    pub(crate) marks: Vec<(usize, String)>,
}

impl LossChart<'_> {
    /// The chart as an SVG document.
    pub(crate) fn svg(&self) -> String {
        let smooth = smoothed(self.losses, self.window);
        let highest = smooth
            .iter()
            .copied()
            .filter(|v| v.is_finite())
            .fold(0.0, f32::max);
        let top = if highest > 0.0 {
            highest * HEADROOM
        } else {
            1.0
        };
        let axes = Axes {
            steps: self.losses.len().max(1),
            top,
        };
        let mut svg = String::new();
        let mut add = |text: std::fmt::Arguments<'_>| {
            // Writing into a `String` cannot fail.
            let _ = svg.write_fmt(text);
            svg.push('\n');
        };
        add(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">"#
        ));
        add(format_args!(
            "<title>Training loss</title><style>{STYLE}</style>"
        ));
        add(format_args!(
            r#"<clipPath id="plot"><rect x="{LEFT}" y="{TOP}" width="{}" height="{}"/></clipPath>"#,
            WIDTH - LEFT - RIGHT,
            HEIGHT - TOP - BOTTOM
        ));
        for value in ticks(top) {
            let y = axes.y(value);
            add(format_args!(
                r#"<line class="grid" x1="{LEFT}" x2="{}" y1="{y:.1}" y2="{y:.1}"/><text x="{}" y="{:.1}" text-anchor="end">{value}</text>"#,
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0
            ));
        }
        for (step, label) in &self.marks {
            let x = axes.x(*step);
            let anchor = if x > WIDTH - 60.0 { "end" } else { "middle" };
            add(format_args!(
                r#"<line class="mark" x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{}"/><text x="{x:.1}" y="{}" text-anchor="{anchor}">{}</text>"#,
                HEIGHT - BOTTOM,
                TOP - 10.0,
                super::html::escaped(label)
            ));
        }
        for (class, values) in [("steps", self.losses), ("curve", &smooth)] {
            add(format_args!(
                r#"<polyline class="{class}" clip-path="url(#plot)" points="{}"/>"#,
                axes.points(values)
            ));
        }
        add(format_args!(
            r#"<text x="{LEFT}" y="{:.1}">0</text><text x="{}" y="{:.1}" text-anchor="end">{} steps</text>"#,
            HEIGHT - BOTTOM + 20.0,
            WIDTH - RIGHT,
            HEIGHT - BOTTOM + 20.0,
            self.losses.len()
        ));
        svg.push_str("</svg>\n");
        svg
    }
}

/// From numbers to places.
struct Axes {
    steps: usize,
    top: f32,
}

impl Axes {
    fn x(&self, step: usize) -> f32 {
        LEFT + step as f32 / self.steps as f32 * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f32) -> f32 {
        HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)
    }

    /// Places of the losses after steps 1, 2, …; values that are no number are left out.
    fn points(&self, values: &[f32]) -> String {
        let finite = values.iter().enumerate().filter(|(_, v)| v.is_finite());
        let places: Vec<_> = finite
            .map(|(index, &value)| format!("{:.1},{:.1}", self.x(index + 1), self.y(value)))
            .collect();
        places.join(" ")
    }
}

/// The mean over the last `window` steps, fewer at the beginning.
pub(crate) fn smoothed(losses: &[f32], window: usize) -> Vec<f32> {
    let ends = 1..=losses.len();
    ends.map(|end| {
        let last = &losses[end.saturating_sub(window.max(1))..end];
        last.iter().sum::<f32>() / last.len() as f32
    })
    .collect()
}

/// Two to five round numbers from 0 up to `top`.
fn ticks(top: f32) -> Vec<f32> {
    let power = 10f32.powf(top.log10().floor());
    let widths = [0.25, 0.5, 1.0, 2.5].map(|width| width * power);
    let width = widths.into_iter().find(|width| top / width <= 5.0);
    let width = width.unwrap_or(5.0 * power);
    let count = (0u16..6).map(f32::from);
    let round = |value: f32| (value / width).round() * width;
    count
        .map(|i| round(i * width))
        .filter(|value| *value <= top)
        .map(|value| format!("{value:.6}").parse().unwrap_or(value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(losses: &[f32]) -> String {
        let marks = vec![
            (1, "epoch <1>".to_owned()),
            (losses.len(), "end".to_owned()),
        ];
        let chart = LossChart {
            losses,
            window: 2,
            marks,
        };
        chart.svg()
    }

    /// Every tag is closed in order, which is what makes it XML.
    fn assert_balanced(svg: &str) {
        let mut open = Vec::new();
        for tag in svg.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap();
            let name = tag
                .trim_start_matches('/')
                .split([' ', '/'])
                .next()
                .unwrap();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "{svg}");
            } else if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn the_chart_is_xml_without_impossible_numbers() {
        for losses in [
            &[][..],
            &[0.0],
            &[0.5, 0.25, 0.125],
            &[0.1, f32::NAN, f32::INFINITY],
        ] {
            let svg = svg(losses);
            assert_balanced(&svg);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(svg.contains("epoch &lt;1&gt;"));
        }
    }

    #[test]
    fn the_mean_trails() {
        assert_eq!(smoothed(&[4.0, 2.0, 0.0], 2), [4.0, 3.0, 1.0]);
        assert_eq!(smoothed(&[4.0, 2.0], 0), [4.0, 2.0]);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(0.3), [0.0, 0.1, 0.2, 0.3]);
        assert_eq!(ticks(1.1), [0.0, 0.25, 0.5, 0.75, 1.0]);
        for top in [0.001f32, 0.07, 3.0, 9.9, 250.0] {
            assert!(
                (2..=6).contains(&ticks(top).len()),
                "{top}: {:?}",
                ticks(top)
            );
        }
    }
}
