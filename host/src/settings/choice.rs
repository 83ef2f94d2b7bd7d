//! The settings that are one of some names.

use crate::settings::value::choice;

choice! {
    /// What a network learns.
    TaskKind {
        /// A class: softmax cross-entropy.
        Classify = "classify",
        /// Numbers: mean squared error.
        Regress = "regress",
        /// Its own inputs, so that what is unlike them stands out: mean squared error.
        Reconstruct = "reconstruct",
    }

    /// What is done about missing values.
    Missing {
        /// They are an error, with line and column.
        Refuse = "refuse",
        /// The mean of the feature over the samples that are trained on takes their place.
        Mean = "mean",
    }

    /// How much the samples of each class weigh in training.
    ClassWeights {
        /// All the same.
        None = "none",
        /// In inverse proportion to the number of training samples of the class.
        Balanced = "balanced",
    }

    /// The epoch whose network a run keeps.
    Keep {
        /// The last.
        Last = "last",
        /// That of the smallest loss on the validation samples.
        Best = "best",
    }

    /// Which of the three models.
    ModelKind {
        /// Sparse; its connections evolve after every epoch but the last.
        Set = "set",
        /// The same sparse network whose connections never change.
        Fixprob = "fixprob",
        /// A network with every connection.
        Dense = "dense",
    }

    /// Activation of the hidden layers.
    ActivationKind {
        /// max(z, 0).
        Relu = "relu",
        /// ReLU with a slope below zero.
        LeakyRelu = "leaky-relu",
        /// ReLU with a slope below zero whose sign alternates by layer.
        AllRelu = "all-relu",
        /// SReLU: each neuron learns two thresholds and the slopes outside of them.
        Srelu = "srelu",
        /// Batch normalisation over the samples of a tile, then ReLU; each neuron learns scale and shift.
        BatchNormRelu = "batch-norm-relu",
        /// The same with residual connections: a layer adds the activations of the one two before, where that is as wide.
        BatchNormResidual = "batch-norm-residual",
    }

    /// How the learning rate, zeta or the number of connections changes over the epochs.
    ScheduleKind {
        /// The same in every epoch.
        Constant = "constant",
        /// Linear decay: to 0, or of --connections-schedule to --connections-end.
        Linear = "linear",
        /// Cosine decay: to 0, or of --connections-schedule to --connections-end.
        Cosine = "cosine",
        /// Multiplied by --step-factor after every --step-every epochs.
        Step = "step",
    }

    /// Where weight decay enters.
    DecayKind {
        /// `w -= weight_decay * w` at each step, whatever the learning rate, as the SET reference does.
        Decoupled = "decoupled",
        /// `gradient += weight_decay * w`: L2 regularisation, as `weight_decay` of `SGD` in PyTorch.
        Coupled = "coupled",
        /// `w *= (1 - learning_rate * weight_decay)^64` after every 64th step of an epoch, which is cheap on a chip.
        Periodic = "periodic",
    }

    /// Fan-in for weight initialisation.
    FanInKind {
        /// The connections that a neuron has.
        Connections = "connections",
        /// The inputs of the layer, as the SET reference does.
        Dense = "dense",
    }

    /// Initial value of regrown weights.
    GrownKind {
        /// Zero.
        Zero = "zero",
        /// Uniform, scaled by the fan-in, as the SET reference does.
        Uniform = "uniform",
    }

    /// Initial topology.
    TopologyKind {
        /// Uniform over all positions (Erdős–Rényi).
        Random = "random",
        /// Between neurons that are near each other in the image plane.
        Local = "local",
    }

    /// Which connections an evolution prunes.
    PruningKind {
        /// Of either sign, the weights of smallest magnitude, as SET does.
        Magnitude = "magnitude",
        /// The weights of smallest magnitude relative to the other weights of their two neurons.
        Relative = "relative",
        /// Drawn: a weight stays with a probability that grows with its magnitude.
        Soft = "soft",
    }

    /// Positions of regrown connections.
    GrowthKind {
        /// Uniform over the free positions, as SET does.
        Random = "random",
        /// Near an input that the neuron is connected to.
        Near = "near",
        /// As a local initial topology draws them.
        Local = "local",
        /// Where the weight would have the largest gradient, of as many free positions as there are connections.
        Gradient = "gradient",
        /// Where paths of three connections join both neurons (CH2-L3n), of as many free positions as there are connections.
        Hebbian = "hebbian",
    }

    /// What comes into an image from outside its edges.
    EdgeKind {
        /// The nearest pixel.
        Nearest = "nearest",
        /// The mirror image.
        Reflect = "reflect",
    }

    /// Order in which the first layer's connections are stored.
    StorageKind {
        /// One row a neuron, which threads can share.
        OutputMajor = "output-major",
        /// One row an input, so that an input of zero costs nothing: for a microcontroller.
        InputMajor = "input-major",
        /// Blocks of 16-bit weights and columns, every sparse layer: for layers of up to 100 million neurons and more.
        Blocked = "blocked",
    }

    /// A filter that images go through before they are scaled.
    FilterKind {
        /// None.
        None = "none",
        /// Each pixel becomes its difference from the mean around it.
        Contrast = "contrast",
    }

    /// How features become inputs.
    Scaling {
        /// As they are.
        None = "none",
        /// Divided by 255, as pixels are.
        Unit = "unit",
        /// Mean 0 and standard deviation 1 over all features of the training set.
        Global = "global",
        /// Mean 0 and standard deviation 1 of each feature over the training set; a constant feature becomes 0.
        Feature = "feature",
    }
}

/// What the score of a task is called: how well samples were learned.
pub const fn score_name(task: TaskKind) -> &'static str {
    match task {
        TaskKind::Classify => "accuracy",
        TaskKind::Regress | TaskKind::Reconstruct => "R²",
    }
}

/// The score of a task, for people.
pub fn score_text(task: TaskKind, score: f32) -> String {
    match task {
        TaskKind::Classify => format!("{:.2} %", 100.0 * score),
        TaskKind::Regress | TaskKind::Reconstruct => format!("{score:.4}"),
    }
}
