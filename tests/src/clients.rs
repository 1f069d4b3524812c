//! Clients that we did not write: their programs under `tests/clients/`, and what these need, installed on first use.

use std::path::Path;
use std::process::Command;

use crate::Result;

/// The path of a program under `tests/clients/`.
#[must_use]
pub fn source(path: &str) -> String {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    clients.join(path).display().to_string()
}

/// Installs what the clients in `language` (`python`, `go` or `js`) need, unless it is there.
///
/// # Errors
/// If the language or the packages cannot be had; the text is that of the tools.
pub fn install(language: &str) -> Result<()> {
    let script = source("install");
    let output = Command::new(&script).arg(language).output()?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{script} {language}: {}\n{said}", output.status).into())
        }
    }
}
