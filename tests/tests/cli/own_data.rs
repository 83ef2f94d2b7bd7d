//! Samples of one's own from a file to predictions: what is understood, trained, measured, and refused.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::program::{command, run, succeed};
use crate::support::assert_refused;

pub(crate) const QUICK: &str = "--epochs 12 --hidden 24,16 --epsilon 2 --monitor-interval 0";

/// Points of three kinds in four features; `name` gives the label, without which there is none.
pub(crate) fn points(samples: u32, name: Option<&[&str; 3]>) -> String {
    let mut text =
        String::from(if name.is_some() { "width,height,depth,age,kind\n" } else { "width,height,depth,age\n" });
    for i in 0..samples {
        let (kind, turn) = ((i % 3) as usize, f64::from(i) * 0.37);
        let centre = [[1.0, 0.0, 2.0], [-1.0, 3.0, 0.0], [4.0, -2.0, -3.0]][kind];
        let noise = |k: f64| 0.4 * (turn * k).sin();
        write!(
            text,
            "{:.4},{:.4},{:.4},{}",
            centre[0] + noise(1.0),
            centre[1] + noise(2.3),
            centre[2] + noise(3.1),
            i % 7
        )
        .unwrap();
        if let Some(names) = name {
            write!(text, ",{}", names[kind]).unwrap();
        }
        text.push('\n');
    }
    text
}

pub(crate) const NAMES: [&str; 3] = ["rose", "tulip", "aster"];

pub(crate) fn json(folder: &Path, arguments: &str) -> Value {
    serde_json::from_str(&succeed(folder, arguments)).unwrap()
}

#[test]
fn the_commands_of_the_readme_for_own_samples_run_as_they_stand() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("flowers.csv"), points(300, Some(&NAMES))).unwrap();
    fs::write(path.join("new.csv"), points(9, None)).unwrap();
    let readme = include_str!("../../../README.md");
    let block = readme.split("```sh\n").find(|block| block.starts_with("rewire data describe flowers.csv")).unwrap();
    let commands = block.lines().take_while(|line| *line != "```").map(|line| line.split('#').next().unwrap().trim());
    let commands: Vec<_> = commands.map(|command| command.strip_prefix("rewire ").unwrap()).collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    let said: Vec<_> = commands.iter().map(|command| succeed(path, command)).collect();
    assert!(said[2].contains("tulip") && said[3].lines().count() == 10, "{said:?}");
}

#[test]
fn a_table_smaller_than_a_minibatch_is_trained_with_a_smaller_one() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    for (samples, batch) in [(30, 4), (12, 2), (6, 1)] {
        let name = format!("{samples}.csv");
        fs::write(path.join(&name), points(samples, Some(&NAMES))).unwrap();
        let outcome = run(path, &format!("train {name} --test-share 0.34 {QUICK} --out run{samples}"));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let said = format!("--batch-size is {batch} instead of 32, because there are fewer training samples");
        assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
        let recorded = fs::read_to_string(path.join(format!("run{samples}/config.toml"))).unwrap();
        assert!(recorded.contains(&format!("batch_size = {batch}\n")), "{recorded}");
        succeed(path, &format!("train --resume --out run{samples}"));
    }
    // What was asked for is refused where it cannot be.
    let outcome = run(path, &format!("train 12.csv --test-share 0.34 --batch-size 16 {QUICK} --out refused"));
    assert_refused(&outcome, 2, &["--batch-size is 16", "at most"]);
    let outcome = run(path, &format!("train 12.csv --resize 4x4 {QUICK} --out refused"));
    assert_refused(&outcome, 1, &["12.csv", "no pictures", "leave out --resize"]);
}

#[test]
fn a_number_that_never_varies_leaves_nothing_to_explain() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let rows = (0..40).map(|i| format!("{},{},3\n", i % 7, i % 5));
    fs::write(path.join("constant.csv"), ["a,b,y\n".to_owned()].into_iter().chain(rows).collect::<String>()).unwrap();
    succeed(path, &format!("train constant.csv --task regress --target y {QUICK} --out run"));
    let metrics = fs::read_to_string(path.join("run/metrics.csv")).unwrap();
    let scores = metrics.lines().skip(1).flat_map(|line| line.split(',').skip(4).take(2));
    assert!(
        scores.clone().count() > 0 && scores.clone().all(|score| ["0.0", "0", "1.0", "1"].contains(&score)),
        "{metrics}"
    );
}

