//! A run as the tutorial's Python writes it, so that its plotting scripts run unchanged.
//!
//! | file | what it holds |
//! |---|---|
//! | `NAME.txt` | as `numpy.savetxt`: train loss, test loss, train accuracy, test accuracy, a row an epoch |
//! | `NAME_monitor.json` | a list of samples, memory in MB |
//! | `NAME_input_connections.npz` | `inputLayerConnections`, epochs + 1 by inputs, first row at the start |

use std::io::{Cursor, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;
use zip::write::SimpleFileOptions;

use crate::analysis::saved::SavedRun;
use crate::files::write_atomically;
use crate::npy;
use crate::settings::ModelKind;

/// Writes the three files into the run directory under its name; returns their paths.
///
/// A model whose connections never move has the same row for every epoch. What was not recorded is not written.
///
/// # Errors
///
/// When a file cannot be written.
pub fn write(run: &SavedRun) -> Result<Vec<PathBuf>> {
    let name = run.name();
    let mut files = Vec::new();
    let mut text = String::new();
    for row in &run.epochs {
        let numbers = [row.train_loss, row.test_loss, row.train_accuracy, row.test_accuracy];
        let numbers: Vec<String> = numbers.iter().map(|&number| exponential(number.into())).collect();
        text += &(numbers.join(" ") + "\n");
    }
    let mut save = |ending: &str, bytes: &[u8]| -> Result<()> {
        let path = run.path.join(format!("{name}{ending}"));
        write_atomically(&path, bytes)?;
        files.push(path);
        Ok(())
    };
    save(".txt", text.as_bytes())?;
    if !run.monitor.is_empty() {
        let record = run.record.as_ref();
        let samples: Vec<_> = run
            .monitor
            .iter()
            .map(|sample| {
                json!({
                    "pid": record.map(|record| record.pid),
                    "name": "rewire",
                    "create_time": record.map(|record| &record.date),
                    "cores": sample.core_percent.len(),
                    "cpu_usage": sample.cpu_percent,
                    "status": "running",
                    "nice": record.map(|record| record.nice),
                    "memory_usage": sample.unique_bytes as f64 / f64::from(1 << 20),
                    "read_bytes": sample.read_bytes,
                    "write_bytes": sample.written_bytes,
                    "n_threads": sample.threads,
                })
            })
            .collect();
        save("_monitor.json", serde_json::to_string(&samples)?.as_bytes())?;
    }
    let connections: Option<(usize, Vec<i64>)> = match (&run.inputs, &run.now) {
        (Some(inputs), _) => Some((inputs.columns, inputs.values.iter().map(|&count| i64::from(count)).collect())),
        (None, Some(layers)) if run.config.model != ModelKind::Set => layers.first().map(|first| {
            let row: Vec<i64> = first.input_degrees().into_iter().map(u64::cast_signed).collect();
            (row.len(), row.repeat(run.done() as usize + 1))
        }),
        _ => None,
    };
    if let Some((columns, values)) = connections {
        save("_input_connections.npz", &npz("inputLayerConnections", &npy::encode(columns, &values))?)?;
    }
    Ok(files)
}

/// A number as `numpy.savetxt` writes it: `1.234500000000000064e+00`.
fn exponential(number: f64) -> String {
    let text = format!("{number:.18e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

/// An archive of one array.
fn npz(name: &str, array: &[u8]) -> Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let cannot = "the archive cannot be written";
    archive.start_file(format!("{name}.npy"), options).context(cannot)?;
    archive.write_all(array).context(cannot)?;
    Ok(archive.finish().context(cannot)?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_numpy_does() {
        assert_eq!(exponential(1.5), "1.500000000000000000e+00");
        assert_eq!(exponential(-0.001), "-1.000000000000000021e-03");
        assert_eq!(exponential(0.0), "0.000000000000000000e+00");
    }
}
