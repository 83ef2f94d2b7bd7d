
/// Where the inputs lie.
pub const IMAGE: ImagePlane = {{plane}};

/// Fan-in for the initial weights.
pub const FAN_IN: FanIn = FanIn::{{fan_in}};

/// The initial topology.
///
/// # Errors
///
/// A number outside its range.
pub fn placement() -> Result<Placement, SettingError> {
    Ok({{placement}})
}

/// The random translation of training images.
pub const SHIFT: PixelShift = PixelShift { image: IMAGE, reach: {{pixel_shift}}, seed: SEED };

/// A run of so many epochs.
///
/// # Errors
///
/// A number outside its range.
pub fn training(epochs: u32) -> Result<TrainSettings, SettingError> {
    Ok(TrainSettings {
        seed: SEED,
        schedule: Schedule::{{schedule}},
        warmup: {{warmup}},
        evolution: evolution()?,
        zeta_schedule: Schedule::{{zeta_schedule}},
        evolve_every: {{evolve_every}},
        evolve_until: {{evolve_until}},
        ..TrainSettings::new(epochs, sgd()?)
    })
}
