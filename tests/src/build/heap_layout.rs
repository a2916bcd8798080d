//! Which blocks of the interpreter's heap are to lie together, so that a spawned process
//! copies few pages (`docs/processes.md`): learnt in a machine once for each interpreter.

use std::fs;
use std::time::Duration;

use crate::build::Images;
use crate::error::Result;
use crate::files::write_whole;
use crate::fingerprint;
use crate::machine::Machine;
use crate::project;
use crate::share::{Node, Tree};

/// Where the package `roentgen` looks for it in the machine.
const PATH: &str = "/usr/lib/roentgen/heap-layout";

/// For learning it, on a busy host.
const LIMIT: Duration = Duration::from_secs(120);

/// The layout for this interpreter. None where it could not be learnt: then a spawned
/// process takes more memory, and nothing else is different. It is tried again with the next
/// kernel.
///
/// # Errors
/// Where files under `target` cannot be written.
pub fn current(images: &Images) -> Result<Option<Vec<u8>>> {
    let path = project::target_directory("images")?.join("heap-layout");
    let stamp_path = project::target_directory("stamps")?.join("heap-layout");
    let learnt = fingerprint::metadata(std::slice::from_ref(&images.python))?;
    let failed = format!(
        "failed {learnt}{}",
        fingerprint::metadata(std::slice::from_ref(&images.kernel))?
    );
    match fs::read_to_string(&stamp_path) {
        Ok(stamp) if stamp == learnt => {
            if let Ok(layout) = fs::read(&path) {
                return Ok(Some(layout));
            }
        }
        Ok(stamp) if stamp == failed => return Ok(None),
        _ => {}
    }
    let layout = learn(images);
    write_whole(&path, layout.as_deref().unwrap_or_default())?;
    write_whole(
        &stamp_path,
        if layout.is_some() { &learnt } else { &failed }.as_bytes(),
    )?;
    Ok(layout)
}

/// Puts the layout into what a machine boots with, where there is one.
///
/// # Errors
/// As [`current`].
pub fn ship(images: &Images, tree: &mut Tree) -> Result<()> {
    if let Some(layout) = current(images)? {
        tree.insert(PATH, Node::File(0o444, layout));
    }
    Ok(())
}

fn learn(images: &Images) -> Option<Vec<u8>> {
    eprintln!("roentgen: learning the heap's layout (seconds, once)");
    let output = Machine::new()
        .images(images.clone())
        .without_heap_layout()
        .python(["-m", "roentgen._heap_layout"])
        .smp(1)
        .timeout(LIMIT)
        .run();
    match output {
        Ok(output) if output.status() == 0 && !output.stdout.is_empty() => Some(output.stdout),
        Ok(output) => {
            eprintln!(
                "roentgen: it could not be learnt, and spawned processes take more memory\n{}{}",
                output.stderr_text(),
                output.remarks()
            );
            None
        }
        Err(error) => {
            eprintln!("roentgen: it could not be learnt: {error}");
            None
        }
    }
}
