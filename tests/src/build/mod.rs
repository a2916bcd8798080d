//! Building what boots. Fast when nothing changed: then no compiler is asked.

pub mod cargo;
pub mod heap_layout;
pub mod kernel;
pub mod native;
pub mod python;
pub mod template;

use std::path::PathBuf;

use crate::error::Result;
use crate::toolchain::Toolchain;

/// What a machine boots from.
#[derive(Clone, Debug)]
pub struct Images {
    /// The kernel's ELF, with symbols.
    pub kernel: PathBuf,
    /// The interpreter's ELF, static.
    pub python: PathBuf,
}

/// Builds whatever is out of date, and says where everything is.
///
/// # Errors
/// [`crate::Error::Tool`] with the compiler's output, where something does not compile.
pub fn images() -> Result<Images> {
    let toolchain = Toolchain::chosen()?;
    Ok(Images {
        python: python::current(&toolchain)?,
        kernel: kernel::current(&toolchain)?,
    })
}
