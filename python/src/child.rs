//! The life of a spawned process, from the frozen point on: it takes what it was given,
//! calls the function, and leaves the outcome. All of it native: each bytecode that runs
//! and each page that is written here is paid by every process.

use std::io;

use roentgen_abi::message::Message;
use roentgen_abi::syscall;
use rustpython_vm::builtins::{PyBaseExceptionRef, PyDict, PyTuple, PyTupleRef};
use rustpython_vm::convert::IntoPyException;
use rustpython_vm::function::{FuncArgs, KwArgs};
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};

use crate::calls::{call, message_call};
use crate::codec::{Encoded, encode, modules};
use crate::interned::global;
use crate::message::{Outgoing, receive};

/// First item of an answer: a value follows.
const VALUE: i32 = 0;
/// First item of an answer: an exception, encoded by itself, or None; its traceback's text;
/// and what it is in a line.
const EXCEPTION: i32 = 1;

/// What the calling process was spawned with.
fn payload(vm: &VirtualMachine) -> PyResult {
    let take = |message: &mut Message| {
        message_call(
            syscall::RG_PAYLOAD,
            std::ptr::from_mut(message).expose_provenance(),
            std::ptr::null(),
            0,
        )
    };
    receive(take)
        .map_err(|error| error.into_pyexception(vm))?
        .decode(vm)
}

/// Ends the process, unless that is not possible.
fn finish(status: u32, answer: &Message) -> io::Result<()> {
    // SAFETY: what the answer points to is there.
    let arguments = [
        status as usize,
        std::ptr::from_ref(answer).expose_provenance(),
        0,
        0,
    ];
    unsafe { call(syscall::RG_FINISH, arguments) }.map(drop)
}

/// All of it, in a process that was spawned from a template.
pub(crate) fn live(vm: &VirtualMachine) -> ! {
    end(run_payload(vm), vm)
}

fn run_payload(vm: &VirtualMachine) -> PyResult {
    renew(vm)?;
    let payload = payload(vm)?;
    // The first one has done its part while it was decoded.
    let Some([_setup, function, arguments, keywords]) = payload
        .downcast_ref::<PyTuple>()
        .map(|payload| payload.as_slice())
    else {
        return Err(vm.new_value_error("a process was spawned with something else than a call"));
    };
    apply(function, arguments, keywords, vm)
}

/// Makes a process another one than those that began as the same image: its random numbers
/// and what it knows of its thread.
pub(crate) fn renew(vm: &VirtualMachine) -> PyResult<()> {
    // What `random.Random()` is seeded from.
    rand::rng()
        .reseed()
        .map_err(|error| vm.new_os_error(error.to_string()))?;
    let modules = modules(vm)?;
    if let Some(random) = modules.get_item_opt(interned!(vm, "random"), vm)?
        && let Some(shared) = vm.get_attribute_opt(&random, interned!(vm, "_inst"))?
    {
        let kind = vm.import("_random", 0)?.get_attr("Random", vm)?;
        kind.get_attr("seed", vm)?.call((shared.clone(),), vm)?;
        shared.set_attr("gauss_next", vm.ctx.none(), vm)?;
    }
    if let Some(threading) = modules.get_item_opt(interned!(vm, "threading"), vm)? {
        let thread = global(&threading, interned!(vm, "_main_thread"), vm)?;
        // SAFETY: takes no argument and touches no memory.
        let id = unsafe { libc::gettid() };
        thread.set_attr(interned!(vm, "_native_id"), vm.ctx.new_int(id), vm)?;
    }
    Ok(())
}

/// `function(*arguments, **keywords)`; keywords may be None.
pub(crate) fn apply(
    function: &PyObject,
    arguments: &PyObject,
    keywords: &PyObject,
    vm: &VirtualMachine,
) -> PyResult {
    let Some(arguments) = arguments.downcast_ref::<PyTuple>() else {
        return Err(vm.new_type_error("arguments are a tuple"));
    };
    let arguments = arguments.as_slice().to_vec();
    let keywords: KwArgs = match keywords.downcast_ref::<PyDict>() {
        None => KwArgs::default(),
        Some(keywords) => keywords
            .items_vec()
            .into_iter()
            .map(|(name, value)| Ok((name.str(vm)?.as_wtf8().to_owned(), value)))
            .collect::<PyResult<KwArgs>>()?,
    };
    function.call(FuncArgs::new(arguments, keywords), vm)
}

/// Ends the process with the outcome of its function.
pub(crate) fn end(result: PyResult, vm: &VirtualMachine) -> ! {
    let (status, answer) = conclude(result, vm);
    if let Some(answer) = answer {
        let outgoing = Outgoing::new(answer);
        let error = match finish(status, &outgoing.message()) {
            Ok(()) => "RG_FINISH returned".to_owned(),
            Err(error) => error.to_string(),
        };
        // An answer that was refused (memory is short) is answered by a short one.
        let failed = vm.new_os_error(format!("the result could not be left behind: {error}"));
        if let Ok(answer) = exception_answer(&failed, vm) {
            let _ = finish(1, &Outgoing::new(answer).message());
        }
    }
    // SAFETY: ends the process.
    unsafe { libc::_exit(status as i32) }
}

