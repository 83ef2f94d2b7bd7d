//! `rewire bench`: times of training steps on this machine.

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use rewire_engine::native::Native;

use crate::bench::graph_challenge::{self, Challenge, Size};
use crate::bench::machine::Level;
use crate::bench::profile::Share;
use crate::bench::schedule::Schedule;
use crate::bench::{AUGMENTED, DENSE_STEP, Network, Plan, Report, Row, STEP};
use crate::commands::output::{note, print, print_json};
use crate::commands::parse::In;
use crate::commands::settings::{OF_STEP, StepSettings};
use crate::data::{DatasetName, Error, cache_dir, load};
use crate::settings::{ModelKind, Range};
use crate::training::directory::processor;

/// Widths of a layer that are timed.
const WIDTHS: Range = Range::Whole(1, 1 << 16);

/// What to time.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Steps timed for each row
    #[arg(long, value_name = "N", default_value = "50", allow_negative_numbers = true,
        value_parser = In::<usize>::range(Range::Whole(1, u32::MAX as u64)))]
    pub steps: usize,
    /// Skip the dense network, which needs 300 MB and most of the time
    #[arg(long)]
    pub no_dense: bool,
    /// Run this network of the Sparse DNN Graph Challenge instead: neurons of a layer and layers, such as 1024x120
    #[arg(long, value_name = "SIZE", conflicts_with_all = OF_STEP,
        conflicts_with_all = ["steps", "no_dense", "step_only", "inputs", "outputs", "threads"])]
    pub graph_challenge: Option<Size>,
    /// Time only the step of the network
    #[arg(long)]
    pub step_only: bool,
    /// Features of a sample
    #[arg(long, value_name = "N", default_value = "3072", allow_negative_numbers = true,
        value_parser = In::<usize>::range(WIDTHS))]
    pub inputs: usize,
    /// Classes
    #[arg(long, value_name = "N", default_value = "10", allow_negative_numbers = true,
        value_parser = In::<usize>::range(WIDTHS))]
    pub outputs: usize,
    /// Threads of each row, such as 1,2 (0: all) [default: 1 and all]
    #[arg(long, value_name = "N,…", value_delimiter = ',', allow_negative_numbers = true,
        value_parser = In::<usize>::range(Range::Whole(0, 1 << 16)))]
    pub threads: Vec<usize>,
    /// Settings of the network and its step.
    #[command(flatten)]
    pub settings: StepSettings,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        if let Some(size) = self.graph_challenge {
            return self.challenge(size);
        }
        let several = std::thread::available_parallelism().is_ok_and(|all| all.get() > 1);
        let threads = match &self.threads[..] {
            [] if several => vec![1, 0],
            [] => vec![1],
            given => given.to_vec(),
        };
        let config = self.settings.resolve()?;
        self.settings.0.note_idle(std::slice::from_ref(&config));
        // A network that is dense itself is timed once.
        let dense = !self.no_dense && config.model != ModelKind::Dense;
        let network = Network { config, inputs: self.inputs, outputs: self.outputs };
        let plan = Plan { network, steps: self.steps, threads, step_only: self.step_only, dense };
        let report = plan.run()?;
        if self.json { print_json(&report) } else { print(table(&report)) }
    }
}

impl Arguments {
    /// Runs the images of MNIST through a network of the challenge.
    fn challenge(&self, size: Size) -> Result<()> {
        let load = |name| load(name, &cache_dir(None));
        let (data, of) = match load(DatasetName::Mnist) {
            Err(Error::Missing { .. }) => (load(DatasetName::MnistMini)?, DatasetName::MnistMini),
            data => (data?, DatasetName::Mnist),
        };
        let images = data.train;
        let image = |sample: usize| images.image(sample % images.len().max(1)).unwrap_or_default();
        let found = graph_challenge::run(size, &Native::new(0)?, &image, graph_challenge::SAMPLES, |_, _, _| {})?;
        if self.json {
            return print_json(&found);
        }
        if of == DatasetName::MnistMini {
            note("the bundled images, in turn; `rewire data fetch mnist` gets all 60,000");
        }
        let Challenge { neurons, layers, samples, threads, categories, seconds, edges_per_second } = found;
        let published = graph_challenge::PUBLISHED.iter().filter(|published| published.0 == size);
        let line = |published: &(Size, &str, f64)| {
            let (_, who, seconds) = published;
            format!("\n{:.3e} edges a second, {seconds} s: {who}", size.edges(samples) / seconds)
        };
        let published = published.map(line).collect::<Vec<_>>().concat();
        print(format!(
            "{}\n{neurons} neurons x {layers} layers, {samples} inputs, {threads} threads: {seconds:.3} s, \
             {edges_per_second:.3e} edges a second; {categories} inputs leave an activation above zero{published}",
            processor()
        ))
    }
}

