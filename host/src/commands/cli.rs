//! The command line's shape, and nothing else.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::data::DatasetName;
use crate::engine::native::SimdLevel;
use crate::settings::{
    ActivationKind, Config, DecayKind, FanInKind, GrownKind, GrowthKind, ModelKind, Scaling, ScheduleKind, StorageKind,
    TopologyKind,
};

/// Trains truly sparse neural networks whose connections evolve while they learn.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network and write a run directory
    Train(Box<TrainArguments>),
    /// Accuracy and loss of a saved model on a dataset's test samples
    Evaluate(EvaluateArguments),
    /// Train the three models side by side and print what they came to
    Compare(Box<CompareArguments>),
    /// Bytes of a network before there is one, buffer by buffer, sparse beside dense
    Footprint(Box<FootprintArguments>),
    /// Write a saved model as an image that firmware reads in place from flash
    Export(ExportArguments),
    /// Describe an image: layers, connections, bytes, checksum, hash
    Image(ImageArguments),
    /// Draw figures from saved runs
    Plot(PlotArguments),
    /// One HTML page of saved runs: settings, tables, figures, animation
    Report(ReportArguments),
    /// Rank inputs by the connections that a run kept, and train fresh networks on the best alone
    Features(FeaturesArguments),
    /// Datasets: what there is, fetching, checking
    Data(DataArguments),
    /// Time training steps on this machine, sparse beside dense
    Bench(BenchArguments),
}

/// Settings of a run; what is absent comes from --config, then from the dataset's defaults.
#[derive(Debug, Args)]
pub struct SettingsArguments {
    /// mnist-mini (bundled), mnist, fashion-mnist or cifar10 [default: the file's, or mnist-mini]
    pub dataset: Option<DatasetName>,
    /// TOML file with settings, such as one of host/experiments or a run's config.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Which model [default: set]
    #[arg(long, value_enum)]
    pub model: Option<ModelKind>,
    /// Neurons of each hidden layer, such as 4000,1000,4000
    #[arg(long, value_delimiter = ',', value_name = "N,N,…", allow_negative_numbers = true)]
    pub hidden: Option<Vec<usize>>,
    /// Density: a layer has epsilon * (inputs + outputs) connections
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub epsilon: Option<f64>,
    /// Connections of each layer, the output layer included, in place of epsilon's
    #[arg(long, value_delimiter = ',', value_name = "N,N,…", allow_negative_numbers = true)]
    pub connections: Option<Vec<usize>>,
    /// Share of connections that each evolution replaces, in [0, 1)
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub zeta: Option<f32>,
    /// How zeta changes over the epochs
    #[arg(long, value_enum)]
    pub zeta_schedule: Option<ScheduleKind>,
    /// Training samples between evolutions within an epoch (0: none); one follows every epoch in any case
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub evolve_every: Option<usize>,
    /// Share of the epochs after which evolution ends
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub evolve_until: Option<f32>,
    /// Activation of hidden layers; unless asked for, a dense model has relu where others have all-relu
    #[arg(long, value_enum)]
    pub activation: Option<ActivationKind>,
    /// Slope below zero of leaky-relu and all-relu
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub slope: Option<f32>,
    /// Share of hidden activations dropped in training, in [0, 1)
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub dropout: Option<f32>,
    /// Learning rate
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub learning_rate: Option<f32>,
    /// How the learning rate changes over the epochs
    #[arg(long, value_enum)]
    pub schedule: Option<ScheduleKind>,
    /// Epochs over which the learning rate rises first
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub warmup: Option<u32>,
    /// Epochs between the falls of a step schedule
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub step_every: Option<u32>,
    /// Share that a fall of a step schedule leaves
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub step_factor: Option<f32>,
    /// Momentum, in [0, 1)
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub momentum: Option<f32>,
    /// Weight decay, in [0, 1)
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub weight_decay: Option<f32>,
    /// How weight decay enters: scaled by the learning rate (coupled, periodic) or not (decoupled)
    #[arg(long, value_enum)]
    pub decay: Option<DecayKind>,
    /// Share of the target spread over all classes, in [0, 1)
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub label_smoothing: Option<f32>,
    /// Samples in a minibatch
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub batch_size: Option<usize>,
    /// Passes over the training samples
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub epochs: Option<u32>,
    /// Order of the first layer's connections; input-major is a microcontroller's
    #[arg(long, value_enum)]
    pub storage: Option<StorageKind>,
    /// How pixels become inputs
    #[arg(long, value_enum)]
    pub scaling: Option<Scaling>,
    /// Fan-in that scales first weights
    #[arg(long, value_enum)]
    pub fan_in: Option<FanInKind>,
    /// First weight of a connection that evolution grows
    #[arg(long, value_enum)]
    pub grown: Option<GrownKind>,
    /// Positions of the first connections
    #[arg(long, value_enum)]
    pub topology: Option<TopologyKind>,
    /// Positions of the connections that evolution grows
    #[arg(long, value_enum)]
    pub growth: Option<GrowthKind>,
    /// Standard deviation of local connections by layer, in pixels, such as 2,4,8; the last holds for the layers after it
    #[arg(long, value_delimiter = ',', value_name = "F,F,…", allow_negative_numbers = true)]
    pub sigma: Option<Vec<f32>>,
    /// Cells by which near growth moves an input at most
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub reach: Option<u32>,
    /// Change training images at random: rotation, shifts, flips
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub augment: Option<bool>,
    /// Largest rotation either way of --augment, in degrees [default: 10]
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub rotation: Option<f32>,
    /// Largest shift either way of --augment, as a share of height and width [default: 0.1]
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub shift: Option<f32>,
    /// Whether --augment mirrors half of the images [default: true for cifar10]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub flip: Option<bool>,
    /// Move training images by up to this many whole pixels either way
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub pixel_shift: Option<u16>,
    /// Use this many training samples, drawn by the seed (0: all)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub train_samples: Option<usize>,
    /// Use this many test samples, drawn by the seed (0: all)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub test_samples: Option<usize>,
    /// Hold out this many training samples and measure them in place of the test samples
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub validation_samples: Option<usize>,
    /// Seed of everything random
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Samples in a tile: 1, 16, 32, 64 or 128 (0: chosen by the batch size); 1 gives a microcontroller's bits
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub lanes: Option<usize>,
}