#[test]
fn a_csv_is_described_trained_resumed_measured_and_predicted_by_class_name() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("flowers.csv"), points(300, Some(&NAMES))).unwrap();
    let described = json(path, "data describe flowers.csv --label kind --json");
    assert_eq!((described["samples"].as_u64(), described["features"][3]["name"].as_str()), (Some(300), Some("age")));
    assert_eq!(
        (described["classes"][0]["samples"].as_u64(), described["constant_features"].as_u64()),
        (Some(100), Some(0))
    );

    let summary = json(path, &format!("train flowers.csv --label kind {QUICK} --out run --json"));
    assert!(summary["test_accuracy"].as_f64().unwrap() > 0.95, "{summary}");
    let evaluated = json(path, "evaluate run --json");
    assert_eq!(evaluated["samples"], 60);
    assert_eq!(evaluated["test_accuracy"], summary["test_accuracy"]);
    let classes: Vec<_> = evaluated["classes"].as_array().unwrap().iter().map(|class| class["name"].clone()).collect();
    assert_eq!(classes, ["aster", "rose", "tulip"]);
    let confusion: u64 = evaluated["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(confusion, 60);
    assert!(path.join("run/evaluation.json").exists());
    assert!(succeed(path, "evaluate run").contains("precision"));

    // All samples of another file; columns may lie in another order, and labels need not be there.
    fs::write(path.join("new.csv"), points(30, None)).unwrap();
    let predicted = succeed(path, "predict run new.csv");
    assert_eq!(predicted.lines().next(), Some("class,p(aster),p(rose),p(tulip)"));
    let right = predicted.lines().skip(1).zip(0..).filter(|(line, i)| line.starts_with(NAMES[i % 3])).count();
    assert_eq!(predicted.lines().count(), 31);
    assert!(right >= 28, "{predicted}");
    let swapped = points(30, None).lines().fold(String::new(), |mut text, line| {
        let cells: Vec<_> = line.split(',').collect();
        writeln!(text, "{},{},extra,{},{}", cells[3], cells[2], cells[1], cells[0]).unwrap();
        text
    });
    fs::write(path.join("swapped.csv"), swapped).unwrap();
    succeed(path, "predict run swapped.csv -o predicted.csv");
    assert_eq!(fs::read_to_string(path.join("predicted.csv")).unwrap(), predicted);

    // The rest of the program takes such a run too.
    succeed(path, "plot run --out figures");
    succeed(path, "report run --out report.html");
    let page = fs::read_to_string(path.join("report.html")).unwrap();
    assert!(page.contains("<th>recall</th>") && page.contains("<td>tulip</td>"), "the report has the figures by class");
    assert!(page.contains("Test samples by class (row) and predicted class (column)"), "and draws them");
    succeed(path, "features run --no-training");
    succeed(path, "footprint flowers.csv --label kind");
    succeed(path, "compare flowers.csv --label kind --epochs 2 --hidden 12 --seeds 1 --out compared");
    let model = fs::read(path.join("run/model.safetensors")).unwrap();
    succeed(path, &format!("train flowers.csv --label kind {QUICK} --out again --threads 1"));
    assert!(fs::read(path.join("again/model.safetensors")).unwrap() == model);
}

#[test]
fn numbers_are_learned_and_measured_in_their_own_unit() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let mut text = String::from("a,b,noise,price,weight\n");
    for i in 0..400u32 {
        let (a, b) = (f64::from(i % 20), f64::from(i / 20));
        writeln!(text, "{a},{b},{},{},{}", i * 7 % 11, 1000.0 + 30.0 * a - 20.0 * b, 0.01 * b).unwrap();
    }
    fs::write(path.join("houses.csv"), text).unwrap();
    let flags =
        "--task regress --target price,weight --learning-rate 0.01 --epochs 60 --hidden 32,16 --monitor-interval 0";
    let summary = json(path, &format!("train houses.csv {flags} --out run --json"));
    assert!(summary["test_accuracy"].as_f64().unwrap() > 0.95, "{summary}");
    let evaluated = json(path, "evaluate run --json");
    let price = &evaluated["outputs"][0];
    assert_eq!(price["name"], "price");
    assert!(price["r2"].as_f64().unwrap() > 0.95 && price["mae"].as_f64().unwrap() < 50.0, "{evaluated}");
    fs::write(path.join("one.csv"), "a,b,noise\n10,10,3\n").unwrap();
    let predicted = succeed(path, "predict run one.csv");
    let values: Vec<f64> = predicted.lines().nth(1).unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    assert!((values[0] - 1100.0).abs() < 60.0 && (values[1] - 0.1).abs() < 0.05, "{predicted}");
}

