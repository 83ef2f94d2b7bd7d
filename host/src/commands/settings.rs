//! The settings of a run on the command line: flags from the table, over a file, over defaults.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

use crate::commands::output::note;
use crate::commands::parse::SettingText;
use crate::data::DatasetName;
use crate::settings::{Config, Given, Group, Invalid, Kind, Setting, SettingsFile, TABLE, shown};

/// Settings of a run; what is absent comes from --config, then from the dataset's defaults.
#[derive(Clone, Debug, Default)]
pub struct SettingsArguments {
    /// A settings file.
    pub config: Option<PathBuf>,
    /// The flags that were given.
    pub given: Given,
}

impl SettingsArguments {
    /// The settings that defaults, a file and flags make: the file is that of a run that is continued, or `--config`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a setting is wrong.
    pub fn resolve(&self, recorded: Option<&Path>) -> Result<Config> {
        let file = recorded.or(self.config.as_deref()).map(SettingsFile::read).transpose()?;
        let nothing = Given::default();
        let from_file = file.as_ref().map_or(&nothing, SettingsFile::given);
        let config = Config::over(&[from_file, &self.given]);
        config.validate().map_err(|error| self.place(error, file.as_ref()))?;
        Ok(config)
    }

    /// Adds to a refused setting the line of `file` that set it, if no flag did.
    fn place(&self, error: Invalid, file: Option<&SettingsFile>) -> Invalid {
        let is_flag = Setting::named(error.setting).is_some_and(|setting| (setting.is_given)(&self.given));
        match file.filter(|_| !is_flag) {
            Some(file) => file.locate(error),
            None => error,
        }
    }

    /// Adds to a setting that is refused after [`resolve`](Self::resolve), because the data do not allow it, the line that
    /// set it.
    pub fn locate(&self, error: anyhow::Error, recorded: Option<&Path>) -> anyhow::Error {
        let file = recorded.or(self.config.as_deref()).and_then(|file| SettingsFile::read(file).ok());
        match error.downcast::<Invalid>() {
            Ok(invalid) => self.place(invalid, file.as_ref()).into(),
            Err(error) => error,
        }
    }

    /// Notes each flag that was given and has no effect in any of the runs.
    pub fn note_idle(&self, runs: &[Config]) {
        self.idle(runs).iter().for_each(note);
    }

    /// A sentence for each flag that was given and has no effect in any of the runs.
    pub fn idle(&self, runs: &[Config]) -> Vec<String> {
        let idle = |setting: &Setting| {
            let reasons: Option<Vec<_>> = runs.iter().map(|config| setting.idle(config)).collect();
            Some(format!("{} has no effect {}", setting.shown(), reasons?.first()?))
        };
        TABLE.iter().filter(|setting| (setting.is_given)(&self.given)).filter_map(idle).collect()
    }
}

/// The headings of help.
fn heading(group: Group) -> &'static str {
    match group {
        Group::Data => "Data",
        Group::Network => "Network",
        Group::Topology => "Topology",
        Group::Optimiser => "Optimiser",
        Group::Augmentation => "Augmentation",
        Group::Run => "Run",
    }
}

/// The argument of a setting.
fn argument(setting: &'static Setting) -> Arg {
    argument_with(setting, &setting.default_text())
}

/// The same with another default.
fn argument_with(setting: &'static Setting, default: &str) -> Arg {
    let default = format!(" [default: {default}]");
    let idle: Vec<_> = setting.applies.iter().map(|condition| condition.otherwise).collect();
    let effect = if idle.is_empty() { String::new() } else { format!(". No effect {}", idle.join(", or ")) };
    let help = setting.help();
    let argument = Arg::new(setting.name)
        .value_parser(SettingText(setting))
        .action(ArgAction::Set)
        .help(format!("{help}{default}"))
        .long_help(format!("{help}{effect}{default}"))
        .hide_short_help(!setting.common);
    if setting.positional {
        return argument.value_name("DATASET");
    }
    let argument = argument
        .long(setting.flag())
        .value_name(setting.kind.placeholder())
        .allow_negative_numbers(true)
        .help_heading(heading(setting.group));
    if setting.kind == Kind::Bool { argument.num_args(0..=1).default_missing_value("true") } else { argument }
}

