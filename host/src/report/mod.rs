//! One HTML page of saved runs: settings, tables, figures, animation. It needs no network and no script, follows the
//! reader's light or dark, fits a phone and prints.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::analysis::comparison::{cells, columns, rows};
use crate::analysis::degrees::hidden;
use crate::analysis::evaluation::Evaluation;
use crate::analysis::power_law::{self, NoLaw};
use crate::analysis::saved::{Group, SavedRun, group};
use crate::figures::figure::Figure;
use crate::figures::style::{GRID, INK, MUTED, PALETTE, PAPER};
use crate::figures::{Options, animation, curves, evaluation, example, inputs, machine, network};
use crate::files::write_atomically;
use crate::settings::ModelKind;

/// Bytes of an animation, of which a page holds two.
const MOST_BYTES: usize = 1_500_000;

const STYLE: &str = include_str!("style.css");

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A colour as the drawing library writes it.
fn hex(colour: plotters::style::RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// A drawing whose paper, ink and colours are the page's.
fn themed(svg: &str) -> String {
    let mut svg = svg.to_owned();
    for (colour, name) in [(PAPER, "paper"), (INK, "ink"), (MUTED, "muted"), (GRID, "grid")] {
        svg = svg.replace(&format!("\"{}\"", hex(colour)), &format!("\"var(--{name})\""));
    }
    for (i, colour) in PALETTE.into_iter().enumerate() {
        svg = svg.replace(&format!("\"{}\"", hex(colour)), &format!("\"var(--colour-{i})\""));
    }
    svg
}

/// The panels of a figure, which flow into as many columns as there is room for, with its title below.
fn inline(figure: &Figure<'_>) -> Result<String> {
    let panels: String = figure.panel_svgs()?.iter().map(|svg| themed(svg)).collect();
    let (width, title) = (figure.size.0, escape(&figure.title));
    Ok(format!(
        "<figure>\n<div class=\"panels\" style=\"--panel: {width}px\">\n{panels}</div>\n<figcaption>{title}</figcaption>\n</figure>\n"
    ))
}

/// The animation for light and for dark pages.
fn animated(run: &SavedRun, image: Option<&[u8]>) -> Result<String> {
    let light = animation::animation(run, image, MOST_BYTES)?;
    let [light, dark] = [light.clone(), animation::darkened(light)].map(|gif| STANDARD.encode(gif));
    let caption = "Connections of each input pixel over the epochs";
    Ok(format!(
        "<figure><picture><source media=\"(prefers-color-scheme: dark)\" srcset=\"data:image/gif;base64,{dark}\">\
         <img alt=\"{caption}\" src=\"data:image/gif;base64,{light}\"></picture><figcaption>{caption}</figcaption></figure>\n"
    ))
}

fn table(page: &mut String, header: &[String], rows: &[Vec<String>]) {
    let cell = |tag: &str, cells: &[String]| -> String {
        cells.iter().fold(String::new(), |text, cell| text + &format!("<{tag}>{}</{tag}>", escape(cell)))
    };
    let _ = write!(page, "<div class=\"wide\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n", cell("th", header));
    for row in rows {
        let _ = writeln!(page, "<tr>{}</tr>", cell("td", row));
    }
    page.push_str("</tbody></table></div>\n");
}

/// Settings, a row each and a column a group; those in which groups differ come first.
fn settings(page: &mut String, groups: &[Group<'_>]) {
    let tables: Vec<toml::Table> =
        groups.iter().filter_map(|group| toml::Table::try_from(&group.runs[0].config).ok()).collect();
    let Some(first) = tables.first() else { return };
    let mut lines: Vec<(bool, Vec<String>)> = Vec::new();
    for key in first.keys().filter(|key| *key != "seed") {
        let values: Vec<String> = tables
            .iter()
            .map(|table| table.get(key).map_or(String::new(), |value| value.to_string().replace('"', "")))
            .collect();
        let same = values.windows(2).all(|pair| pair[0] == pair[1]);
        lines.push((same, std::iter::once(key.clone()).chain(values).collect()));
    }
    lines.sort_by_key(|(same, _)| *same);
    let header: Vec<String> = std::iter::once("setting".to_owned()).chain(groups.iter().map(Group::title)).collect();
    page.push_str("<details><summary>Settings</summary>\n");
    table(page, &header, &lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>());
    page.push_str("</details>\n");
}

/// What `rewire evaluate` measured last.
fn evaluated(page: &mut String, evaluation: &Evaluation) -> Result<()> {
    let (header, rows) = evaluation.rows();
    page.push_str("<p>Measured by <code>rewire evaluate</code>:</p>\n");
    table(page, &header, &rows);
    page.push_str(&inline(&evaluation::figure(evaluation))?);
    Ok(())
}

/// Where the runs were made.
fn origin(page: &mut String, groups: &[Group<'_>]) {
    let header = ["run", "seed", "epochs", "date", "commit", "machine", "threads"].map(str::to_owned);
    let row = |run: &&SavedRun| {
        let record = run.record.as_ref();
        let of = |value: fn(&crate::training::directory::Record) -> String| record.map_or("not recorded".into(), value);
        vec![
            run.name(),
            run.config.seed.to_string(),
            format!("{} of {}", run.done(), run.config.epochs),
            of(|record| record.date.clone()),
            of(|record| record.commit.clone()),
            of(|record| record.machine.clone()),
            of(|record| record.threads.to_string()),
        ]
    };
    let rows: Vec<_> = groups.iter().flat_map(|group| group.runs.iter().map(row)).collect();
    table(page, &header, &rows);
}

/// Degrees of every sparse hidden layer with the law fitted to them, or why there is none.
fn laws(page: &mut String, run: &SavedRun) {
    let row = |number: usize, degrees: &[u64]| {
        let mean = degrees.iter().sum::<u64>() as f64 / degrees.len().max(1) as f64;
        let most = degrees.iter().max().map_or(String::new(), ToString::to_string);
        let law = match power_law::fit(degrees) {
            Ok(fit) => [
                format!("{:.2} ± {:.2}", fit.exponent, fit.error),
                format!("{} to {}", fit.from, fit.to),
                format!("{} of {}", fit.tail, fit.all),
                format!("{:.3}", fit.distance),
                format!("{:+.3}", fit.over_exponential),
            ],
            Err(NoLaw::Narrow { from, to }) => {
                let none = String::new;
                ["none: range below a factor of 3".into(), format!("{from} to {to}"), none(), none(), none()]
            }
            Err(NoLaw::TooFew) => {
                let none = String::new;
                ["none: too few different degrees".into(), none(), none(), none(), none()]
            }
        };
        [format!("hidden layer {number}"), format!("{mean:.1}"), most].into_iter().chain(law).collect()
    };
    let rows: Vec<Vec<String>> =
        hidden(run).iter().map(|(number, _, now)| row(*number, &now.neuron_degrees())).collect();
    if rows.is_empty() {
        return;
    }
    let header = [
        "incoming connections",
        "mean",
        "most",
        "power-law exponent",
        "fitted range",
        "neurons in it",
        "KS distance",
        "log-likelihood over an exponential tail, per neuron",
    ];
    table(page, &header.map(str::to_owned), &rows);
}

/// The page.
///
/// # Errors
///
/// When a figure cannot be drawn.
pub fn page(runs: &[SavedRun], cache: Option<&Path>) -> Result<String> {
    let groups = group(runs);
    let mut datasets: Vec<String> = runs.iter().map(|run| run.config.dataset.short()).collect();
    datasets.dedup();
    let labels: Vec<String> = groups.iter().map(Group::title).collect();
    let title = format!("{} on {}", labels.join(", "), datasets.join(", "));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n",
        title = escape(&title)
    );
    let missing: Vec<&String> = runs.iter().flat_map(|run| &run.missing).collect();
    if !missing.is_empty() {
        page.push_str("<section class=\"missing\"><h2>What is missing</h2>\n<ul>\n");
        for sentence in missing {
            let _ = writeln!(page, "<li>{}</li>", escape(sentence));
        }
        page.push_str("</ul></section>\n");
    }
    page.push_str("<section><h2>Results</h2>\n<p>Accuracy and loss are those of the epoch whose network was kept (the last one without <code>--keep best</code>), mean ± standard deviation over seeds.</p>\n");
    let results = rows(&groups);
    let cells: Vec<Vec<String>> = results.iter().map(|row| cells(row).to_vec()).collect();
    table(&mut page, &columns(&results), &cells);
    if runs.iter().any(|run| !run.epochs.is_empty()) {
        page.push_str(&inline(&curves::figure(&groups))?);
    }
    if groups.len() > 1 {
        page.push_str(&inline(&network::weights_per_model(&groups))?);
    }
    if let Some(figure) = network::explored(&groups) {
        page.push_str(&inline(&figure)?);
    }
    page.push_str("</section>\n");
    let options = Options { animate: true, cache };
    for group in &groups {
        let run = group.runs[0];
        let _ = writeln!(page, "<section><h2>{} (seed {})</h2>", escape(&group.label), run.config.seed);
        if let Some(evaluation) = &run.evaluation {
            evaluated(&mut page, evaluation)?;
        }
        let image = example(run, &options);
        if let Some(figure) = network::degrees(run) {
            page.push_str(&inline(&figure)?);
            laws(&mut page, run);
        }
        if let Some(figure) = inputs::figure(run, image.as_deref()) {
            page.push_str(&inline(&figure)?);
        }
        if run.config.model == ModelKind::Set && run.inputs.is_some() {
            page.push_str(&animated(run, image.as_deref())?);
        }
        for figure in [network::weights(run), machine::figure(run)].into_iter().flatten() {
            page.push_str(&inline(&figure)?);
        }
        page.push_str("</section>\n");
    }
    page.push_str("<section><h2>Where this comes from</h2>\n");
    origin(&mut page, &groups);
    settings(&mut page, &groups);
    let names: Vec<String> = runs.iter().map(|run| run.path.display().to_string()).collect();
    let _ = writeln!(page, "<p><code>rewire report {}</code></p>\n</section>", escape(&names.join(" ")));
    page.push_str("</main>\n</body>\n</html>\n");
    Ok(page)
}

/// Writes the page, whole or not at all.
///
/// # Errors
///
/// When a figure cannot be drawn or the file not written.
pub fn write(runs: &[SavedRun], file: &Path, cache: Option<&Path>) -> Result<()> {
    write_atomically(file, page(runs, cache)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_page() {
        assert_eq!(escape("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    }

    #[test]
    fn the_page_asks_for_nothing_from_outside() {
        let page = page(&[], None).unwrap();
        for outside in ["http", "<script", "<link", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