#[test]
fn what_is_unlike_the_training_samples_has_a_larger_score() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let samples = |count: u32, odd: bool| {
        (0..count).fold(String::new(), |mut text, i| {
            let a = f64::from(i % 25) / 5.0;
            let (b, c) = if odd { (-2.0 * a + 6.0, 3.0 - a) } else { (2.0 * a, a * a / 5.0) };
            writeln!(text, "{a},{b},{c},{}", if odd { "fault" } else { "normal" }).unwrap();
            text
        })
    };
    fs::write(path.join("normal.csv"), format!("a,b,c,label\n{}", samples(300, false))).unwrap();
    fs::write(path.join("mixed.csv"), format!("a,b,c,label\n{}{}", samples(100, false), samples(50, true))).unwrap();
    succeed(
        path,
        "train normal.csv --task reconstruct --test mixed.csv --hidden 16,8,16 --epochs 80 --dropout 0 --monitor-interval 0 \
         --out run",
    );
    let evaluated = json(path, "evaluate run --false-alarms 0.05 --json");
    assert!(evaluated["labelled"]["roc_auc"].as_f64().unwrap() > 0.9, "{evaluated}");
    assert_eq!((evaluated["labelled"]["anomalies"].as_u64(), evaluated["samples"].as_u64()), (Some(50), Some(150)));
    let scores = succeed(path, "predict run mixed.csv");
    assert_eq!((scores.lines().next(), scores.lines().count()), (Some("score"), 151));
}

#[test]
fn the_best_epoch_is_kept_and_a_run_without_progress_ends() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("flowers.csv"), points(120, Some(&NAMES))).unwrap();
    let flags = "--label kind --hidden 24 --validation-samples 30 --learning-rate 0.3 --monitor-interval 0 \
                 --schedule constant --zeta-schedule constant --average-weights 0.9";
    let patient = "--epochs 200 --patience 5";
    let summary = json(path, &format!("train flowers.csv {flags} {patient} --keep best --out run --json"));
    let metrics = fs::read_to_string(path.join("run/metrics.csv")).unwrap();
    let losses: Vec<f64> =
        metrics.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().parse().unwrap()).collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap() + 1;
    assert_eq!(summary["epochs"].as_u64(), Some(best as u64));
    assert_eq!(losses.len(), best + 5, "{losses:?}");
    let same =
        |a: &str, b: &str| assert!(fs::read(path.join(a)).unwrap() == fs::read(path.join(b)).unwrap(), "{a} {b}");
    same("run/model.safetensors", "run/best.safetensors");
    // No evolution follows what was measured: as where the run had no more epochs.
    succeed(path, &format!("train flowers.csv {flags} --epochs {best} --out best"));
    same("run/model.safetensors", "best/model.safetensors");
    succeed(path, &format!("train flowers.csv {flags} {patient} --out last"));
    succeed(path, "train flowers.csv --out last --resume");
    succeed(path, &format!("train flowers.csv {flags} --epochs {} --out whole", best + 5));
    for model in ["model", "model-average"] {
        same(&format!("last/{model}.safetensors"), &format!("whole/{model}.safetensors"));
    }
    let outcome = run(path, "train flowers.csv --out run --resume");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("did not fall for 5 epochs (--patience); nothing is left to train"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fs::read_to_string(path.join("run/metrics.csv")).unwrap(), metrics);
}