/// The part of a process's life that can be played again and again: its function, its answer.
pub(crate) fn rehearse(
    function: &PyObject,
    arguments: &PyObject,
    keywords: &PyObject,
    vm: &VirtualMachine,
) -> PyResult<()> {
    let value = apply(function, arguments, keywords, vm)?;
    value_answer(&value, vm)?;
    threads_to_end(vm)?;
    exit_functions(vm)?;
    flush_streams(vm)
}

/// What is due after the function: threads are joined, `atexit` is run, output is flushed.
/// The exit status, and the answer; without one where it called `sys.exit`.
pub(crate) fn conclude(result: PyResult, vm: &VirtualMachine) -> (u32, Option<Encoded>) {
    let (mut status, mut answer) = match result {
        Ok(value) => match value_answer(&value, vm) {
            Ok(answer) => (0, Ok(Some(answer))),
            Err(error) => (1, exception_answer(&error, vm).map(Some)),
        },
        Err(error) if error.fast_isinstance(vm.ctx.exceptions.system_exit) => {
            (vm.handle_exit_exception(error), Ok(None))
        }
        Err(error) => (1, exception_answer(&error, vm).map(Some)),
    };
    if let Err(error) = wind_up(vm) {
        (status, answer) = (1, exception_answer(&error, vm).map(Some));
    }
    // Out of memory at the latest: the status alone has to tell.
    (status & 0xff, answer.unwrap_or(None))
}

/// Both are cheap where nothing is to do, and no module is imported for it.
fn wind_up(vm: &VirtualMachine) -> PyResult<()> {
    if let Some(threading) = threads_to_end(vm)? {
        threading.get_attr("_shutdown", vm)?.call((), vm)?;
    }
    if let Some(run) = exit_functions(vm)? {
        run.call((), vm)?;
    }
    flush_streams(vm)
}

/// Module `threading`, where threads are to be waited for, or functions called before.
fn threads_to_end(vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
    let modules = modules(vm)?;
    let Some(threading) = modules.get_item_opt(interned!(vm, "threading"), vm)? else {
        return Ok(None);
    };
    let is_due = vm.state.thread_count.load() > 0
        || global(&threading, interned!(vm, "_threading_atexits"), vm)?.length(vm)? > 0;
    Ok(is_due.then_some(threading))
}

/// What calls the functions that `atexit` was given, where there are any.
fn exit_functions(vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
    if vm.state.atexit_funcs.lock().is_empty() {
        return Ok(None);
    }
    let run = vm.import("atexit", 0)?.get_attr("_run_exitfuncs", vm)?;
    Ok(Some(run))
}

fn flush_streams(vm: &VirtualMachine) -> PyResult<()> {
    let streams = vm.sys_module.dict();
    for name in [interned!(vm, "stdout"), interned!(vm, "stderr")] {
        if let Some(stream) = streams.get_item_opt(name, vm)?
            && !vm.is_none(&stream)
        {
            // As at the end of an interpreter: a stream that is closed or broken is none.
            let _ = vm.call_method(&stream, "flush", ());
        }
    }
    Ok(())
}

fn value_answer(value: &PyObject, vm: &VirtualMachine) -> PyResult<Encoded> {
    let kind = vm.ctx.new_int(VALUE).into();
    let answer = vm.ctx.new_tuple(vec![kind, value.to_owned()]);
    encode(answer.as_object(), vm)
}

fn exception_answer(error: &PyBaseExceptionRef, vm: &VirtualMachine) -> PyResult<Encoded> {
    encode(failure(error, vm)?.as_object(), vm)
}

/// An exception as an answer, not encoded yet.
pub(crate) fn failure(error: &PyBaseExceptionRef, vm: &VirtualMachine) -> PyResult<PyTupleRef> {
    let mut text = String::new();
    vm.write_exception(&mut text, error)
        .map_err(|_| vm.new_value_error("a traceback cannot be written"))?;
    // By itself: the parent has the text also where it cannot make the exception.
    let alone: PyObjectRef = match encode(error.as_object(), vm) {
        Ok(alone) if alone.pieces.is_empty() && alone.descriptors.is_empty() => {
            vm.ctx.new_bytes(alone.bytes).into()
        }
        _ => vm.ctx.none(),
    };
    let summary = text
        .trim_end()
        .lines()
        .next_back()
        .unwrap_or_default()
        .to_owned();
    let parts = vec![
        vm.ctx.new_int(EXCEPTION).into(),
        alone,
        vm.ctx.new_str(text).into(),
        vm.ctx.new_str(summary).into(),
    ];
    Ok(vm.ctx.new_tuple(parts))
}
