//! Links as the programs do, and keeps the list of tests that the runner reads.

fn main() {
    for script in ["-Tlink.x", "-Tdefmt.x", "-Tembedded-test.x"] {
        println!("cargo::rustc-link-arg={script}");
    }
    println!("cargo::rustc-link-arg=--nmagic");
    println!("cargo::rustc-check-cfg=cfg(rust_analyzer)");
}
