//! Every setting, once: its type, default, range, help, group, and when it has an effect.
//!
//! A new setting is one entry here and the code that uses it. The entry makes the field of [`Config`], the flag and its help,
//! the key in settings files and in `config.toml`, the check of the range, the note on a flag without effect, and the
//! comparison of runs. A default that reproduces runs of before is what keeps their files readable.
//!
//! It has over 400 lines because it is one list: whoever looks for a setting finds it here.

use std::path::PathBuf;

use crate::data::DatasetName::{self, Cifar10, MnistMini};
use crate::data::{DataSource, ImageShape};
use crate::settings::choice::{
    ActivationKind, ClassWeights, DecayKind, EdgeKind, FanInKind, FilterKind, GrownKind, GrowthKind, Keep, Missing,
    ModelKind, PruningKind, Scaling, ScheduleKind, StorageKind, TaskKind, TopologyKind,
};
use crate::settings::setting::{self, Field, Group, settings};
use crate::settings::value::{Bound, Range, Value};

/// A setting of a run.
pub type Setting = setting::Setting<Config, Given>;

/// When a setting of a run has an effect.
pub type Condition = setting::Condition<Config>;

/// Samples in a tile that the program is built for.
pub const LANES: [usize; 5] = [1, 16, 32, 64, 128];

/// A fraction of something of which some is left.
const FRACTION: Range = Range::Real(Bound::Included(0.0), Bound::Excluded(1.0));

const SPARSE: Condition = Condition { holds: |config| config.model != ModelKind::Dense, otherwise: "in a dense model" };
const SET: Condition =
    Condition { holds: |config| config.model == ModelKind::Set, otherwise: "in a model other than set" };
const OWN: Condition =
    Condition { holds: |config| config.dataset.path().is_some(), otherwise: "unless the dataset is a path" };
const SYNTHETIC: Condition =
    Condition { holds: |config| config.dataset == DataSource::Synthetic, otherwise: "unless the dataset is synthetic" };
const CLASSIFY: Condition =
    Condition { holds: |config| config.task == TaskKind::Classify, otherwise: "without --task classify" };
const VALIDATED: Condition =
    Condition { holds: |config| config.validation_samples > 0, otherwise: "without --validation-samples" };
const EPOCHS: Condition = Condition { holds: |config| config.epochs > 1, otherwise: "with --epochs 1" };
const EVOLVES: Condition =
    Condition { holds: |config| config.evolves(1), otherwise: "where --epochs or --evolve-until leave no evolution" };
const REPLACES: Condition = Condition {
    holds: |config| config.zeta > 0.0 || config.percolation,
    otherwise: "with --zeta 0 and without --percolation",
};
const IMPORTANCE: Condition =
    Condition { holds: |config| config.importance_percentile > 0.0, otherwise: "without --importance-percentile" };
const AUGMENT: Condition = Condition { holds: |config| config.augment, otherwise: "without --augment" };
const STEP: Condition = Condition {
    holds: |config| {
        let zeta = config.model == ModelKind::Set && config.zeta_schedule == ScheduleKind::Step;
        let connections = config.model == ModelKind::Set && config.connections_schedule == ScheduleKind::Step;
        config.schedule == ScheduleKind::Step || zeta || connections
    },
    otherwise: "without --schedule, --zeta-schedule or --connections-schedule step",
};

