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
        for (number, line) in fs::read_to_string(&path)?.lines().enumerate() {
            let seed: Result<Vec<u8>, _> = (0..line.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&line[at..at + 2], 16))
                .collect();
            let seed = seed.map_err(io::Error::other)?;
            fs::write(format!("{corpus}/seed-{number}"), seed)?;
        }
    }
    Ok(())
}