/// What to train, and where to.
#[derive(Debug, Args)]
pub struct TrainArguments {
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsArguments,
    /// Run directory [default: runs/DATASET-MODEL-seedN, the first that is free]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue the run in --out after its last finished epoch, with its settings
    #[arg(long, requires = "out", conflicts_with = "config")]
    pub resume: bool,
    /// Seconds between samples of CPU, memory and I/O in monitor.csv (0: no monitor)
    #[arg(long, value_name = "F", default_value_t = 0.5, allow_negative_numbers = true)]
    pub monitor_interval: f32,
    /// Also write the metrics, samples and input connections as the tutorial's Python does
    #[arg(long)]
    pub reference_files: bool,
    /// Threads and vectors.
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
    /// Print the closing figures as JSON
    #[arg(long)]
    pub json: bool,
}

impl SettingsArguments {
    /// Lays the flags that were given over `config`.
    pub fn overlay(&self, mut config: Config) -> Config {
        macro_rules! take {
            ($($field:ident),*) => {
                // Every field is named, so that a flag that is forgotten here does not compile.
                let Self { $($field,)* config: _ } = self;
                $(if let Some(value) = $field {
                    config.$field = value.clone();
                })*
            };
        }
        take!(
            dataset,
            model,
            hidden,
            epsilon,
            connections,
            zeta,
            zeta_schedule,
            evolve_every,
            evolve_until,
            activation,
            slope,
            dropout,
            learning_rate,
            schedule,
            warmup,
            step_every,
            step_factor,
            momentum,
            weight_decay,
            decay,
            label_smoothing,
            batch_size,
            epochs,
            storage,
            scaling,
            fan_in,
            grown,
            topology,
            growth,
            sigma,
            reach,
            augment,
            rotation,
            shift,
            flip,
            pixel_shift,
            train_samples,
            test_samples,
            validation_samples,
            seed,
            lanes
        );
        config
    }

