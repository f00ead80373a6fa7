//! The page: one file with everything in it, for small and large screens, light and dark.

use std::fmt::{self, Write as _};
use std::path::Path;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::report::{Report, duration_text};

const STYLE: &str = include_str!("report.css");
/// Columns of the sheet under each of the three headings.
const COLUMN_GROUPS: [(usize, &str); 3] = [
    (1, "Base"),
    (4, "Finished adapter, at strength"),
    (4, "While training, at strength 1.0"),
];

/// The page of a report, with the files that lie below `root`.
pub(crate) fn page(report: &Report, root: &Path) -> Result<String> {
    let mut page = Page {
        html: String::new(),
        root,
    };
    page.add(format_args!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{trigger}: a quickstart of Atelier</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        trigger = escaped(&report.config.trigger)
    ));
    page.beginning(report);
    page.sheet(report)?;
    page.number(report);
    page.dataset(report)?;
    page.loss(report)?;
    page.settings(report);
    page.next_steps(report);
    page.add(format_args!("</main>\n</body>\n</html>\n"));
    Ok(page.html)
}

/// Text that is safe between tags and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

struct Page<'a> {
    html: String,
    root: &'a Path,
}

impl Page<'_> {
    fn add(&mut self, text: fmt::Arguments<'_>) {
        // Writing into a `String` cannot fail.
        let _ = self.html.write_fmt(text);
    }

    /// A file as a URI that holds it.
    fn embedded(&self, file: &str, kind: &str) -> Result<String> {
        let bytes = fs_err::read(self.root.join(file))?;
        Ok(format!("data:{kind};base64,{}", STANDARD.encode(bytes)))
    }

    fn picture(&mut self, file: &str, description: &str, side: usize) -> Result<()> {
        let source = self.embedded(file, "image/png")?;
        self.add(format_args!(
            "<img src=\"{source}\" width=\"{side}\" height=\"{side}\" alt=\"{}\">",
            escaped(description)
        ));
        Ok(())
    }

    fn beginning(&mut self, report: &Report) {
        let (config, gain) = (&report.config, report.gain_text());
        self.add(format_args!(
            "<header>\n<h1>{trigger}</h1>\n<p class=\"lead\">Trained on {pictures} pictures in {epochs} epochs on this \
             machine, then asked for {rows} expressions that were not among them.</p>\n<ul class=\"facts\">\n\
             <li><b>{total}</b> altogether</li>\n<li><b>{memory}</b> of memory at most</li>\n\
             <li><b>{gain}</b> likeness gained</li>\n</ul>\n</header>\n",
            trigger = escaped(&config.trigger),
            pictures = report.dataset.len(),
            epochs = config.epochs,
            rows = report.rows.len(),
            total = duration_text(report.total_secs),
            memory = memory_text(report.peak_memory_bytes),
        ));
    }

    fn sheet(&mut self, report: &Report) -> Result<()> {
        self.add(format_args!(
            "<section>\n<h2>What it draws</h2>\n<p>Each row is one prompt and one seed; only the weights differ from column \
             to column. The base has never seen this character. A lower strength leaves more of the base, a higher one \
             holds more tightly to the training pictures.</p>\n\
             <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Sheet of drawings\">\n<table class=\"sheet\">\n\
             <caption>Prompt: <q>{}</q>, with the expression of the row</caption>\n<thead>\n\
             <tr><td rowspan=\"2\"></td>",
            escaped(&super::plan::prompt("…"))
        ));
        for (span, title) in COLUMN_GROUPS {
            self.add(format_args!(
                "<th colspan=\"{span}\" scope=\"colgroup\">{title}</th>"
            ));
        }
        self.add(format_args!("</tr>\n<tr>"));
        for column in &report.columns {
            let title = escaped(&column.title);
            self.add(format_args!("<th scope=\"col\">{title}</th>"));
        }
        self.add(format_args!("</tr>\n</thead>\n<tbody>\n"));
        for row in &report.rows {
            let expression = escaped(row.expression);
            self.add(format_args!("<tr><th scope=\"row\">{expression}</th>"));
            for (file, column) in row.files.iter().zip(&report.columns) {
                let weights = match column.epoch {
                    None => "the base without adapter".to_owned(),
                    Some(epoch) => {
                        format!("epoch {epoch} at strength {:.1}", column.strength)
                    }
                };
                self.add(format_args!("<td>"));
                self.picture(file, &format!("{}, {weights}", row.expression), 128)?;
                self.add(format_args!("</td>"));
            }
            self.add(format_args!("</tr>\n"));
        }
        self.add(format_args!(
            "</tbody>\n<tfoot>\n<tr><th scope=\"row\">likeness</th>"
        ));
        for likeness in &report.measurement.columns {
            self.add(format_args!("<td>{likeness:.3}</td>"));
        }
        self.add(format_args!(
            "</tr>\n</tfoot>\n</table>\n</div>\n</section>\n"
        ));
        Ok(())
    }

    fn number(&mut self, report: &Report) {
        let found = &report.measurement;
        let (base, adapter) = found.means();
        self.add(format_args!(
            "<section>\n<h2>How alike</h2>\n<p class=\"number\">{gain}</p>\n<p><b>{verdict}</b></p>\n\
             <p>Likeness compares where colours lie and which way edges run: 1 is the same picture, 0 nothing in common. \
             Drawings are compared with {references} pictures of the character that the training never saw. With the \
             adapter at strength 1.0 they score {adapter:.3} on average, without it {base:.3}, for the same prompts and \
             seeds. The number above is the difference, with its standard deviation over {seeds} seeds. Those \
             {references} pictures among themselves score {among:.3}, which is what to hope for.</p>\n\
             <p>It does not tell whether the expression is right, or whether the drawing is good. Look at the sheet for \
             that.</p>\n<table class=\"plain\">\n<thead><tr><th scope=\"col\">Seed</th><th scope=\"col\">Base</th>\
             <th scope=\"col\">Adapter</th><th scope=\"col\">Difference</th></tr></thead>\n<tbody>\n",
            gain = report.gain_text(),
            verdict = found.verdict(),
            references = found.references,
            seeds = found.seeds.len(),
            among = found.among_references,
        ));
        for row in &found.seeds {
            self.add(format_args!(
                "<tr><th scope=\"row\">{}</th><td>{:.3}</td><td>{:.3}</td><td>{:+.3}</td></tr>\n",
                row.seed,
                row.base,
                row.adapter,
                row.adapter - row.base
            ));
        }
        self.add(format_args!("</tbody>\n</table>\n</section>\n"));
    }

    fn dataset(&mut self, report: &Report) -> Result<()> {
        self.add(format_args!(
            "<section>\n<h2>What it learned from</h2>\n<p>{} pictures of the Noto <q>blob</q> faces (Google LLC, Apache \
             License 2.0). In training, each caption follows the trigger word <code>{}</code>.</p>\n\
             <ul class=\"thumbnails\">\n",
            report.dataset.len(),
            escaped(&report.config.trigger)
        ));
        for picture in &report.dataset {
            self.add(format_args!("<li><figure>"));
            self.picture(&picture.file, "", 96)?;
            let caption = escaped(&picture.caption);
            self.add(format_args!(
                "<figcaption>{caption}</figcaption></figure></li>\n"
            ));
        }
        self.add(format_args!("</ul>\n</section>\n"));
        Ok(())
    }

    fn loss(&mut self, report: &Report) -> Result<()> {
        let chart = self.embedded(report.loss_chart, "image/svg+xml")?;
        let training = &report.training;
        let last = training
            .final_loss
            .map_or_else(|| "none".to_owned(), |loss| format!("{loss:.4}"));
        self.add(format_args!(
            "<section>\n<h2>How it learned</h2>\n<figure>\n<img class=\"chart\" src=\"{chart}\" \
             alt=\"Loss over {steps} steps; its mean ends at {last}\">\n<figcaption>Loss per step (thin) and its mean over the \
             last {window} steps. Steps differ much by chance, since each looks at another amount of noise. Dashed: the \
             checkpoints on the sheet.</figcaption>\n</figure>\n</section>\n",
            steps = training.steps,
            window = training.window,
        ));
        Ok(())
    }

    fn settings(&mut self, report: &Report) {
        self.add(format_args!(
            "<section>\n<h2>Settings, time and memory</h2>\n<dl>\n"
        ));
        for (name, value) in setting_rows(report) {
            self.add(format_args!(
                "<div><dt>{name}</dt><dd>{}</dd></div>\n",
                escaped(&value)
            ));
        }
        self.add(format_args!("</dl>\n</section>\n"));
    }

    fn next_steps(&mut self, report: &Report) {
        let own_dataset = format!("{}/dataset", report.out);
        let steps = [
            ("Draw more with this adapter", report.generate_command()),
            (
                "Train on the same pictures again, with your own settings",
                report.train_command(&own_dataset, &report.config.trigger),
            ),
            (
                "Train on 15 to 40 pictures of your own, each with a caption in a .txt file of the same name",
                report.train_command("my-pictures", "MyCharV1"),
            ),
        ];
        self.add(format_args!("<section>\n<h2>How to go on</h2>\n"));
        for (what, command) in steps {
            self.add(format_args!(
                "<p>{what}:</p>\n<pre tabindex=\"0\"><code>{}</code></pre>\n",
                escaped(&command)
            ));
        }
        self.add(format_args!(
            "<p>The adapter is <code>{}</code>, in a form that other programs for this family read too. The same facts as \
             on this page are in <code>report.json</code>.</p>\n</section>\n",
            report.adapter
        ));
    }
}

