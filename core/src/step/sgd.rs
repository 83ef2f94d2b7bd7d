//! Stochastic gradient descent with momentum and three kinds of weight decay.
//!
//! With gradient `g` (mean over the minibatch), velocity `v`, learning rate `lr`, momentum `m`, decay `d`:
//!
//! | kind | velocity | parameter |
//! |---|---|---|
//! | [`WeightDecay::Decoupled`], the SET reference's | `v = m v - lr g` | `w += v - d w` (the decay is not scaled by `lr`) |
//! | [`WeightDecay::Coupled`] | `v = m v - lr (g + d w)` | `w += v` |
//! | [`WeightDecay::Periodic`] | `v = m v - lr g` | `w += v`, and `w *= (1 - lr d)^64` after every 64th step of an epoch |
//!
//! With Nesterov momentum the gradient is taken at `w + m v`, and all else stays as it is.
//!
//! The coupled kind is what Keras does with an L2 penalty `d/2 w²`, and equals PyTorch's while the learning rate is
//! constant. The periodic kind touches weights that have no gradient once in 64 steps instead of in each: a network
//! that trains one sparse sample at a time does a fraction of the work. All decay biases too. Dropout belongs to the
//! step as well, so it is set here.
//!
//! A velocity below `1e-30` becomes exactly zero: repeated multiplication by the momentum would otherwise end in
//! subnormal numbers, which cost many times a normal one on some processors. The rule is part of the algorithm, so
//! every machine computes the same bits.

use crate::error::SettingError;

/// Velocities and output deltas with a magnitude below this become 0.
const FLUSH: f32 = 1e-30;

/// Where weight decay enters the update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WeightDecay {
    /// Subtracts `weight_decay * w` from the weight, whatever the learning rate: the SET reference.
    #[default]
    Decoupled,
    /// Adds `weight_decay * w` to the gradient: an L2 penalty, as PyTorch and Keras have it.
    Coupled,
    /// Multiplies weights by `(1 - learning_rate * weight_decay)^64` after every 64th step, counted in the epoch; what
    /// is left at its end does not decay.
    Periodic,
}

/// Steps of a period are two to this power.
const PERIOD_LOG2: u32 = 6;

impl WeightDecay {
    /// Steps of a period.
    pub const PERIOD: u32 = 1 << PERIOD_LOG2;
}

/// Validated settings of a training step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sgd {
    learning_rate: f32,
    momentum: f32,
    weight_decay: f32,
    decay: WeightDecay,
    dropout: f32,
    label_smoothing: f32,
    nesterov: bool,
    /// Infinite where nothing is clipped.
    clip_norm: f32,
}

impl Sgd {
    /// Plain gradient descent: no momentum, no weight decay, no dropout.
    ///
    /// # Errors
    ///
    /// When the learning rate is negative, infinite or NaN.
    pub const fn new(learning_rate: f32) -> Result<Self, SettingError> {
        let plain = Self {
            learning_rate: 0.0,
            momentum: 0.0,
            weight_decay: 0.0,
            decay: WeightDecay::Decoupled,
            dropout: 0.0,
            label_smoothing: 0.0,
            nesterov: false,
            clip_norm: f32::INFINITY,
        };
        plain.with_learning_rate(learning_rate)
    }

    /// The same settings with another learning rate.
    ///
    /// # Errors
    ///
    /// When it is negative, infinite or NaN.
    pub const fn with_learning_rate(mut self, learning_rate: f32) -> Result<Self, SettingError> {
        if !learning_rate.is_finite() || learning_rate < 0.0 {
            return Err(SettingError {
                name: "learning rate",
                value: learning_rate,
                expected: "finite and at least 0",
            });
        }
        self.learning_rate = learning_rate;
        Ok(self)
    }

    /// Sets the momentum. A network built without velocity ignores it.
    ///
    /// # Errors
    ///
    /// When it is outside `[0, 1)`.
    pub const fn with_momentum(mut self, momentum: f32) -> Result<Self, SettingError> {
        match SettingError::share("momentum", momentum) {
            Ok(share) => self.momentum = share,
            Err(error) => return Err(error),
        }
        Ok(self)
    }

    /// Sets the weight decay and where it enters.
    ///
    /// # Errors
    ///
    /// When it is outside `[0, 1)`.
    pub const fn with_weight_decay(mut self, weight_decay: f32, decay: WeightDecay) -> Result<Self, SettingError> {
        match SettingError::share("weight decay", weight_decay) {
            Ok(share) => self.weight_decay = share,
            Err(error) => return Err(error),
        }
        self.decay = decay;
        Ok(self)
    }