settings! { |dataset, source, task|
    Data {
        /// Dataset: mnist-mini, mnist, fashion-mnist, cifar10, synthetic, or the path of a CSV, TSV, LIBSVM, NPY or NPZ file or of a
        /// folder of pictures or IDX files.
        dataset: DataSource = source, { common: true, positional: true, default_words: Some("mnist-mini, or that of --config") }

        /// What the network learns.
        task: TaskKind = task, { common: true }

        /// Column of the classes, by name or counted from 0 (none: a column called label, target, class or y, else the last).
        label: String = String::new(), { applies: &[OWN] }

        /// Columns of the numbers that a regression learns, by name or counted from 0 (none: as for --label).
        target: Vec<String> = vec![], {
            applies: &[OWN, Condition {
                holds: |config| config.task == TaskKind::Regress,
                otherwise: "without --task regress",
            }],
        }

        /// Columns to leave out, by name or counted from 0.
        ignore: Vec<String> = vec![], { applies: &[OWN] }

        /// Path of the test samples.
        test: Option<PathBuf> = None, { applies: &[OWN] }

        /// Fraction of the samples that is set apart for testing: the same of each class, drawn by the seed.
        test_share: f32 = 0.2, {
            range: FRACTION,
            applies: &[OWN, Condition { holds: |config| config.test.is_none(), otherwise: "with --test" }],
        }

        /// Where features lie, for local topologies and shifts: an image plane, or a time axis such as 3x1x128.
        shape: Option<ImageShape> = None, { applies: &[OWN] }

        /// Height and width to which pictures and IDX images are resized, such as 64x64.
        resize: Option<ImageShape> = None, { applies: &[OWN] }

        /// What is done about missing values.
        missing: Missing = Missing::Refuse, { applies: &[OWN] }

        /// Features of a sample of synthetic.
        features: usize = 500, { range: Range::Whole(1, u32::MAX as u64), applies: &[SYNTHETIC] }

        /// Classes of synthetic.
        classes: usize = 2, { range: Range::Whole(2, 1 << 16), applies: &[SYNTHETIC] }

        /// Informative features of synthetic: as many again are sums of them, and the others are noise.
        informative: usize = 5, { range: Range::Whole(1, 1 << 20), applies: &[SYNTHETIC] }

        /// Training samples of synthetic, which has as many for testing.
        samples: usize = 2000, { range: Range::Whole(1, 1 << 30), applies: &[SYNTHETIC] }

        /// Seed of synthetic: which features are informative, and every sample. Runs of any --seed learn the same samples.
        data_seed: u64 = 1, { applies: &[SYNTHETIC] }

        /// Filter that images go through before they are scaled.
        filter: FilterKind = FilterKind::None, {
            applies: &[Condition {
                holds: |config| config.task != TaskKind::Reconstruct,
                otherwise: "with --task reconstruct, whose network gives pixels",
            }],
        }

        /// How features, such as pixels, become inputs.
        scaling: Scaling = if dataset == Some(Cifar10) || dataset.is_none() { Scaling::Feature } else { Scaling::Global }, {
            applies: &[Condition {
                holds: |config| config.dataset != DataSource::Synthetic,
                otherwise: "on synthetic, which is standardised",
            }],
        }

        /// Train on this many samples, drawn by the seed (0: all).
        train_samples: usize = 0, {}

        /// Measure on this many test samples, drawn by the seed (0: all).
        test_samples: usize = 0, {
            applies: &[Condition {
                holds: |config| config.validation_samples == 0,
                otherwise: "with --validation-samples",
            }],
        }

        /// Hold out this many training samples, and measure on them instead of on the test samples.
        validation_samples: usize = 0, {}
    }

    Network {
        /// Model.
        model: ModelKind = ModelKind::Set, { common: true }

        /// Neurons of each hidden layer, such as 4000,1000,4000.
        hidden: Vec<usize> = match dataset {
            Some(Cifar10) => vec![4000, 1000, 4000],
            Some(_) => vec![1000; 3],
            None => vec![256, 128],
        }, {
            common: true,
            range: Range::Whole(1, u32::MAX as u64),
        }

        /// Activation of the hidden layers. A dense model has relu where a sparse one has all-relu by default.
        activation: ActivationKind = match dataset {
            Some(Cifar10) | None => ActivationKind::Relu,
            _ => ActivationKind::AllRelu,
        }, { common: true }

        /// Slope below zero of leaky-relu and all-relu.
        slope: f32 = if dataset == Some(Cifar10) { 0.75 } else { 0.6 }, {
            range: Range::NotZero,
            applies: &[Condition {
                holds: |config| matches!(config.activation, ActivationKind::LeakyRelu | ActivationKind::AllRelu),
                otherwise: "without --activation leaky-relu or all-relu",
            }],
        }

        /// Fan-in for weight initialisation.
        fan_in: FanInKind = if dataset == Some(Cifar10) { FanInKind::Dense } else { FanInKind::Connections }, {
            applies: &[SPARSE],
        }

        /// Storage of the connections: rows of the first layer by neuron or by input, or blocks in every sparse layer. The initial
        /// topology depends on it.
        storage: StorageKind = StorageKind::OutputMajor, { applies: &[SPARSE] }
    }

    Topology {
        /// Density: a layer has epsilon * (inputs + outputs) connections.
        epsilon: f64 = 20.0, {
            common: true,
            range: Range::Real(Bound::Excluded(0.0), Bound::Open),
            applies: &[SPARSE, Condition {
                holds: |config| config.connections.is_empty(),
                otherwise: "with --connections, which says how many there are",
            }],
        }

        /// Connections of each layer, the output layer included, instead of those by epsilon. A layer that is given as many
        /// as it has positions, or more, is dense.
        connections: Vec<usize> = vec![], {
            range: Range::Whole(1, 1 << 48),
            applies: &[SPARSE],
        }

        /// Initial topology.
        topology: TopologyKind = TopologyKind::Random, { applies: &[SPARSE] }

        /// Fraction of the connections that an evolution replaces.
        zeta: f32 = 0.3, { common: true, range: FRACTION, applies: &[SET] }

        /// How zeta changes over the epochs.
        zeta_schedule: ScheduleKind = match dataset {
            Some(Cifar10) => ScheduleKind::Constant,
            _ => ScheduleKind::Cosine,
        }, {
            applies: &[SET, EPOCHS, Condition { holds: |config| config.zeta > 0.0, otherwise: "with --zeta 0" }],
        }

        /// Also evolve within an epoch, each time this many training samples have passed (0: only after epochs).
        evolve_every: usize = 0, { applies: &[SET, EVOLVES] }

        /// Fraction of the epochs that are followed by an evolution. The last epoch never is.
        evolve_until: f32 = 1.0, {
            range: Range::Real(Bound::Included(0.0), Bound::Included(1.0)),
            applies: &[SET, EPOCHS],
        }

        /// Which connections an evolution prunes.
        pruning: PruningKind = PruningKind::Magnitude, { applies: &[SET, EVOLVES, REPLACES] }

        /// Temperature of soft pruning: at 1, a weight stays with a probability in proportion to its magnitude; towards 0, as its
        /// magnitude alone decides.
        pruning_temperature: f32 = 0.5, {
            range: Range::Real(Bound::Excluded(0.0), Bound::Included(1.0)),
            applies: &[SET, EVOLVES, Condition {
                holds: |config| config.pruning == PruningKind::Soft,
                otherwise: "without --pruning soft",
            }],
        }

        /// Percolation: also prune the connections of hidden neurons that are left without incoming or without outgoing ones.
        percolation: bool = false, { applies: &[SET, EVOLVES] }

        /// Importance pruning: neurons at or below this percentile of their layer's importance lose their incoming connections,
        /// and the layer keeps that many fewer (0: off). Importance is the sum of the magnitudes of a neuron's incoming weights.
        importance_percentile: f32 = 0.0, {
            range: Range::Real(Bound::Included(0.0), Bound::Excluded(100.0)),
            applies: &[SET, EVOLVES, Condition {
                holds: |config| config.importance_percentile == 0.0 || config.evolves(config.importance_from),
                otherwise: "where --importance-from comes after the last evolution",
            }],
        }

        /// Epochs between importance prunings.
        importance_every: u32 = 10, { range: Range::Whole(1, u32::MAX as u64), applies: &[SET, EVOLVES, IMPORTANCE] }

        /// The epoch that the first importance pruning follows.
        importance_from: u32 = 10, { range: Range::Whole(1, u32::MAX as u64), applies: &[SET, EVOLVES, IMPORTANCE] }

        /// How the number of connections falls over the epochs.
        connections_schedule: ScheduleKind = ScheduleKind::Constant, { applies: &[SET, EVOLVES] }

        /// Fraction of its initial connections that a layer decays to: linear and cosine reach it in the last epoch.
        connections_end: f32 = 0.5, {
            range: Range::Real(Bound::Excluded(0.0), Bound::Included(1.0)),
            applies: &[SET, EVOLVES, Condition {
                holds: |config| config.connections_schedule != ScheduleKind::Constant,
                otherwise: "with a constant --connections-schedule",
            }],
        }

        /// Positions of regrown connections.
        growth: GrowthKind = GrowthKind::Random, { applies: &[SET, EVOLVES, REPLACES] }

        /// Initial value of regrown weights.
        grown: GrownKind = if dataset == Some(Cifar10) { GrownKind::Uniform } else { GrownKind::Zero }, {
            applies: &[SET, EVOLVES, REPLACES],
        }

        /// Standard deviation of local connections by layer, in pixels. The last number holds for the layers after it.
        sigma: Vec<f32> = vec![2.0, 4.0, 8.0], {
            range: Range::Real(Bound::Excluded(0.0), Bound::Open),
            applies: &[SPARSE, Condition {
                holds: |config| {
                    let grows = config.growth == GrowthKind::Local && config.model == ModelKind::Set;
                    config.topology == TopologyKind::Local || (grows && config.evolves(1))
                },
                otherwise: "without --topology local or --growth local",
            }],
        }

        /// Neighbourhood radius of near growth, in cells of the plane (pixels in the first layer).
        reach: u32 = 2, {
            range: Range::Whole(1, 1 << 15),
            applies: &[SET, EVOLVES, REPLACES, Condition {
                holds: |config| config.growth == GrowthKind::Near,
                otherwise: "without --growth near",
            }],
        }
    }

    Optimiser {
        /// Learning rate of the first epoch after warm-up.
        learning_rate: f32 = match dataset {
            Some(MnistMini) => 0.03,
            // The gradient of a squared error has no bound: small tables would diverge.
            None if task != TaskKind::Classify => 0.002,
            Some(Cifar10) | None => 0.01,
            _ => 0.05,
        }, { common: true, range: Range::Real(Bound::Included(0.0), Bound::Open) }

        /// Learning-rate schedule.
        schedule: ScheduleKind = match dataset {
            Some(Cifar10) => ScheduleKind::Constant,
            _ => ScheduleKind::Cosine,
        }, { applies: &[EPOCHS] }

        /// Warm-up: epochs over which the learning rate rises to --learning-rate.
        warmup: u32 = 0, {
            applies: &[Condition {
                holds: |config| config.warmup != 1 || config.schedule != ScheduleKind::Constant,
                otherwise: "with 1 and a constant --schedule: the one epoch has the whole learning rate",
            }],
        }

        /// Warm restarts: epochs after which a cosine schedule starts again from the whole learning rate (0: never).
        restart_every: u32 = 0, {
            applies: &[EPOCHS, Condition {
                holds: |config| config.schedule == ScheduleKind::Cosine,
                otherwise: "without --schedule cosine",
            }],
        }

        /// Epochs between the decays of a step schedule.
        step_every: u32 = 100, { range: Range::Whole(1, u32::MAX as u64), applies: &[STEP] }

        /// Decay factor of a step schedule.
        step_factor: f32 = 0.5, {
            range: Range::Real(Bound::Excluded(0.0), Bound::Included(1.0)),
            applies: &[STEP, Condition {
                holds: |config| config.step_every < config.epochs,
                otherwise: "where --step-every is not below --epochs",
            }],
        }

        /// Momentum.
        momentum: f32 = 0.9, { range: FRACTION }

        /// Nesterov momentum: gradients are taken where the momentum alone would carry the weights.
        nesterov: bool = false, {
            applies: &[Condition { holds: |config| config.momentum != 0.0, otherwise: "without --momentum" }],
        }

        /// Largest norm of a sample's gradient with respect to the outputs; a longer one is shortened to it (0: no limit).
        clip_norm: f32 = 0.0, { range: Range::Real(Bound::Included(0.0), Bound::Open) }

        /// Also keep the exponential moving average of the weights: its decay in a step, such as 0.999 (0: none). It is measured
        /// after each epoch, and saved as model-average.safetensors.
        average_weights: f32 = 0.0, { range: FRACTION }

        /// Weight decay.
        weight_decay: f32 = if dataset == Some(MnistMini) { 0.0002 } else { 0.0 }, { range: FRACTION }

        /// How weight decay enters a step.
        decay: DecayKind = DecayKind::Decoupled, {
            applies: &[Condition { holds: |config| config.weight_decay != 0.0, otherwise: "without --weight-decay" }],
        }

        /// Fraction of the hidden activations that are dropped in training.
        dropout: f32 = if dataset == Some(Cifar10) { 0.3 } else { 0.2 }, { range: FRACTION }

        /// Label smoothing: fraction of the target that is spread over all classes.
        label_smoothing: f32 = if dataset.is_none() { 0.1 } else { 0.0 }, { range: FRACTION, applies: &[CLASSIFY] }

        /// How much the samples of each class weigh in training.
        class_weights: ClassWeights = ClassWeights::None, { applies: &[CLASSIFY] }

        /// Samples in a minibatch.
        batch_size: usize = if matches!(dataset, Some(MnistMini) | None) { 32 } else { 128 }, {
            common: true,
            range: Range::Whole(1, i64::MAX as u64),
        }

        /// Passes over the training samples.
        epochs: u32 = match dataset {
            Some(MnistMini) => 40,
            Some(Cifar10) => 100,
            None => 60,
            _ => 20,
        }, { common: true, range: Range::Whole(1, u32::MAX as u64) }

        /// End the run when the loss on the validation samples has not fallen for so many epochs (0: never).
        patience: u32 = 0, { applies: &[VALIDATED] }

        /// The epoch whose network is kept.
        keep: Keep = Keep::Last, { applies: &[VALIDATED] }
    }

    Augmentation {
        /// Data augmentation: random rotation, translation, horizontal flip, and what the settings below add.
        augment: bool = false, {}

        /// Largest rotation either way, in degrees.
        rotation: f32 = 10.0, {
            range: Range::Real(Bound::Included(0.0), Bound::Included(180.0)),
            applies: &[AUGMENT],
        }

        /// Largest translation either way, as a fraction of height and width.
        shift: f32 = 0.1, { range: FRACTION, applies: &[AUGMENT] }

        /// What comes into an image from outside its edges.
        edge: EdgeKind = EdgeKind::Nearest, {
            applies: &[AUGMENT, Condition {
                holds: |config| config.rotation > 0.0 || config.shift > 0.0,
                otherwise: "with --rotation 0 and --shift 0",
            }],
        }

        /// Horizontal flip of half of the images.
        flip: bool = dataset == Some(Cifar10), { applies: &[AUGMENT] }

        /// Largest change either way of brightness, contrast and saturation, as a fraction.
        jitter: f32 = 0.0, { range: FRACTION, applies: &[AUGMENT] }

        /// Random erasing: largest side of a rectangle that is erased from half of the images, as a fraction of height and width.
        erase: f32 = 0.0, { range: FRACTION, applies: &[AUGMENT] }

        /// MixUp: train on blends of two samples and of their classes. The share of each is drawn from a beta distribution
        /// with this parameter (0: none, else at least 0.01).
        mixup: f32 = 0.0, {
            range: Range::Real(Bound::Included(0.0), Bound::Included(2.0)),
            applies: &[CLASSIFY],
        }

        /// Random translation by up to this many whole pixels either way, without interpolation.
        pixel_shift: u16 = 0, {}
    }

    Run {
        /// Seed of everything random.
        seed: u64 = 1, { common: true }

        /// Samples in a tile (0: chosen by the batch size; 64 for samples of more than 65,536 features). With 1, results are bit-identical to the firmware.
        lanes: usize = 0, { range: Range::OneOf(&[0, 1, 16, 32, 64, 128]) }
    }
}
