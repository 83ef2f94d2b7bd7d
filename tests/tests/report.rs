//! Reports in a real browser, and runs in the tutorial's Python.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use program::{run, succeed};
use rewire::data::samples::Features;
use rewire::data::{self, DatasetName};
use rewire::model::safetensors::Model;
use tempfile::tempdir;

const QUICK: &str =
    "--train-samples 300 --test-samples 100 --hidden 64,48 --epsilon 3 --batch-size 10 --learning-rate 0.002";

/// A page as the browser shows it: width, height, red, green, blue.
fn screenshot(page: &Path, name: &str, width: u32, height: u32, dark: bool) -> (usize, usize, Vec<u8>) {
    let folder = page.parent().unwrap();
    let image = folder.join(name);
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]);
    browser.arg(format!("--user-data-dir={}", folder.join("profile").display()));
    browser.arg(format!("--window-size={width},{height}"));
    if dark {
        browser.arg("--blink-settings=preferredColorScheme=0");
    }
    browser.arg(format!("--screenshot={}", image.display())).arg(format!("file://{}", page.display()));
    let output = browser.output().expect("chromium is missing; tests/run installs it");
    assert!(image.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    pixels(&image)
}

fn pixels(png: &Path) -> (usize, usize, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::BufReader::new(fs::File::open(png).unwrap())).read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut data).unwrap();
    let channels = info.color_type.samples();
    let rgb = data
        .chunks_exact(channels)
        .flat_map(|pixel| [pixel[0], pixel[channels.min(3) - 1], pixel[channels.min(3) - 1]]);
    (info.width as usize, info.height as usize, rgb.collect())
}

/// The share of pixels that differ from the first one.
fn drawn((_, _, pixels): &(usize, usize, Vec<u8>)) -> f64 {
    let (first, all) = (&pixels[..3], pixels.len() / 3);
    pixels.chunks_exact(3).filter(|pixel| *pixel != first).count() as f64 / all as f64
}

#[test]
fn a_report_opens_in_a_browser_and_no_figure_is_blank() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    for (model, seed) in [("set", 1), ("set", 2), ("fixprob", 1), ("dense", 1)] {
        let monitor = "--monitor-interval 0.01";
        succeed(at, &format!("train {QUICK} --epochs 4 --model {model} --seed {seed} {monitor} --out {model}{seed}"));
    }
    succeed(at, "report set1 set2 fixprob1 dense1");
    let page = at.join("report.html");
    let text = fs::read_to_string(&page).unwrap();
    for outside in ["http://", "https://", "<script", "<link", "@import", "url("] {
        // The namespace of SVG is a name, not an address.
        let named = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!named.contains(outside), "{outside}");
    }
    for word in ["SET, 2 seeds", "FixProb", "dense", "data:image/gif;base64,", "KS distance", "prefers-color-scheme"] {
        assert!(text.contains(word), "{word}");
    }
    // Curves, weights per model, explored; for each sparse model degrees, weights, machine; maps and animation of SET; two
    // figures of the dense one.
    assert_eq!(text.matches("<figure>").count(), 3 + 5 + 3 + 2);
    let panels: Vec<&str> = text.split("<svg ").skip(1).map(|rest| rest.split("</svg>").next().unwrap()).collect();
    let style = text.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let picture = text.split("<picture>").nth(1).unwrap().split("</picture>").next().unwrap();
    // Every panel in a cell of its own, so that the browser starts once for light and once for dark.
    let cells: String = panels.iter().fold(String::new(), |cells, panel| cells + "<div><svg " + panel + "</svg></div>");
    let grid = "body { width: 1200px } div { float: left; width: 400px; height: 360px; overflow: hidden } \
                svg { width: 390px; height: auto }";
    let sheet = at.join("sheet.html");
    fs::write(&sheet, format!("<style>{style} {grid}</style><body>{cells}<div><picture>{picture}</picture></div>"))
        .unwrap();
    let count = panels.len() + 1;
    for dark in [false, true] {
        let (width, _, pixels) = screenshot(&sheet, "sheet.png", 1200, 360 * count.div_ceil(3) as u32, dark);
        let mut whitest = 0.0f64;
        for cell in 0..count {
            let (left, top) = (cell % 3 * 400, cell / 3 * 360);
            let rows =
                (top + 2..top + 350).flat_map(|y| &pixels[3 * (y * width + left + 2)..3 * (y * width + left + 380)]);
            let shown = (380, 348, rows.copied().collect());
            assert!((0.01..0.95).contains(&drawn(&shown)), "panel {cell}, dark {dark}: {}", drawn(&shown));
            assert_eq!(shown.2[0] < 100, dark, "the paper of panel {cell} is the page's");
            let white = shown.2.chunks_exact(3).filter(|pixel| *pixel == [255; 3]).count();
            whitest = whitest.max(white as f64 / f64::from(380 * 348));
        }
        // The white of the example image is data, no paper of the page.
        assert!(whitest > 0.2, "dark {dark}: {whitest}");
    }
    // A phone: nothing but tables, which scroll by themselves, is wider than it.
    let phone = screenshot(&page, "phone.png", 390, 3000, false);
    assert_eq!(phone.0, 390);
    assert!(drawn(&phone) > 0.02);
}