    /// Flags that were given and change nothing in `config`, which they are part of: a sentence each.
    pub fn without_effect(&self, config: &Config) -> Vec<String> {
        let is = |kind| config.schedule == kind || config.zeta_schedule == kind;
        let local = config.topology == TopologyKind::Local || config.growth == GrowthKind::Local;
        let sloped = matches!(config.activation, ActivationKind::LeakyRelu | ActivationKind::AllRelu);
        let (sparse, evolves) = (config.model != ModelKind::Dense, config.model == ModelKind::Set);
        let augments = (config.augment, "without --augment");
        let steps = (is(ScheduleKind::Step), "without --schedule step or --zeta-schedule step");
        let set = (evolves, "where the model is not set");
        let connected = (sparse, "where the model is dense");
        let rules = [
            ("rotation", self.rotation.is_some(), augments),
            ("shift", self.shift.is_some(), augments),
            ("flip", self.flip.is_some(), augments),
            ("zeta", self.zeta.is_some(), set),
            ("zeta-schedule", self.zeta_schedule.is_some(), set),
            ("growth", self.growth.is_some(), set),
            ("grown", self.grown.is_some(), set),
            ("evolve-every", self.evolve_every.is_some(), set),
            ("evolve-until", self.evolve_until.is_some(), set),
            ("topology", self.topology.is_some(), connected),
            ("connections", self.connections.is_some(), connected),
            ("epsilon", self.epsilon.is_some(), connected),
            ("epsilon", self.epsilon.is_some() && sparse, (config.connections.is_empty(), "beside --connections")),
            ("sigma", self.sigma.is_some(), (local, "without --topology local or --growth local")),
            ("reach", self.reach.is_some(), (config.growth == GrowthKind::Near, "without --growth near")),
            ("slope", self.slope.is_some(), (sloped, "without --activation leaky-relu or all-relu")),
            ("step-every", self.step_every.is_some(), steps),
            ("step-factor", self.step_factor.is_some(), steps),
            ("warmup", self.warmup == Some(1), (false, "with 1, whose only epoch has the whole learning rate")),
            ("decay", self.decay.is_some(), (config.weight_decay != 0.0, "without --weight-decay")),
            (
                "test-samples",
                self.test_samples.is_some(),
                (config.validation_samples == 0, "with --validation-samples"),
            ),
        ];
        let idle = rules.into_iter().filter(|(_, given, (used, _))| *given && !used);
        idle.map(|(flag, _, (_, why))| format!("--{flag} changes nothing {why}")).collect()
    }
}

/// What of the machine to use. Results do not depend on it.
#[derive(Debug, Args)]
pub struct MachineArguments {
    /// Threads (0: one a processor)
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub threads: usize,
    /// Vector instructions: baseline, v3 or v4 [default: the best of this processor]
    #[arg(long, value_name = "LEVEL")]
    pub simd: Option<SimdLevel>,
}