#[test]
fn files_that_cannot_be_learned_from_are_refused_in_one_sentence_with_the_place() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let good = points(60, Some(&NAMES));
    fs::write(path.join("good.csv"), &good).unwrap();
    succeed(path, &format!("train good.csv --label kind {QUICK} --out run"));
    let refused = |name: &str, content: &[u8], arguments: &str, words: &[&str]| {
        fs::write(path.join(name), content).unwrap();
        assert_refused(&run(path, arguments), 1, words);
        assert!(!path.join("out").exists(), "{arguments}");
    };
    let train = "train bad.csv --out out";
    refused("bad.csv", b"", train, &["bad.csv", "empty"]);
    refused("bad.csv", b"a,b,y\n1,2,x\n3,4\n", train, &["line 3", "2 fields", "3"]);
    refused("bad.csv", b"a,b,y\n1,2,x\n3,?,z\n", train, &["line 3, column 2 (b)", "--missing mean"]);
    refused("bad.csv", b"a,b,y\n1,2,x\n3,inf,z\n", train, &["line 3, column 2 (b)", "finite"]);
    refused("bad.csv", b"a,b,y\n1,2,0.5\n3,4,1.5\n", train, &["line 2, column 3 (y)", "--task regress"]);
    let regress = "train bad.csv --task regress --out out";
    refused("bad.csv", b"a,b,y\n1,2,1\n3,4,much\n", regress, &["line 3, column 3 (y)", "'much'", "--target"]);
    refused("bad.csv", b"a,b,y\n1,\"2,x\n3,4,z\n", train, &["line 2", "close them"]);
    refused("bad.csv", b"a,b,y\n1,2,x\n3,4,x\n", train, &["one class (x)", "--label"]);
    refused("bad.csv", b"a,b,y\n1,2,caf\xe9\n", train, &["line 2", "UTF-8", "Latin-1"]);
    refused(
        "bad.csv",
        good.as_bytes(),
        "train bad.csv --label sort --out out",
        &["'sort'", "--label", "width, height"],
    );
    refused("bad.csv", b"\x00\x01\x02 no format", train, &["bad.csv", "CSV"]);
    refused("bad.npz", b"PK\x03\x04 cut", "train bad.npz --out out", &["bad.npz", "damaged"]);
    refused("bad.csv", b"a;b;y\n1,5;2;x\n3;4;z\n", train, &["line 2, column 1 (a)", "'1,5'", "decimal point"]);
    refused("bad.csv", b"a,a,y\n1,2,x\n", &format!("{train} --ignore a"), &["columns 0 and 1", "--ignore"]);
    refused("other.csv", b"width,kind\n1,rose\n", "predict run other.csv", &["other.csv", "'height'"]);
    refused("other.csv", b"1,2\n3,4\n", "predict run other.csv", &["2 features", "have 4"]);
    let piped = fs::File::open(path.join("other.csv")).unwrap();
    let output = command(path, "predict run -").stdin(piped).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.starts_with("rewire: standard input: 2 features"), "{said}");
    refused(
        "test.csv",
        b"width,height,depth,age,kind\n1,2,3,4,daisy\n",
        "train good.csv --label kind --test test.csv --out out",
        &["test.csv", "'daisy'", "aster, rose, tulip"],
    );
    fs::create_dir(path.join("empty")).unwrap();
    refused("x", b"", "train empty --out out", &["FOLDER/CLASS/picture.png"]);
    assert_refused(&run(path, "train missing.csv --out out"), 1, &["missing.csv", "cannot read"]);
    assert_refused(
        &run(path, "train good.csv --task regress --label width --ignore kind --shape 2x3 --out out"),
        1,
        &["2x3"],
    );
    assert_refused(&run(path, "train good.csv --label kind --augment --out out"), 2, &["--augment"]);
    assert_refused(&run(path, "train mnist-mini --task regress --out out"), 2, &["--task regress"]);
}

#[test]
fn missing_values_become_means_where_that_is_asked_for() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let holes: String = points(120, Some(&NAMES))
        .lines()
        .enumerate()
        .map(|(at, line)| {
            let line = if at % 9 == 4 { line.replacen(|c: char| c != ',', "", 6) } else { line.to_owned() };
            line + "\n"
        })
        .collect();
    let holes = holes.replace(",,", ",NA,");
    fs::write(path.join("holes.csv"), holes.replace("\n,", "\n?,")).unwrap();
    assert_refused(&run(path, &format!("train holes.csv --label kind {QUICK} --out run")), 1, &["missing", "column"]);
    let summary = json(path, &format!("train holes.csv --label kind {QUICK} --missing mean --out run --json"));
    assert!(summary["test_accuracy"].as_f64().unwrap() > 0.8, "{summary}");
    let described = json(path, "data describe holes.csv --label kind --json");
    assert!(described["missing_values"].as_u64().unwrap() > 0);
    succeed(path, "predict run holes.csv --label kind");

    // A model that was trained without holes fills in the means of its training samples too, whoever asks it.
    fs::write(path.join("whole.csv"), points(120, Some(&NAMES))).unwrap();
    succeed(path, &format!("train whole.csv --label kind {QUICK} --out whole"));
    assert_refused(&run(path, "predict whole holes.csv"), 1, &["missing", "--missing mean"]);
    let predicted = succeed(path, "predict whole holes.csv --missing mean");
    let right = predicted.lines().skip(1).zip(0..).filter(|(line, i)| line.starts_with(NAMES[i % 3])).count();
    let evaluated = json(path, "evaluate whole holes.csv --missing mean --json");
    assert_eq!(evaluated["test_accuracy"].as_f64().unwrap(), right as f64 / 120.0);
    succeed(path, &format!("train whole.csv --label kind --scaling global {QUICK} --out global"));
    assert_refused(
        &run(path, "evaluate global holes.csv --missing mean"),
        1,
        &["one mean for all features", "--scaling feature"],
    );
}
