//! Functions of `posix`, and so of `os`.
//!
//! | module | what it adds |
//! |---|---|
//! | [`attributes`] | extended attributes of files |
//! | [`eventfd`] | counters as descriptors |
//! | [`files`] | memory files, fifos, locks, space, device numbers |
//! | [`terminals`] | the steps of `openpty`, each by its name |
//! | [`timerfd`] | timers as descriptors |
//! | [`vectors`] | reading and writing several buffers at once |
//! | [`waiting`] | `waitid` |

mod attributes;
mod eventfd;
mod files;
mod terminals;
mod timerfd;
mod vectors;
mod waiting;

use rustpython_vm::Context;
use rustpython_vm::builtins::PyModuleDef;

/// The additions, one definition for each file.
pub(super) fn additions(context: &Context) -> Vec<&'static PyModuleDef> {
    vec![
        attributes::module_def(context),
        eventfd::module_def(context),
        files::module_def(context),
        terminals::module_def(context),
        timerfd::module_def(context),
        vectors::module_def(context),
        waiting::module_def(context),
    ]
}