/// The rows as a table, with the ratio of the dense step to the sparse one where both were timed.
fn table(report: &Report) -> String {
    let rows = &report.rows;
    let mut table = Table::new();
    let network = format!("{}, batch {}", report.network, report.batch_size);
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header([
        &network[..],
        "threads",
        "SIMD",
        "median ms",
        "min ms",
        "runs",
    ]);
    for row in rows {
        table.add_row([
            row.what.clone(),
            row.threads.to_string(),
            row.simd.clone(),
            format!("{:.2}", row.median_ms),
            format!("{:.2}", row.min_ms),
            row.runs.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let find = |what: &str| rows.iter().filter(|row| row.what == what).map(|row| row.median_ms).min_by(f64::total_cmp);
    let ratio = find(DENSE_STEP).zip(find(STEP));
    let ratio = ratio.map_or(String::new(), |(dense, sparse)| format!("\ndense / sparse: {:.1}", dense / sparse));
    let share = |augmented: &Row| {
        let step = rows.iter().find(|row| row.what == STEP && row.threads == augmented.threads)?;
        let (share, threads) = (100.0 * augmented.median_ms / step.median_ms, step.threads);
        Some(format!("\nbuilding augmented batches / sparse step, {threads} threads: {share:.0} %"))
    };
    let shares: String = rows.iter().filter(|row| row.what == AUGMENTED).filter_map(share).collect();
    let table = format!("{}\n{table}{ratio}{shares}", processor());
    if report.kernels.is_empty() {
        return table;
    }
    let rate = |level: &Level| format!("{:.2} from {} ({} KB)", level.rate, level.name, level.bytes >> 10);
    let rates = report.caches.iter().map(rate).collect::<Vec<_>>().join(", ");
    let rates = format!("multiply-adds of 16 lanes a nanosecond, one thread: {rates}");
    format!("{table}\n{rates}\n{}\n{}", kernel_table(&report.kernels), schedule_table(&report.schedules))
}

/// What a step would take on more threads.
fn schedule_table(schedules: &[Schedule]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header([
        "step, simulated",
        "threads",
        "step ms",
        "longest chain ms",
        "all blocks ms",
        "all / step",
    ]);
    for Schedule { threads, work_ms, chain_ms, step_ms } in schedules {
        let [step, chain, work] = [step_ms, chain_ms, work_ms].map(|ms| format!("{ms:.3}"));
        let faster = format!("{:.1}", work_ms / step_ms);
        table.add_row(["", &threads.to_string(), &step, &chain, &work, &faster]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Each kernel's time beside its floor's.
fn kernel_table(kernels: &[Share]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header([
        "kernel, one thread",
        "layer",
        "rows from",
        "median ms",
        "floor ms",
        "floor / median",
    ]);
    let mut row = |kernel: &str, layer: &str, cache: &str, median_ms: f64, floor_ms: f64| {
        let share = format!("{:.0} %", 100.0 * floor_ms / median_ms);
        let (median, floor) = (format!("{median_ms:.3}"), format!("{floor_ms:.3}"));
        table.add_row([kernel, layer, cache, &median, &floor, &share]);
    };
    for Share { kernel, layer, cache, median_ms, floor_ms } in kernels {
        row(kernel, &layer.to_string(), cache, *median_ms, *floor_ms);
    }
    let sum = |each: fn(&Share) -> f64| kernels.iter().map(each).sum();
    row("all", "", "", sum(|share| share.median_ms), sum(|share| share.floor_ms));
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
