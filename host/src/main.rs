//! The `rewire` program: dispatch and exit code.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use rewire::analysis::saved::SavedRun;
use rewire::commands::cli::{
    BenchArguments, Cli, Command, CompareArguments, DataCommand, EvaluateArguments, ExportArguments, FeaturesArguments,
    FootprintArguments, ImageArguments, MachineArguments, PlotArguments, ReportArguments, SettingsArguments,
    TrainArguments,
};
use rewire::data::{self, Bar, DatasetName};
use rewire::engine::native::Native;
use rewire::error::{INTERRUPTED, Usage, exit_code};
use rewire::model::safetensors::Model;
use rewire::settings::{Config, ModelKind};
use rewire::training::Surroundings;

fn main() -> ExitCode {
    // clap ends with exit code 2 on bad usage by itself.
    let cli = Cli::parse();
    match run(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a reader the exit code still tells.
            let _ = writeln!(std::io::stderr(), "rewire: {}", sentence(&error));
            ExitCode::from(exit_code(&error))
        }
    }
}

/// The error and its causes in one go; what a message already ends with is not said twice.
fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| {
        if text.is_empty() {
            cause
        } else if text.ends_with(&cause) {
            text
        } else {
            format!("{text}: {cause}")
        }
    })
}

/// A reader that went away, such as `head`, is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

fn run(command: &Command) -> Result<()> {
    match command {
        Command::Train(arguments) => train(arguments),
        Command::Evaluate(arguments) => evaluate(arguments),
        Command::Compare(arguments) => compare(arguments),
        Command::Footprint(arguments) => footprint(arguments),
        Command::Export(arguments) => export(arguments),
        Command::Image(arguments) => image(arguments),
        Command::Plot(arguments) => plot(arguments),
        Command::Report(arguments) => report(arguments),
        Command::Features(arguments) => features(arguments),
        Command::Data(arguments) => data(&arguments.command),
        Command::Bench(arguments) => bench(arguments),
    }
}

/// A flag that Ctrl-C sets; a second Ctrl-C ends the program at once.
fn interruption() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(interrupted)
}

fn native(machine: &MachineArguments) -> Result<Native> {
    if machine.threads > 4096 {
        return Err(Usage(format!("--threads is {}, but must be at most 4096", machine.threads)).into());
    }
    let native = Native::new(machine.threads).context("the system grants no threads; try a smaller --threads")?;
    Ok(match machine.simd {
        Some(level) => native.with_simd(level),
        None => native,
    })
}

fn print_json(value: &impl serde::Serialize) -> Result<()> {
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(value)?)?;
    Ok(())
}

/// The settings that defaults, a file and flags come to.
fn resolve(settings: &SettingsArguments, recorded: Option<&PathBuf>) -> Result<Config> {
    let file = recorded.or(settings.config.as_ref());
    let named = file.map(|file| Config::dataset_in(file)).transpose()?.flatten();
    let defaults = Config::defaults(settings.dataset.or(named).unwrap_or(DatasetName::MnistMini));
    let over = |defaults: Config| -> Result<Config> {
        Ok(settings.overlay(match file {
            Some(file) => defaults.overlay(file)?,
            None => defaults,
        }))
    };
    let mut config = over(defaults.clone())?;
    if config.model == ModelKind::Dense {
        config = over(Config { activation: defaults.dense_activation(), ..defaults })?;
    }
    config.validate().map_err(|error| file.map_or(error.clone(), |file| config.blame(error, file)))?;
    for idle in settings.without_effect(&config) {
        // No error: without a reader the work is done all the same.
        let _ = writeln!(std::io::stderr(), "note: {idle}");
    }
    Ok(config)
}

fn monitor_interval(seconds: f32) -> Result<Duration> {
    if seconds != 0.0 && !(0.01..=3600.0).contains(&seconds) {
        return Err(
            Usage(format!("--monitor-interval is {seconds}, but must be 0.01 to 3600 seconds, or 0 for none")).into()
        );
    }
    Ok(Duration::from_secs_f32(seconds))
}