/// Adds the arguments of these settings, and `--config`.
fn add(command: Command, listed: impl Fn(&Setting) -> bool) -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("TOML file with settings, such as one of host/experiments or a run's config.toml. Flags override it")
        .help_heading(heading(Group::Run));
    command.args(TABLE.iter().filter(|setting| listed(setting)).map(argument)).arg(file)
}

impl FromArgMatches for SettingsArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut given = Given::default();
        for setting in TABLE {
            // A subcommand may do without a setting.
            if let Ok(Some(text)) = matches.try_get_one::<String>(setting.name) {
                // It was read once, when the argument was parsed.
                (setting.read_text)(&mut given, text);
            }
        }
        Ok(Self { config: matches.try_get_one("config").ok().flatten().cloned(), given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for SettingsArguments {
    fn augment_args(command: Command) -> Command {
        add(command, |_| true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Makes of some settings of the table the arguments of a subcommand.
macro_rules! arguments_of {
    ($($(#[doc = $doc:literal])+ $name:ident: |$command:ident| $added:expr;)*) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default)]
        pub struct $name(pub SettingsArguments);

        impl FromArgMatches for $name {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                SettingsArguments::from_arg_matches(matches).map(Self)
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                self.0.update_from_arg_matches(matches)
            }
        }

        impl Args for $name {
            fn augment_args($command: Command) -> Command {
                $added
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }
    )*};
}

arguments_of! {
    /// A path, and the settings by which it is read.
    PathSettings: |command| {
        add(command, |setting| setting.group == Group::Data).mut_arg("dataset", |path| {
            let help = "CSV, TSV, LIBSVM, NPY or NPZ file, or folder of pictures or IDX files [default: that of --config]";
            path.value_name("PATH").help(help).long_help(help).hide_possible_values(true).required_unless_present("config")
        })
    };
    /// The settings of a training step.
    StepSettings: |command| {
        let defaults = Config::defaults(DatasetName::Cifar10);
        let settings = TABLE.iter().filter(|setting| OF_STEP.contains(&setting.name));
        command.args(settings.map(|setting| argument_with(setting, &shown(&(setting.get)(&defaults)))))
    };
    /// The settings that all runs of a comparison share: all but model and seed.
    SharedSettings: |command| add(command, |setting| !["model", "seed"].contains(&setting.name));
    /// The settings that networks of all sizes share.
    ScaleSettings: |command| command.args(TABLE.iter().filter(|setting| is_of_scale(setting)).map(|setting| {
        argument_with(setting, &crate::scale::default_text(setting))
    }));
}

/// What follows the short help of commands that take settings.
pub(super) const MORE_SETTINGS: &str =
    "These are the settings that most people change first; --help lists all of them, by group.";

/// The settings that say what a training step computes, by name.
pub(super) const OF_STEP: [&str; 15] = [
    "model",
    "hidden",
    "activation",
    "slope",
    "fan_in",
    "storage",
    "epsilon",
    "connections",
    "momentum",
    "weight_decay",
    "decay",
    "dropout",
    "label_smoothing",
    "batch_size",
    "lanes",
];

impl StepSettings {
    /// The settings that flags make of the recipe for CIFAR-10.
    ///
    /// # Errors
    ///
    /// A setting that is wrong.
    pub fn resolve(&self) -> Result<Config> {
        let mut arguments = self.0.clone();
        arguments.given.dataset.get_or_insert(DatasetName::Cifar10.into());
        arguments.resolve(None)
    }
}

/// Settings that networks of several sizes cannot share, that need other samples than those that are computed, or that need
/// a run directory.
const NOT_OF_SCALE: [&str; 13] = [
    "dataset",
    "task",
    "hidden",
    "connections",
    "filter",
    "scaling",
    "validation_samples",
    "average_weights",
    "patience",
    "keep",
    "topology",
    "sigma",
    "reach",
];

fn is_of_scale(setting: &Setting) -> bool {
    let idle = setting.idle(&crate::scale::settings(crate::scale::SMALLEST, &Given::default())).is_some();
    !idle && setting.group != Group::Augmentation && !NOT_OF_SCALE.contains(&setting.name)
}