    /// Sets the fraction of hidden activations that dropout zeroes in training.
    ///
    /// # Errors
    ///
    /// When it is outside `[0, 1)`.
    pub const fn with_dropout(mut self, dropout: f32) -> Result<Self, SettingError> {
        match SettingError::share("dropout", dropout) {
            Ok(share) => self.dropout = share,
            Err(error) => return Err(error),
        }
        Ok(self)
    }

    /// Sets label smoothing: the fraction of the target that is spread evenly over all classes (Szegedy et al. 2016,
    /// arXiv 1512.00567).
    ///
    /// Metrics are always those of the true label.
    ///
    /// # Errors
    ///
    /// When it is outside `[0, 1)`.
    pub const fn with_label_smoothing(mut self, label_smoothing: f32) -> Result<Self, SettingError> {
        match SettingError::share("label smoothing", label_smoothing) {
            Ok(share) => self.label_smoothing = share,
            Err(error) => return Err(error),
        }
        Ok(self)
    }

    /// Sets Nesterov momentum: gradients are taken where the momentum alone would carry the weights (Sutskever et al. 2013).
    ///
    /// Between steps, a network then holds the weights from which the next gradient is taken, `w + m v`; weight decay acts
    /// on `w`. For formats with [`Format::OPTIONS`](crate::sparse::Format::OPTIONS).
    #[must_use]
    pub const fn with_nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    /// Sets the largest norm of a sample's gradient with respect to the outputs: a longer one is shortened to it. For formats
    /// with [`Format::OPTIONS`](crate::sparse::Format::OPTIONS).
    ///
    /// # Errors
    ///
    /// When it is not above 0.
    pub const fn with_clip_norm(mut self, clip_norm: f32) -> Result<Self, SettingError> {
        // A NaN is not.
        if clip_norm > 0.0 {
            self.clip_norm = clip_norm;
            return Ok(self);
        }
        Err(SettingError { name: "clip norm", value: clip_norm, expected: "above 0" })
    }

    /// Whether the settings have something that formats without [`Format::OPTIONS`](crate::sparse::Format::OPTIONS) lack.
    pub(crate) const fn has_options(&self) -> bool {
        // Compared as integers, which positive floats order as: a chip asks before each sample.
        self.nesterov || self.clip_norm.to_bits() < f32::INFINITY.to_bits()
    }

    /// How far momentum alone carries the weights before a gradient is taken, in velocities, if it does.
    pub(crate) fn look_ahead(&self) -> Option<f32> {
        (self.nesterov && self.momentum > 0.0).then_some(self.momentum)
    }

    /// The largest norm of a sample's gradient with respect to the outputs, if there is one.
    pub(crate) fn clip_norm(&self) -> Option<f32> {
        (self.clip_norm < f32::INFINITY).then_some(self.clip_norm)
    }

    /// The same settings with a learning rate that a schedule made of theirs.
    pub(crate) const fn at_rate(mut self, learning_rate: f32) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// The same settings without dropout.
    pub(crate) const fn without_dropout(mut self) -> Self {
        self.dropout = 0.0;
        self
    }

    /// The momentum.
    pub const fn momentum(&self) -> f32 {
        self.momentum
    }

    /// The learning rate.
    pub const fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    /// The dropout rate.
    pub const fn dropout(&self) -> f32 {
        self.dropout
    }

    /// The label smoothing.
    pub const fn label_smoothing(&self) -> f32 {
        self.label_smoothing
    }

    /// What weights are multiplied by after a step, counted from 0 in its epoch, if they are.
    pub(crate) fn periodic_decay(&self, step: u32) -> Option<f32> {
        let last = step % WeightDecay::PERIOD == WeightDecay::PERIOD - 1;
        (last && self.decay == WeightDecay::Periodic && self.weight_decay > 0.0).then(|| {
            let once = 1.0 - self.learning_rate * self.weight_decay;
            (0..PERIOD_LOG2).fold(once, |power, _| power * power)
        })
    }

    /// The factors of one minibatch of `batch` samples.
    pub(crate) fn update(&self, batch: usize) -> Update {
        let (coupled, decoupled) = match self.decay {
            WeightDecay::Decoupled => (0.0, self.weight_decay),
            WeightDecay::Coupled => (self.learning_rate * self.weight_decay, 0.0),
            WeightDecay::Periodic => (0.0, 0.0),
        };
        Update { rate: self.learning_rate / batch.max(1) as f32, momentum: self.momentum, coupled, decoupled }
    }
}

/// The factors that a minibatch's update multiplies by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update {
    /// Learning rate over batch size.
    pub(crate) rate: f32,
    pub(crate) momentum: f32,
    /// Learning rate times coupled decay.
    pub(crate) coupled: f32,
    pub(crate) decoupled: f32,
}

