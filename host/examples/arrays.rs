//! Trains a sparse network on arrays in memory, with a line an epoch, and says what it has learned.
//!
//! ```sh
//! cargo run --release --example arrays
//! ```

use std::ops::ControlFlow;

use rewire::{Arrays, Config, FitError, fit};

/// Features and labels of a spiral with three arms.
fn spiral(samples: u32, turn: f32) -> (Vec<f32>, Vec<u16>) {
    let point = |i: u32| {
        let (radius, arm) = (i as f32 / samples as f32, (i % 3) as f32);
        let angle = 4.0 * radius + arm * std::f32::consts::TAU / 3.0 + turn;
        [radius * angle.cos(), radius * angle.sin()]
    };
    ((0..samples).flat_map(point).collect(), (0..samples).map(|i| (i % 3) as u16).collect())
}

/// Trains, and predicts one point.
pub fn main() -> Result<(), FitError> {
    let ((features, labels), (others, expected)) = (spiral(1500, 0.0), spiral(500, 0.05));
    let train = Arrays { features: &features, n_features: 2, labels: &labels, classes: 3, ..Arrays::default() };
    let test = Arrays { features: &others, labels: &expected, ..train };
    let config = Config { hidden: vec![64, 64], epochs: 60, dropout: 0.0, epsilon: 8.0, ..Config::default() };
    let model = fit(&config, &train, Some(&test), |epoch| {
        println!("epoch {:>2}: {:.2} % of the test samples right", epoch.epoch, 100.0 * epoch.measured.accuracy());
        if epoch.measured.accuracy() > 0.98 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    println!("the point (0.5, 0.0) is of class {}", model.predict(&[0.5, 0.0])?[0]);
    println!("with the probabilities {:.3?}", model.probabilities(&[0.5, 0.0])?);
    assert!(model.evaluate(&test)?.accuracy() > 0.95);
    Ok(())
}
