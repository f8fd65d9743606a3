//! A root made ready, for `qemu/run`, for benchmarks and for people who want to look at one with `cloudseed --root`.
//!
//! ```text
//! lay ROOT FOLDER    ROOT is a name in tests/roots, or the path of a folder (a bug report)
//! ```

#[path = "mod.rs"]
mod lay;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, folder] = &arguments[..] else {
        eprintln!("lay ROOT FOLDER");
        return ExitCode::FAILURE;
    };
    let root = if root.contains('/') {
        Path::new(root).to_path_buf()
    } else {
        lay::roots().join(root)
    };
    match lay(&root, Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All of a root; what there is to see is told.
fn lay(root: &Path, place: &Path) -> Result<(), String> {
    let laid = lay::Laid::new(root, place)?;
    println!("machine: {}", laid.machine().display());
    for (device, image) in &laid.volumes {
        println!("volume {device}: {}", image.display());
    }
    for part in ["cloud", "ports"] {
        if let Some(folder) = laid.part(part)? {
            println!("{part}: {}", folder.display());
        }
    }
    Ok(())
}