fn setting_rows(report: &Report) -> Vec<(&'static str, String)> {
    let (config, training) = (&report.config, &report.training);
    let of_call = training.of_call();
    vec![
        ("Program", report.program.to_owned()),
        (
            "Base",
            format!("{}, {}", report.base.name, report.base.hash),
        ),
        (
            "Adapter",
            format!(
                "rank {}, alpha {}, {}",
                config.rank, config.alpha, config.targets
            ),
        ),
        (
            "Training",
            format!(
                "{} epochs, {} steps of {} pictures, learning rate {}, seed {}",
                config.epochs, training.steps, config.batch_size, config.learning_rate, config.seed
            ),
        ),
        (
            "Drawing",
            format!(
                "{} pictures, {} steps each, guidance {}",
                report.drawing.pictures, report.drawing.steps, report.drawing.guidance
            ),
        ),
        ("Arithmetic", config.precision.to_string()),
        (
            "Time",
            format!(
                "{} training, {} drawing, {} altogether{of_call}",
                duration_text(training.duration_secs),
                duration_text(report.drawing_secs),
                duration_text(report.total_secs)
            ),
        ),
        (
            "Memory",
            format!("{} at most", memory_text(report.peak_memory_bytes)),
        ),
    ]
}

/// Bytes in words.
pub(crate) fn memory_text(bytes: Option<u64>) -> String {
    bytes.map_or_else(
        || "an unknown amount".to_owned(),
        |bytes| format!("{:.2} GB", bytes as f64 / 1e9),
    )
}
