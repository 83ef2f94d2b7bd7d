//! The sizes that were measured, beside each other.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use crate::files::write_atomically;
use crate::scale::measure::Measurement;
use crate::text::thousands;

/// The sizes that were measured, smallest first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Table {
    /// What each took.
    pub sizes: Vec<Measurement>,
    /// Why the next size was not measured: it needs more memory than there is.
    pub beyond: Option<String>,
}

/// Some columns of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Their names.
    pub columns: Vec<&'static str>,
    /// A row for each size.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The table for people: memory and what was learned, then time.
    pub fn sheets(&self) -> [Sheet; 2] {
        let memory = self.sizes.iter().map(|size| {
            vec![
                size.size(),
                thousands(size.connections as u64),
                megabytes(Some(size.predicted_bytes as u64)),
                megabytes(size.network_bytes),
                size.difference().map_or(UNKNOWN.into(), |difference| format!("{:+.2} %", 100.0 * difference)),
                megabytes(size.process_bytes),
                format!("{:.4}", size.loss_before),
                format!("{:.4}", size.loss_after),
                format!("{:.1} %", 100.0 * size.test_accuracy),
            ]
        });
        let before = std::iter::once(None).chain(self.sizes.iter().map(Some));
        let time = self.sizes.iter().zip(before).map(|(size, before)| {
            let ratio = before.map(|before| size.connection_nanoseconds / before.connection_nanoseconds);
            vec![
                size.size(),
                short(size.draw_seconds),
                short(size.sample_seconds),
                size.evolve_seconds.map_or(UNKNOWN.into(), short),
                short(size.save_seconds),
                short(size.connection_nanoseconds),
                ratio.map_or(UNKNOWN.into(), |ratio| format!("{ratio:.2}")),
            ]
        });
        let memory_columns = vec![
            "neurons",
            "connections",
            "MB predicted",
            "MB measured",
            "difference",
            "MB of the process",
            "loss before",
            "loss after",
            "accuracy",
        ];
        let time_columns = vec![
            "neurons",
            "s to draw",
            "s to train a sample",
            "s to evolve",
            "s to save",
            "ns a connection and sample",
            "of the size before",
        ];
        [
            Sheet { columns: memory_columns, rows: memory.collect() },
            Sheet { columns: time_columns, rows: time.collect() },
        ]
    }

    /// The table as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for Sheet { columns, rows } in self.sheets() {
            let _ = writeln!(text, "| {} |\n{}|", columns.join(" | "), "|---".repeat(columns.len()));
            for row in rows {
                let _ = writeln!(text, "| {} |", row.join(" | "));
            }
            text.push('\n');
        }
        text + self.beyond.as_deref().unwrap_or("")
    }

    /// Writes the table into a folder, for people and for programs; returns the files.
    ///
    /// # Errors
    ///
    /// When one cannot be written.
    pub fn save(&self, folder: &Path) -> Result<[PathBuf; 2]> {
        let [markdown, json] = ["scale.md", "scale.json"].map(|name| folder.join(name));
        write_atomically(&markdown, format!("{}\n", self.markdown().trim_end()).as_bytes())?;
        write_atomically(&json, serde_json::to_string_pretty(self)?.as_bytes())?;
        Ok([markdown, json])
    }
}

/// What was not measured.
const UNKNOWN: &str = "-";

/// Millions of bytes.
fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or(UNKNOWN.into(), |bytes| format!("{:.1}", bytes as f64 / 1e6))
}

/// A number with three digits, as far as they are behind the point.
fn short(value: f64) -> String {
    let places = 2 - value.abs().max(1e-9).log10().floor() as i32;
    format!("{value:.*}", places.max(0) as usize)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::training::directory::Record;

    pub(crate) fn measurement(neurons: usize, connection_nanoseconds: f64) -> Measurement {
        let record = Record {
            version: String::new(),
            commit: String::new(),
            machine: String::new(),
            threads: 1,
            date: String::new(),
            lanes: 1,
            pid: 0,
            nice: 0,
        };
        Measurement {
            neurons,
            inputs: neurons / 10,
            connections: 2 * neurons,
            predicted_bytes: 50 * neurons,
            network_bytes: Some(51 * neurons as u64),
            process_bytes: None,
            draw_seconds: 0.012_345,
            sample_seconds: connection_nanoseconds * 2e-9 * neurons as f64,
            connection_nanoseconds,
            evolve_seconds: None,
            save_seconds: 12.345,
            saved_bytes: 0,
            loss_before: 1.25,
            loss_after: 0.5,
            test_accuracy: 0.875,
            test_samples: 8,
            record,
        }
    }

    #[test]
    fn time_a_connection_is_beside_that_of_the_size_before() {
        let sizes = vec![measurement(10_000, 10.0), measurement(100_000, 12.5)];
        let table = Table { sizes, beyond: Some("1e6 neurons need more".into()) };
        let [memory, time] = table.sheets();
        assert_eq!(memory.rows[1], ["1e5", "200,000", "5.0", "5.1", "+2.00 %", "-", "1.2500", "0.5000", "87.5 %"]);
        assert_eq!(time.rows[0], ["1e4", "0.0123", "0.000200", "-", "12.3", "10.0", "-"]);
        assert_eq!(time.rows[1], ["1e5", "0.0123", "0.00250", "-", "12.3", "12.5", "1.25"]);
        for Sheet { columns, rows } in [&memory, &time] {
            assert!(rows.iter().all(|row| row.len() == columns.len()));
        }
        let text = table.markdown();
        assert!(text.starts_with("| neurons | connections |") && text.ends_with("1e6 neurons need more"), "{text}");
    }
}