fn train(arguments: &TrainArguments) -> Result<()> {
    // A run that is continued has recorded its settings.
    let recorded = arguments.out.as_ref().filter(|_| arguments.resume).map(|out| out.join("config.toml"));
    let config = resolve(&arguments.settings, recorded.as_ref())?;
    let monitor_interval = monitor_interval(arguments.monitor_interval)?;
    // What can be refused is refused before a dataset is fetched.
    let checkpoint = match &arguments.out {
        Some(out) if arguments.resume => Some(rewire::training::resumable(out, &config)?),
        Some(out) => {
            rewire::training::directory::RunDirectory::check_free(out)?;
            None
        }
        None => None,
    };
    let native = native(&arguments.machine)?;
    let interrupted = interruption()?;
    let cache = data::cache_dir(arguments.data.data_dir.as_deref());
    let dataset = rewire::training::load(config.dataset, &cache, &interrupted)?;
    let out = arguments.out.clone();
    let surroundings = Surroundings { out, checkpoint, native, monitor_interval, interrupted: &interrupted };
    let summary = rewire::training::train(&config, dataset, surroundings)?;
    if arguments.reference_files {
        rewire::analysis::reference::write(&SavedRun::read(&summary.out)?)?;
    }
    if arguments.json {
        return print_json(&summary);
    }
    writeln!(std::io::stdout(), "{}\nrun directory: {}", summary.table(), summary.out.display())?;
    Ok(())
}

/// The model of a run directory, or the file itself.
fn model_file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(rewire::training::directory::MODEL) } else { path.to_owned() }
}

fn export(arguments: &ExportArguments) -> Result<()> {
    let path = model_file(&arguments.model);
    let out = arguments.out.clone().unwrap_or_else(|| path.with_extension("image"));
    let model = Model::load(&path)?;
    let bytes = rewire::model::chip::export(&model, &out)
        .with_context(|| format!("{} cannot be exported for a chip", path.display()))?;
    writeln!(std::io::stdout(), "{}: {bytes} bytes", out.display())?;
    Ok(())
}

fn image(arguments: &ImageArguments) -> Result<()> {
    let summary = rewire::model::chip::describe(&arguments.file)?;
    if arguments.json {
        return print_json(&summary);
    }
    writeln!(std::io::stdout(), "{}", summary.text())?;
    Ok(())
}

fn evaluate(arguments: &EvaluateArguments) -> Result<()> {
    let path = model_file(&arguments.model);
    let model = if rewire::model::chip::is_image(&path) {
        let unnamed = || Usage("an image does not say what it was trained on; name the dataset after it".into());
        rewire::model::chip::load(&path, arguments.dataset.ok_or_else(unnamed)?)?
    } else {
        Model::load(&path)?
    };
    let name = arguments.dataset.unwrap_or(model.dataset);
    rewire::training::check_fits(&model, name)?;
    let native = native(&arguments.machine)?;
    let cache = data::cache_dir(arguments.data.data_dir.as_deref());
    let dataset = rewire::training::load(name, &cache, &interruption()?)?;
    let metrics = rewire::training::evaluate(&model, &dataset, &native)?;
    if arguments.json {
        return print_json(&serde_json::json!({
            "model": path,
            "dataset": name,
            "samples": metrics.samples(),
            "correct": metrics.correct(),
            "test_accuracy": metrics.accuracy(),
            "test_loss": metrics.loss(),
        }));
    }
    writeln!(
        std::io::stdout(),
        "{} on the {} test samples of {name}: accuracy {:.2} % ({} right), loss {:.4}",
        path.display(),
        metrics.samples(),
        100.0 * metrics.accuracy(),
        metrics.correct(),
        metrics.loss()
    )?;
    Ok(())
}