/// Where datasets are.
#[derive(Debug, Args)]
pub struct CacheArguments {
    /// Folder of fetched datasets [default: `$REWIRE_DATA`, or `rewire` in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// What to export.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// A model.safetensors, or a run directory that holds one
    pub model: PathBuf,
    /// For a chip: columns and inputs in bytes, in the order of training; the only form so far
    #[arg(long, required = true)]
    pub chip: bool,
    /// The image [default: model.image beside the model]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Which image to describe.
#[derive(Debug, Args)]
pub struct ImageArguments {
    /// An image that `rewire export --chip` or a chip wrote
    pub file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What to evaluate.
#[derive(Debug, Args)]
pub struct EvaluateArguments {
    /// A model.safetensors, a run directory that holds one, or an image for a chip
    pub model: PathBuf,
    /// Dataset [default: what the model was trained on, which an image does not say]
    pub dataset: Option<DatasetName>,
    /// Threads and vectors.
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}

/// What to compare.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// Settings of all models.
    #[command(flatten)]
    pub settings: SettingsArguments,
    /// Models to train
    #[arg(long, value_enum, value_delimiter = ',', value_name = "MODEL,…", default_value = "set,fixprob,dense")]
    pub models: Vec<ModelKind>,
    /// Seeds to train each model with
    #[arg(long, value_delimiter = ',', value_name = "N,N,…", default_value = "1", allow_negative_numbers = true)]
    pub seeds: Vec<u64>,
    /// Learning rate of the dense model, which may need a smaller one [default: that of all models]
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub dense_learning_rate: Option<f32>,
    /// Activation of the dense model [default: that of all models, but relu for all-relu, with which it diverges]
    #[arg(long, value_enum)]
    pub dense_activation: Option<ActivationKind>,
    /// Folder for the runs and the table; runs that are there already are used or continued [default: runs/compare-DATASET]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Threads and vectors.
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
    /// Print the table as JSON
    #[arg(long)]
    pub json: bool,
}

/// What to count.
#[derive(Debug, Args)]
pub struct FootprintArguments {
    /// Settings; those that change no size are accepted and ignored.
    #[command(flatten)]
    pub settings: SettingsArguments,
    /// Run directory whose settings to use, with what it measured beside the prediction
    #[arg(long, value_name = "RUN", conflicts_with = "config")]
    pub run: Option<PathBuf>,
    /// What fits a board, trained on chip one sample at a time: a name such as nrf52840, or all
    #[arg(long, value_name = "NAME", conflicts_with = "run")]
    pub board: Option<String>,
    /// Find the largest epsilon that fits --board
    #[arg(long, requires = "board")]
    pub fit: bool,
    /// RAM of the board to leave to stack and program, in bytes
    #[arg(long, value_name = "N", default_value_t = 4096, requires = "board", allow_negative_numbers = true)]
    pub reserve: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What to draw.
#[derive(Debug, Args)]
pub struct PlotArguments {
    /// Run directories; runs that differ in the seed alone become one curve with a band
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Folder for the figures [default: figures in the run directory, or in the working directory for several runs]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Also draw a GIF of the connections of each pixel over the epochs
    #[arg(long)]
    pub animate: bool,
    /// Also write into each run directory what the tutorial's Python does: NAME.txt and its companions
    #[arg(long)]
    pub reference_files: bool,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
    /// Print the files as JSON
    #[arg(long)]
    pub json: bool,
}

/// What to report.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Run directories; runs that differ in the seed alone are put together
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The page [default: report.html in the run directory, or in the working directory for several runs]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
}

/// Which inputs to select.
#[derive(Debug, Args)]
pub struct FeaturesArguments {
    /// Run directory of a sparse network
    pub run: PathBuf,
    /// Shares of the inputs to keep, in percent
    #[arg(long, value_name = "N,N,…", default_value = "5,10,25,50%", allow_hyphen_values = true)]
    pub top: String,
    /// Epochs of the fresh networks [default: the run's]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub epochs: Option<u32>,
    /// Rank and draw only, train nothing
    #[arg(long)]
    pub no_training: bool,
    /// Folder for ranking and figures [default: features in the run directory]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Threads and vectors.
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
    /// Print the outcomes as JSON
    #[arg(long)]
    pub json: bool,
}

/// What to do about datasets.
#[derive(Debug, Args)]
pub struct DataArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: DataCommand,
}

/// A subcommand of `data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// List the datasets and whether they are here
    List(ListArguments),
    /// Fetch datasets, verified by SHA-256 (all, unless some are named)
    Fetch(DataSelection),
    /// Hash the files again and compare
    Verify(DataSelection),
}

/// Where datasets are, and how to list them.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Which datasets, and where.
#[derive(Debug, Args)]
pub struct DataSelection {
    /// mnist-mini, mnist, fashion-mnist, cifar10 [default: all]
    pub datasets: Vec<DatasetName>,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What to time.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// Steps timed for each row
    #[arg(long, value_name = "N", default_value_t = 50, allow_negative_numbers = true)]
    pub steps: usize,
    /// Skip the dense network, which needs 300 MB and most of the time
    #[arg(long)]
    pub no_dense: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
