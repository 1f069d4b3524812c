//! Makes the corpus of each target from `seeds/TARGET.txt`, where a seed is a line of hex.

use std::{fs, io};

fn main() -> io::Result<()> {
    for entry in fs::read_dir("seeds")? {
        let path = entry?.path();
        let Some(target) = path.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        let corpus = format!("corpus/{target}");
        fs::create_dir_all(&corpus)?;
        for (number, seed) in kconnect_fuzz::replay::seeds(target).into_iter().enumerate() {
            fs::write(format!("{corpus}/seed-{number}"), seed)?;
        }
    }
    Ok(())
}