fn compare(arguments: &CompareArguments) -> Result<()> {
    if arguments.settings.model.is_some() || arguments.settings.seed.is_some() {
        return Err(Usage("compare trains several models and seeds; give --models and --seeds".into()).into());
    }
    let config = resolve(&arguments.settings, None)?;
    // The program that is started listens for Ctrl-C too; this one waits for it to end.
    let interrupted = interruption()?;
    let out = arguments.out.clone().unwrap_or_else(|| format!("runs/compare-{}", config.dataset).into());
    let mut train = vec!["--threads".to_owned(), arguments.machine.threads.to_string()];
    if let Some(level) = arguments.machine.simd {
        train.extend(["--simd".to_owned(), level.to_string()]);
    }
    if let Some(folder) = &arguments.data.data_dir {
        train.extend(["--data-dir".to_owned(), folder.display().to_string()]);
    }
    let plan = rewire::analysis::comparison::Plan {
        config: &config,
        models: &arguments.models,
        dense_learning_rate: arguments.dense_learning_rate,
        dense_activation: arguments.dense_activation,
        seeds: &arguments.seeds,
        train: &train,
        interrupted: &interrupted,
    };
    let runs = rewire::analysis::comparison::train(&plan, &out)?;
    let rows = rewire::analysis::comparison::conclude(&runs.done, &out)?;
    if arguments.json {
        print_json(&rows)?;
    } else {
        let table = rewire::analysis::comparison::table(&rows);
        writeln!(std::io::stdout(), "{table}\nalso in {}", out.join("comparison.md").display())?;
    }
    if !runs.failed.is_empty() {
        let failed: Vec<String> = runs.failed.iter().map(|path| path.display().to_string()).collect();
        anyhow::bail!(
            "not in the table, because the run did not finish: {}; a dense model may need --dense-learning-rate",
            failed.join(", ")
        );
    }
    Ok(())
}

fn footprint(arguments: &FootprintArguments) -> Result<()> {
    use rewire::analysis::footprint::{account, boards, boards_table, fit, measured, on_board};
    let run = arguments.run.as_ref().map(|path| SavedRun::read(path)).transpose()?;
    let config = match &run {
        Some(run) => {
            let config = arguments.settings.overlay(run.config.clone());
            config.validate()?;
            config
        }
        None => resolve(&arguments.settings, None)?,
    };
    if let Some(name) = &arguments.board {
        // A chip keeps no velocity unless it is asked for.
        let momentum = arguments.settings.momentum.is_some_and(|momentum| momentum > 0.0);
        let boards = boards(name)?;
        let mut rows = Vec::new();
        for &board in &boards {
            let config =
                if arguments.fit { fit(&config, momentum, board, arguments.reserve) } else { Ok(config.clone()) };
            match config {
                Ok(config) => rows.push(on_board(&config, momentum, board, arguments.reserve)?),
                // Of all boards some are too small.
                Err(_) if boards.len() > 1 => {}
                Err(error) => return Err(error.into()),
            }
        }
        if arguments.json {
            return print_json(&rows);
        }
        writeln!(std::io::stdout(), "{}", boards_table(&rows))?;
        return Ok(());
    }
    let accounting = account(&config);
    let measured = run.as_ref().and_then(measured);
    if arguments.json {
        return print_json(&serde_json::json!({ "prediction": accounting, "run": measured }));
    }
    write!(std::io::stdout(), "{}", accounting.text())?;
    match (measured, &run) {
        (Some(m), _) => writeln!(
            std::io::stdout(),
            "measured: {} bytes of training state in RAM, {:+.2} % from the prediction; whole process {} at its peak",
            m.measured,
            100.0 * m.difference,
            m.process_peak.map_or("not measured".into(), |bytes| format!("{bytes} bytes"))
        )?,
        (None, Some(run)) => writeln!(std::io::stdout(), "{} measured no memory", run.path.display())?,
        (None, None) => {}
    }
    Ok(())
}

/// Says what a run lacks.
fn say_missing(missing: &[String]) {
    for missing in missing {
        // Without a reader the results are there all the same.
        let _ = writeln!(std::io::stderr(), "rewire: {missing}");
    }
}

