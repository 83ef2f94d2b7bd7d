//! Draws the bundled `mnist-mini` from the full MNIST again and writes its four gzipped files into a folder.
//!
//! ```sh
//! cargo run --release --example mnist_mini -- data/mnist-mini
//! ```

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;

use flate2::{Compression, GzBuilder};
use rewire::data::{self, DatasetName, Silent, manifest, mini, store};
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: mnist_mini FOLDER")?);
    let cache = data::cache_dir(None);
    data::ensure(DatasetName::Mnist, &cache, &mut Silent)?;
    let full = data::load(DatasetName::Mnist, &cache)?;

    let entry = manifest::entry(DatasetName::MnistMini);
    let drawn = mini::draw(entry, &full).ok_or("MNIST has too few samples of a class")?;
    for file in &entry.files {
        let content = mini::encode(&drawn, file)?;
        let path = folder.join(format!("{}.gz", file.name));
        // Without a name and a time, the same content always packs to the same bytes.
        let mut out = GzBuilder::new().write(File::create(&path)?, Compression::best());
        out.write_all(&content)?;
        out.finish()?.sync_all()?;
        println!("{} {} bytes sha256 {}", file.name, content.len(), store::sha256(&content));
    }
    Ok(())
}
