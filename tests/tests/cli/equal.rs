//! Equal settings give equal bytes.

use tempfile::tempdir;

use crate::program::succeed;
use crate::support::{QUICK, model_bytes, settings};

#[test]
fn equal_settings_give_equal_models_at_any_threads_and_vectors() {
    let folder = tempdir().unwrap();
    // Minibatches of several tiles, the last of them partly filled, and a last minibatch that is smaller.
    let arguments = "train --epochs 3 --train-samples 100 --test-samples 50 --hidden 60,40 --epsilon 5 --batch-size 40";
    for model in ["set", "fixprob", "dense"] {
        let train = |flags: &str, out: &str| {
            let out = format!("{model}-{out}");
            succeed(folder.path(), &format!("{arguments} --model {model} {flags} --out {out}"));
            model_bytes(folder.path(), &out)
        };
        let first = train("--threads 1", "first");
        assert_eq!(train("--threads 1", "again"), first, "{model}, again");
        assert_eq!(train("--threads 2", "two"), first, "{model}, two threads");
        assert_eq!(train("--threads 5", "five"), first, "{model}, five threads");
        // The matrix products of the dense model are another crate's, whose bits depend on the vectors.
        if model != "dense" {
            assert_eq!(train("--simd baseline", "baseline"), first, "{model}, no vectors");
        }
        assert_ne!(train("--seed 2", "seed"), first, "{model}, another seed");
    }
}

#[test]
fn the_settings_of_a_run_repeat_it() {
    let folder = tempdir().unwrap();
    let flags = "--zeta 0.4 --dropout 0.1 --momentum 0.5 --seed 7 --activation all-relu --schedule cosine";
    succeed(folder.path(), &format!("train {QUICK} {flags} --out first"));
    succeed(folder.path(), "train --config first/config.toml --out second");
    assert_eq!(model_bytes(folder.path(), "second"), model_bytes(folder.path(), "first"));
    let without_record = |out: &str| {
        let mut settings = settings(folder.path(), out);
        assert!(settings.remove("record").is_some());
        settings
    };
    assert_eq!(without_record("second"), without_record("first"));
}