impl Update {
    /// Makes of a velocity of zero the gradient of a tile that is the first of several, and moves no weight. Only the sign of a
    /// zero may be another, which no velocity keeps: see [`flush`].
    pub(crate) const GRADIENT: Self = Self { rate: -1.0, momentum: 0.0, coupled: 0.0, decoupled: 0.0 };

    /// The same without weight decay.
    pub(crate) const fn without_decay(self) -> Self {
        Self { coupled: 0.0, decoupled: 0.0, ..self }
    }

    /// Whether all that moves a parameter without velocity is its gradient, which the learning rate has scaled already.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.rate == 1.0 && self.coupled == 0.0 && self.decoupled == 0.0
    }

    /// The velocity before the first gradient of a minibatch.
    #[inline(always)]
    pub(crate) fn begin(&self, velocity: f32, weight: f32) -> f32 {
        self.momentum * velocity - self.coupled * weight
    }

    /// The velocity after a tile's gradient, summed over its samples.
    #[inline(always)]
    pub(crate) fn accumulate(&self, velocity: f32, gradient: f32) -> f32 {
        velocity - self.rate * gradient
    }

    /// Velocity and weight at the end of a minibatch.
    #[inline(always)]
    pub(crate) fn end(&self, velocity: f32, weight: f32) -> (f32, f32) {
        let velocity = flush(velocity);
        (velocity, weight + (velocity - self.decoupled * weight))
    }
}

/// Values with a magnitude below [`FLUSH`] become 0.
#[inline(always)]
pub(crate) fn flush(value: f32) -> f32 {
    if value.abs() < FLUSH { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoupled_decay_is_the_reference_formula() {
        let sgd = Sgd::new(0.5).unwrap().with_momentum(0.9).unwrap();
        let update = sgd.with_weight_decay(0.1, WeightDecay::Decoupled).unwrap().update(2);
        // v = 0.9 * 1 - 0.5 * 4 / 2 = -0.1; w = 3 + (-0.1 - 0.1 * 3) = 2.6
        let v = update.accumulate(update.begin(1.0, 3.0), 4.0);
        let (v, w) = update.end(v, 3.0);
        assert!((v + 0.1).abs() < 1e-6 && (w - 2.6).abs() < 1e-6);
    }

    #[test]
    fn coupled_decay_scales_with_the_learning_rate() {
        let sgd = Sgd::new(0.5).unwrap();
        let update = sgd.with_weight_decay(0.1, WeightDecay::Coupled).unwrap().update(1);
        // v = -0.5 * (4 + 0.1 * 3) = -2.15; w = 0.85
        let v = update.accumulate(update.begin(1.0, 3.0), 4.0);
        let (_, w) = update.end(v, 3.0);
        assert!((w - 0.85).abs() < 1e-6);
    }

    #[test]
    fn periodic_decay_comes_after_every_sixty_fourth_step() {
        let sgd = Sgd::new(0.5).unwrap().with_weight_decay(0.02, WeightDecay::Periodic).unwrap();
        let factors: std::vec::Vec<_> =
            (0..130).filter_map(|step| sgd.periodic_decay(step).map(|f| (step, f))).collect();
        assert_eq!(factors.iter().map(|(step, _)| *step).collect::<std::vec::Vec<_>>(), [63, 127]);
        assert!((factors[0].1 - 0.99f32.powi(64)).abs() < 1e-5, "{factors:?}");
        let update = sgd.update(1);
        assert_eq!((update.coupled, update.decoupled), (0.0, 0.0));
        assert_eq!(Sgd::new(0.5).unwrap().periodic_decay(63), None);
    }

    #[test]
    fn settings_outside_their_range_are_named() {
        assert_eq!(Sgd::new(f32::NAN).unwrap_err().name, "learning rate");
        assert_eq!(Sgd::new(f32::INFINITY).unwrap_err().name, "learning rate");
        let sgd = Sgd::new(0.1).unwrap();
        assert_eq!(sgd.with_dropout(1.0).unwrap_err().name, "dropout");
        assert_eq!(sgd.with_momentum(-0.1).unwrap_err().name, "momentum");
        assert_eq!(sgd.with_clip_norm(0.0).unwrap_err().name, "clip norm");
        assert!(sgd.with_clip_norm(f32::NAN).is_err());
        assert_eq!(sgd.with_weight_decay(f32::NAN, WeightDecay::Coupled).unwrap_err().name, "weight decay");
    }

    #[test]
    fn tiny_velocities_become_zero() {
        assert_eq!(flush(1e-31).to_bits(), 0.0f32.to_bits());
        assert_eq!(flush(-1e-29), -1e-29);
        assert!(flush(f32::NAN).is_nan());
    }
}
