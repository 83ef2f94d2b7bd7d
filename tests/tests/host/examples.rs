//! The core's examples run, and their assertions hold.

use std::process::Command;

use crate::program::{outcome, program};

#[track_caller]
fn run(name: &str) -> String {
    // Examples are built with the program.
    let outcome = outcome(&mut Command::new(program().with_file_name("examples").join(name)));
    assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.stderr);
    outcome.stdout
}

#[test]
fn xor_is_learned() {
    assert!(run("xor").ends_with("0 xor 0 = 0\n0 xor 1 = 1\n1 xor 0 = 1\n1 xor 1 = 0\n"));
}

#[test]
fn what_a_sensor_sees_is_told_apart() {
    let said = run("sensor");
    let right: u32 = said.split(" of 1200 windows right").next().unwrap().parse().unwrap();
    // Of six motions, chance tells one.
    assert!(right > 1140, "{said}");
}

#[test]
fn connections_move_to_the_inputs_that_matter() {
    assert_eq!(run("evolve").lines().count(), 8);
}

#[test]
fn examples_are_short() {
    let xor = include_str!("../../../core/examples/xor.rs");
    let sensor = include_str!("../../../core/examples/sensor.rs");
    let evolve = include_str!("../../../core/examples/evolve.rs");
    for source in [xor, sensor, evolve] {
        assert!(source.lines().count() < 60);
    }
}

#[test]
fn pages_quote_the_sensor_example() {
    let example = include_str!("../../../core/examples/sensor.rs");
    for (name, page) in [
        ("docs/microcontroller.md", include_str!("../../../docs/microcontroller.md")),
        ("core/README.md", include_str!("../../../core/README.md")),
    ] {
        assert!(page.contains(example), "copy core/examples/sensor.rs into {name}");
    }
}