fn plot(arguments: &PlotArguments) -> Result<()> {
    let runs = arguments.runs.iter().map(|path| SavedRun::read(path)).collect::<Result<Vec<_>>>()?;
    let folder = arguments.out.clone().unwrap_or_else(|| match arguments.runs.as_slice() {
        [run] => run.join("figures"),
        _ => "figures".into(),
    });
    let cache = data::cache_dir(arguments.data.data_dir.as_deref());
    let options = rewire::figures::Options { animate: arguments.animate, cache: Some(&cache) };
    let mut drawn = rewire::figures::plot(&runs, &folder, &options)?;
    for run in runs.iter().filter(|_| arguments.reference_files) {
        drawn.files.extend(rewire::analysis::reference::write(run)?);
    }
    say_missing(&drawn.missing);
    if arguments.json {
        return print_json(&drawn);
    }
    for file in &drawn.files {
        writeln!(std::io::stdout(), "{}", file.display())?;
    }
    Ok(())
}

fn report(arguments: &ReportArguments) -> Result<()> {
    let runs = arguments.runs.iter().map(|path| SavedRun::read(path)).collect::<Result<Vec<_>>>()?;
    let file = arguments.out.clone().unwrap_or_else(|| match arguments.runs.as_slice() {
        [run] => run.join("report.html"),
        _ => "report.html".into(),
    });
    let cache = data::cache_dir(arguments.data.data_dir.as_deref());
    rewire::report::write(&runs, &file, Some(&cache))?;
    writeln!(std::io::stdout(), "{}", file.display())?;
    Ok(())
}

fn features(arguments: &FeaturesArguments) -> Result<()> {
    use rewire::analysis::features::{Scores, measure, percents, save, table};
    let percents = percents(&arguments.top)?;
    let run = SavedRun::read(&arguments.run)?;
    let cache = data::cache_dir(arguments.data.data_dir.as_deref());
    let interrupted = interruption()?;
    let data = rewire::training::load(run.config.dataset, &cache, &interrupted)?;
    let scores = Scores::new(&run, &data)?;
    say_missing(&run.missing);
    let outcomes = if arguments.no_training {
        Vec::new()
    } else {
        measure(&run, &data, &scores, &percents, arguments.epochs, || native(&arguments.machine), &interrupted)?
    };
    let image = (data.train.len() > 1).then(|| data.train.image(1));
    let folder = arguments.out.clone().unwrap_or_else(|| arguments.run.join("features"));
    let files = save(&run, &scores, &percents, &outcomes, image, &folder)?;
    if arguments.json {
        return print_json(&serde_json::json!({ "outcomes": outcomes, "files": files }));
    }
    if !outcomes.is_empty() {
        writeln!(std::io::stdout(), "{}", table(&outcomes))?;
    }
    for file in &files {
        writeln!(std::io::stdout(), "{}", file.display())?;
    }
    Ok(())
}

fn data(command: &DataCommand) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let cache = |flag: &Option<std::path::PathBuf>| data::cache_dir(flag.as_deref().map(Path::new));
    match command {
        DataCommand::List(arguments) => {
            data::command::list(&cache(&arguments.data.data_dir), arguments.json, &mut out)?;
        }
        DataCommand::Fetch(selection) => {
            let mut progress = Bar::with_cancel(interruption()?);
            let cache = cache(&selection.data.data_dir);
            data::command::fetch(&selection.datasets, &cache, selection.json, &mut progress, &mut out)?;
        }
        DataCommand::Verify(selection) => {
            let cache = cache(&selection.data.data_dir);
            data::command::verify(&selection.datasets, &cache, selection.json, &mut out)?;
        }
    }
    Ok(())
}

fn bench(arguments: &BenchArguments) -> Result<()> {
    if arguments.steps == 0 {
        return Err(Usage("--steps is 0, but must be at least 1".into()).into());
    }
    let report = rewire::bench::run(arguments.steps, !arguments.no_dense)?;
    if arguments.json {
        return print_json(&report);
    }
    writeln!(std::io::stdout(), "{}", rewire::bench::table(&report))?;
    Ok(())
}
