//! A row of `monitor.csv`: its columns, and how it is written and read.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

/// A row of `monitor.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Since the run began; a run that is resumed goes on from its last sample.
    pub seconds: f64,
    /// The epoch that is trained.
    pub epoch: u32,
    /// What the run was doing.
    pub phase: String,
    /// Of this process since the sample before; 100 is one core.
    pub cpu_percent: f64,
    /// Memory of this process that is in RAM.
    pub resident_bytes: u64,
    /// The part of it that no other process shares.
    pub unique_bytes: u64,
    /// Of this process.
    pub threads: u64,
    /// From storage, by this process, so far.
    pub read_bytes: u64,
    /// To storage, likewise.
    pub written_bytes: u64,
    /// Use of each core by the whole machine.
    pub core_percent: Vec<f64>,
}

pub(super) const COLUMNS: &str =
    "seconds,epoch,phase,cpu_percent,resident_bytes,unique_bytes,threads,read_bytes,written_bytes";

impl Sample {
    /// The row as text, with its line feed.
    pub(super) fn line(&self) -> String {
        let Self { seconds, epoch, phase, cpu_percent, .. } = self;
        let Self { resident_bytes, unique_bytes, threads, read_bytes, written_bytes, .. } = self;
        let mut line = format!(
            "{seconds:.3},{epoch},{phase},{cpu_percent:.1},{resident_bytes},{unique_bytes},{threads},{read_bytes},{written_bytes}"
        );
        for percent in &self.core_percent {
            let _ = write!(line, ",{percent:.1}");
        }
        line + "\n"
    }
}

/// Reads the samples of a run directory as far as they are whole.
///
/// # Errors
///
/// When the file cannot be read or lacks a column, by name.
pub fn read(path: &Path) -> Result<Vec<Sample>> {
    let shown = path.display();
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).from_path(path).with_context(|| format!("cannot read {shown}"))?;
    let headers = reader.headers().with_context(|| format!("cannot read {shown}"))?.clone();
    let column = |name: &str| {
        let at = headers.iter().position(|header| header == name);
        at.with_context(|| format!("{shown} has no column '{name}'"))
    };
    let names: Vec<usize> = COLUMNS.split(',').map(column).collect::<Result<_>>()?;
    let cores: Vec<usize> = (0..headers.len()).filter(|&i| headers[i].starts_with("core_")).collect();
    let mut samples = Vec::new();
    for row in reader.records() {
        let Ok(row) = row else { break };
        let cell = |i: usize| row.get(names[i]).unwrap_or_default();
        let float = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let whole = |i: usize| cell(i).parse::<u64>().ok();
        let sample = || {
            Some(Sample {
                seconds: float(cell(0))?,
                epoch: cell(1).parse().ok()?,
                phase: cell(2).to_owned(),
                cpu_percent: float(cell(3))?,
                resident_bytes: whole(4)?,
                unique_bytes: whole(5)?,
                threads: whole(6)?,
                read_bytes: whole(7)?,
                written_bytes: whole(8)?,
                core_percent: cores.iter().map(|&i| float(row.get(i)?)).collect::<Option<_>>()?,
            })
        };
        // A row that was cut off ends what can be used.
        let Some(sample) = sample() else { break };
        samples.push(sample);
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_row_is_left_out_and_a_missing_column_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.csv");
        let whole = Sample { phase: "forward".into(), core_percent: vec![5.0], ..Sample::default() };
        let head = format!("{COLUMNS},core_0_percent\n");
        std::fs::write(&path, format!("{head}{}0.5,1,forw", whole.line())).unwrap();
        assert_eq!(read(&path).unwrap(), [whole]);
        std::fs::write(&path, "seconds,epoch\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("'phase'"));
    }
}