/// A script in Debian's Python, whose packages `tests/run` installs.
fn python(script: &str, arguments: &[&Path]) -> String {
    let output = Command::new("/usr/bin/python3").arg("-c").arg(script).args(arguments).output();
    let output = output.expect("python3 is missing; tests/run installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn reference_files_are_what_numpy_and_json_read() {
    let folder = tempdir().unwrap();
    let monitor = "--monitor-interval 0.01 --reference-files";
    succeed(folder.path(), &format!("train {QUICK} --epochs 3 --out run {monitor}"));
    let script = "
import json, sys, numpy as np
name = sys.argv[1] + '/run'
metrics = np.loadtxt(name + '.txt')
assert metrics.shape == (3, 4), metrics.shape
csv = np.genfromtxt(sys.argv[1] + '/metrics.csv', delimiter=',', names=True)
for i, column in enumerate(['train_loss', 'test_loss', 'train_accuracy', 'test_accuracy']):
    assert np.allclose(metrics[:, i], csv[column], rtol=1e-6), column
connections = np.load(name + '_input_connections.npz')['inputLayerConnections']
assert connections.shape == (4, 784), connections.shape
assert (connections == np.load(sys.argv[1] + '/input_connections.npy')).all()
samples = json.load(open(name + '_monitor.json'))
keys = 'pid name create_time cores cpu_usage status nice memory_usage read_bytes write_bytes n_threads'.split()
assert len(samples) > 0 and all(sorted(s) == sorted(keys) for s in samples), samples[:1]
assert 1 < samples[-1]['memory_usage'] < 1000, samples[-1]
print('fine')
";
    assert_eq!(python(script, &[&folder.path().join("run")]), "fine\n");
    // Models whose connections stay have a row an epoch as well, and old runs can be written later.
    succeed(folder.path(), &format!("train {QUICK} --epochs 2 --model fixprob --out fix"));
    succeed(folder.path(), "plot fix --reference-files");
    let script = "
import sys, numpy as np
c = np.load(sys.argv[1])['inputLayerConnections']
assert c.shape == (3, 784) and (c == c[0]).all() and c[0].sum() == 3 * (784 + 64), c
print('fine')
";
    assert_eq!(python(script, &[&folder.path().join("fix/fix_input_connections.npz")]), "fine\n");
}

#[test]
fn the_snippet_of_the_reference_predicts_what_the_network_does() {
    let reference = include_str!("../../docs/reference.md");
    let snippet = reference.split("```python\n").nth(1).expect("docs/reference.md has a snippet");
    let snippet = snippet.split("```").next().unwrap();
    assert!(snippet.lines().count() <= 10, "{snippet}");
    let folder = tempdir().unwrap();
    for arguments in ["--activation all-relu", "--activation relu --model dense", "--storage input-major"] {
        let run = folder.path().join(arguments.replace(' ', ""));
        succeed(folder.path(), &format!("train {QUICK} --epochs 3 {arguments} --out {}", run.display()));
        let model = Model::load(&run.join("model.safetensors")).unwrap();
        let data = data::load(DatasetName::MnistMini, Path::new("nowhere")).unwrap();
        let expected = model.predict(&data.test.features.to_floats()).unwrap();
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        let pixels: PathBuf = folder.path().join("pixels");
        let Features::Bytes(bytes) = &data.test.features else { panic!("pixels are bytes") };
        fs::write(&pixels, bytes).unwrap();
        let check = "
import sys
pixels = np.fromfile(sys.argv[2], np.uint8).reshape(1000, 784)
print(*classes(sys.argv[1], pixels))
";
        let found = python(&format!("{snippet}{check}"), &[&run.join("model.safetensors"), &pixels]);
        assert!(found.split_whitespace().eq(expected.iter().map(String::as_str)), "{arguments}");
    }
}

#[test]
fn a_full_disk_leaves_no_half_report() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --epochs 1 --out run"));
    fs::create_dir(folder.path().join("run/report.html")).unwrap();
    let outcome = run(folder.path(), "report run");
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("cannot write run/report.html"), "{}", outcome.stderr);
    let left = fs::read_dir(folder.path().join("run")).unwrap().map(|item| item.unwrap().file_name());
    let hidden: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with('.')).collect();
    assert_eq!(hidden, [".lock"], "nothing but the run's own lock");
}
