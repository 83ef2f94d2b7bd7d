//! Every row of the settings table that claims to have no effect somewhere: networks are trained to see whether it has.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rewire::data::{self, Dataset, DatasetName};
use rewire::engine::native::Native;
use rewire::settings::{
    ActivationKind, Condition, Config, Given, GrowthKind, Kind, ModelKind, PruningKind, ScheduleKind, Setting, TABLE,
    TaskKind, TopologyKind,
};
use rewire::training::warn::Warn;
use rewire::training::watch::Unwatched;
use rewire::training::{self, Surroundings};
use tempfile::tempdir;

/// Settings among which each row of the table has an effect, and each of its conditions fails. The first are the plainest.
fn family() -> Vec<Config> {
    let base = Config {
        hidden: vec![12, 8],
        epsilon: 1.0,
        batch_size: 10,
        epochs: 3,
        step_every: 1,
        importance_every: 1,
        importance_from: 1,
        train_samples: 60,
        test_samples: 50,
        learning_rate: 0.01,
        lanes: 16,
        ..Config::defaults(DatasetName::MnistMini)
    };
    let changes: [fn(&mut Config); 24] = [
        |_| (),
        |c| c.model = ModelKind::Fixprob,
        |c| (c.model, c.activation) = (ModelKind::Dense, ActivationKind::Relu),
        |c| c.activation = ActivationKind::Relu,
        |c| c.epochs = 1,
        |c| c.evolve_until = 0.0,
        |c| c.augment = true,
        |c| c.weight_decay = 0.0,
        |c| c.momentum = 0.0,
        // The smallest loss is not that of the last epoch.
        |c| (c.validation_samples, c.epochs, c.learning_rate) = (20, 20, 0.03),
        |c| c.connections = vec![90, 40, 30],
        |c| c.topology = TopologyKind::Local,
        |c| c.growth = GrowthKind::Near,
        |c| c.pruning = PruningKind::Soft,
        |c| c.schedule = ScheduleKind::Step,
        |c| c.schedule = ScheduleKind::Constant,
        |c| c.task = TaskKind::Reconstruct,
        |c| c.importance_percentile = 30.0,
        |c| c.connections_schedule = ScheduleKind::Linear,
        |c| c.zeta = 0.0,
        |c| (c.growth, c.zeta) = (GrowthKind::Near, 0.0),
        |c| c.importance_from = 3,
        |c| (c.augment, c.rotation, c.shift) = (true, 0.0, 0.0),
        |c| (c.schedule, c.step_every) = (ScheduleKind::Step, 3),
    ];
    let changed = |change: &fn(&mut Config)| {
        let mut config = base.clone();
        change(&mut config);
        config
    };
    changes.iter().map(changed).collect()
}

/// The settings with another value of one of them, where there is a valid one: a run of one epoch has no warm-up.
fn with_another(setting: &Setting, config: &Config) -> Option<Config> {
    let value = (setting.get)(config);
    let texts: Vec<String> = match setting.kind {
        Kind::Bool => vec![(!value.as_bool().unwrap()).to_string()],
        Kind::Choice(choices) => {
            let at = choices.iter().position(|choice| Some(choice.name) == value.as_str()).unwrap();
            vec![choices[(at + 1) % choices.len()].name.into()]
        }
        Kind::Whole => ["1", "2", "10", "20"].map(str::to_owned).into(),
        Kind::Real => vec![(value.as_float().unwrap() / 2.0).to_string(), "0.25".into()],
        Kind::WholeList => vec!["100,50,40".into()],
        Kind::RealList => vec!["1,2".into()],
        Kind::Text | Kind::TextList | Kind::Path => vec!["another".into()],
        Kind::Shape => vec!["1x28x28".into(), "28x14".into()],
        Kind::Source(choices) => choices.iter().map(|choice| choice.name.into()).collect(),
    };
    let others = texts.iter().map(|text| {
        let mut given = Given::default();
        assert!((setting.read_text)(&mut given, text), "{} {text}", setting.name);
        config.clone().with(&given)
    });
    let mut valid = others.filter(|other| other != config && other.validate().is_ok());
    valid.next()
}

/// Everything that a run comes to: its model, and what it measured.
fn train(config: &Config, dataset: &Dataset, folder: &Path) -> (Vec<u8>, u32) {
    let out = tempfile::tempdir_in(folder).unwrap();
    let surroundings = Surroundings {
        out: Some(out.path().to_owned()),
        checkpoint: None,
        native: Native::new(1).unwrap(),
        monitor_interval: Duration::ZERO,
        interrupted: &AtomicBool::new(false),
        watcher: &mut Unwatched,
        warn: Warn::nobody(),
    };
    let summary = training::train(config, dataset.clone(), surroundings).unwrap();
    (std::fs::read(out.path().join("model.safetensors")).unwrap(), summary.test_loss.to_bits())
}

#[test]
fn a_setting_has_an_effect_exactly_where_the_table_says_so() {
    let folder = tempdir().unwrap();
    let dataset = data::load(DatasetName::MnistMini, &data::cache_dir(None)).unwrap();
    let family = family();
    // Scaling has no effect on synthetic samples alone, which have tests of their own.
    for setting in TABLE.iter().filter(|setting| !setting.applies.is_empty() && setting.name != "scaling") {
        let pairs: Vec<_> = family.iter().filter_map(|config| Some((config, with_another(setting, config)?))).collect();
        // Other tests show which settings have an effect on the user's own files and on synthetic samples.
        let of_dataset = |condition: &Condition| condition.otherwise.starts_with("unless the dataset is ");
        let own = setting.applies.iter().position(of_dataset);
        let conditions = own.map_or(setting.applies, |at| &setting.applies[at..=at]);
        for condition in conditions {
            let idle = pairs.iter().find(|(_, other)| setting.idle(other) == Some(condition.otherwise));
            let (config, other) = idle.unwrap_or_else(|| panic!("{} {}", setting.name, condition.otherwise));
            let [before, after] = [*config, other].map(|config| train(config, &dataset, folder.path()));
            assert!(before == after, "{} has an effect {}", setting.name, condition.otherwise);
        }
        if own.is_some() {
            continue;
        }
        let applies = pairs.iter().find(|(config, other)| setting.idle(config).or(setting.idle(other)).is_none());
        let (config, other) = applies.unwrap_or_else(|| panic!("{} never applies", setting.name));
        let [before, after] = [*config, other].map(|config| train(config, &dataset, folder.path()));
        assert!(before != after, "{} has no effect in {config:?}", setting.name);
    }
}
