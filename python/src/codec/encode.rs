//! Values to messages. The format is `format.rs`'s.

use std::collections::{HashMap, HashSet};

use num_traits::ToPrimitive;
use roentgen_abi::message::{LEAST_RANGE, MOST_RANGES};
use rustpython_vm::builtins::{
    PyBaseExceptionRef, PyByteArray, PyBytes, PyCode, PyComplex, PyDict, PyDictRef, PyFloat,
    PyFrozenSet, PyFunction, PyInt, PyList, PyModule, PySet, PyStr, PyTuple, PyTupleRef, PyType,
};
use rustpython_vm::function::ArgIterable;
use rustpython_vm::protocol::PyBuffer;
use rustpython_vm::{
    AsObject, Py, PyObject, PyObjectRef, PyResult, TryFromBorrowedObject, TryFromObject,
    VirtualMachine,
};

use super::format::{self, COUNTED, DEPTH, Tag, put_number, put_sized};
use super::function::{self, attribute};
use super::{Encoded, Holder, Piece, modules};
use crate::descriptor::Descriptor;

/// One range is left for the encoding itself, where that is large.
const MOST_PIECES: usize = MOST_RANGES - 1;

/// Encodes a value.
///
/// # Errors
/// What its methods raise, or a `TypeError` that says what cannot be sent.
pub(crate) fn encode(object: &PyObject, vm: &VirtualMachine) -> PyResult<Encoded> {
    let mut encoder = Encoder {
        vm,
        to: Encoded::default(),
        modules: modules(vm)?,
        counted: HashMap::new(),
        depth: 0,
        globals: HashSet::new(),
    };
    encoder.to.bytes.reserve(256);
    encoder.to.bytes.push(format::VERSION);
    encoder.value(object, 1)?;
    Ok(encoder.to)
}

/// A counted object.
struct Counted {
    index: u64,
    /// Whether a reader has made it by now, so that it can be referred to.
    is_made: bool,
}

struct Encoder<'vm> {
    vm: &'vm VirtualMachine,
    to: Encoded,
    modules: PyDictRef,
    /// By address. Each is held by `to.holders`, so that no other takes its address.
    counted: HashMap<usize, Counted>,
    depth: usize,
    /// Globals that are in already: addresses of their dictionary and their name.
    globals: HashSet<(usize, usize)>,
}

impl Encoder<'_> {
    fn tag(&mut self, tag: Tag) {
        self.to.bytes.push(tag as u8);
    }

    fn sized(&mut self, tag: Tag, data: &[u8]) {
        self.tag(tag);
        put_sized(&mut self.to.bytes, data);
    }

    fn number(&mut self, number: usize) {
        put_number(&mut self.to.bytes, number as u64);
    }

    /// Writes a reference to an object that is in already.
    fn again(&mut self, object: &PyObject) -> bool {
        if self.counted.is_empty() {
            return false;
        }
        match self.counted.get(&object.get_id()) {
            Some(counted) if counted.is_made => {
                let index = counted.index;
                self.tag(Tag::Again);
                put_number(&mut self.to.bytes, index);
                true
            }
            _ => false,
        }
    }

    fn count(&mut self, object: &PyObject, is_made: bool) {
        let index = self.counted.len() as u64;
        let counted = Counted { index, is_made };
        self.counted.insert(object.get_id(), counted);
        self.to.holders.push(object.to_owned());
    }

    /// Begins a container; false where it is in already. `ours`: how many references to
    /// it are not those through which it is reached. If there is only one of these, it
    /// cannot be reached twice.
    fn begin(&mut self, tag: Tag, object: &PyObject, ours: usize) -> bool {
        if object.strong_count() <= ours + 1 {
            self.tag(tag);
            return true;
        }
        if self.again(object) {
            return false;
        }
        if self.counted.contains_key(&object.get_id()) {
            // A tuple within itself: a second one is made inside.
            self.tag(tag);
            return true;
        }
        self.to.bytes.push(tag as u8 | COUNTED);
        let is_made = !matches!(tag, Tag::Tuple | Tag::FrozenSet);
        self.count(object, is_made);
        true
    }

    fn made(&mut self, object: &PyObject) {
        if let Some(counted) = self.counted.get_mut(&object.get_id()) {
            counted.is_made = true;
        }
    }

    fn values(&mut self, objects: &[PyObjectRef], ours: usize) -> PyResult<()> {
        self.number(objects.len());
        objects.iter().try_for_each(|item| self.value(item, ours))
    }

    pub(super) fn value(&mut self, object: &PyObject, ours: usize) -> PyResult<()> {
        let vm = self.vm;
        if let Some(text) = object.downcast_ref_if_exact::<PyStr>(vm) {
            self.sized(Tag::Str, text.as_wtf8().as_bytes());
        } else if let Some(number) = object.downcast_ref_if_exact::<PyInt>(vm) {
            self.int(number);
        } else if vm.is_none(object) {
            self.tag(Tag::None);
        } else if object.is(&vm.ctx.true_value) {
            self.tag(Tag::True);
        } else if object.is(&vm.ctx.false_value) {
            self.tag(Tag::False);
        } else if let Some(number) = object.downcast_ref_if_exact::<PyFloat>(vm) {
            self.tag(Tag::Float);
            let bits = number.to_f64().to_bits().to_le_bytes();
            self.to.bytes.extend_from_slice(&bits);
        } else if let Some(bytes) = object.downcast_ref_if_exact::<PyBytes>(vm) {
            self.bytes(bytes);
        } else {
            if self.depth == DEPTH {
                return Err(vm.new_recursion_error(format!(
                    "a value that is nested more than {DEPTH} deep cannot be sent"
                )));
            }
            self.depth += 1;
            let result = self.container(object, ours);
            self.depth -= 1;
            return result;
        }
        Ok(())
    }

    fn int(&mut self, number: &PyInt) {
        let number = number.as_bigint();
        if let Some(small) = number.to_i64() {
            self.tag(Tag::Int);
            put_number(&mut self.to.bytes, format::zigzag(small));
        } else {
            self.sized(Tag::BigInt, &number.to_signed_bytes_le());
        }
    }

    fn bytes(&mut self, bytes: &Py<PyBytes>) {
        let data = bytes.as_bytes();
        if data.len() < LEAST_RANGE || self.to.pieces.len() == MOST_PIECES {
            self.sized(Tag::Bytes, data);
            return;
        }
        self.tag(Tag::RangeBytes);
        self.number(self.to.pieces.len());
        self.to.pieces.push(Piece {
            address: data.as_ptr().addr(),
            length: data.len(),
            holder: Holder::Object(bytes.as_object().to_owned()),
        });
    }

    /// The bytes of a buffer, which becomes `inline` or `range`.
    fn buffer(&mut self, buffer: PyBuffer, inline: Tag, range: Tag, flag: u8) {
        let place = buffer
            .as_contiguous()
            .map(|data| (data.as_ptr().addr(), data.len()));
        match place {
            Some((address, length))
                if length >= LEAST_RANGE && self.to.pieces.len() < MOST_PIECES =>
            {
                self.to.bytes.push(range as u8 | flag);
                self.number(self.to.pieces.len());
                let holder = Holder::Buffer(buffer);
                self.to.pieces.push(Piece {
                    address,
                    length,
                    holder,
                });
            }
            _ => {
                self.to.bytes.push(inline as u8 | flag);
                buffer.contiguous_or_collect(|data| put_sized(&mut self.to.bytes, data));
            }
        }
    }

    fn container(&mut self, object: &PyObject, ours: usize) -> PyResult<()> {
        let vm = self.vm;
        if let Some(tuple) = object.downcast_ref_if_exact::<PyTuple>(vm) {
            if self.begin(Tag::Tuple, object, ours) {
                self.values(tuple.as_slice(), 0)?;
                self.made(object);
            }
        } else if let Some(list) = object.downcast_ref_if_exact::<PyList>(vm) {
            if self.begin(Tag::List, object, ours) {
                // A copy: what is called below may change the list.
                let items = list.borrow_vec().to_vec();
                self.values(&items, 1)?;
            }
        } else if let Some(dict) = object.downcast_ref_if_exact::<PyDict>(vm) {
            if self.begin(Tag::Dict, object, ours) {
                let items = dict.items_vec();
                self.number(items.len());
                for (key, value) in &items {
                    self.value(key, 1)?;
                    self.value(value, 1)?;
                }
            }
        } else if let Some(array) = object.downcast_ref_if_exact::<PyByteArray>(vm) {
            if !self.again(object) {
                self.count(object, true);
                let buffer = PyBuffer::try_from_borrowed_object(vm, array.as_object())?;
                self.buffer(buffer, Tag::ByteArray, Tag::RangeByteArray, COUNTED);
            }
        } else if let Some(set) = object.downcast_ref_if_exact::<PySet>(vm) {
            if self.begin(Tag::Set, object, ours) {
                self.values(&set.elements(), 1)?;
            }
        } else if let Some(set) = object.downcast_ref_if_exact::<PyFrozenSet>(vm) {
            if self.begin(Tag::FrozenSet, object, ours) {
                self.values(&set.elements(), 1)?;
                self.made(object);
            }
        } else if let Some(number) = object.downcast_ref_if_exact::<PyComplex>(vm) {
            let number = number.to_complex();
            self.tag(Tag::Complex);
            for part in [number.re, number.im] {
                let bits = part.to_bits().to_le_bytes();
                self.to.bytes.extend_from_slice(&bits);
            }
        } else if object.is(&vm.ctx.ellipsis) {
            self.tag(Tag::Ellipsis);
        } else if object.is(&vm.ctx.not_implemented) {
            self.tag(Tag::NotImplemented);
        } else if !self.again(object) {
            return self.object(object);
        }
        Ok(())
    }

    fn object(&mut self, object: &PyObject) -> PyResult<()> {
        let vm = self.vm;
        if object.downcast_ref_if_exact::<PyFunction>(vm).is_some() {
            return match self.importable(object)? {
                Some((module, name)) => {
                    self.reference(&module, &name);
                    Ok(())
                }
                None => self.function(object),
            };
        }
        if object.downcast_ref::<PyType>().is_some() {
            return match self.importable(object)? {
                Some((module, name)) => {
                    self.reference(&module, &name);
                    Ok(())
                }
                None => {
                    let reduced = self.hook("reduce_class")?.call((object.to_owned(),), vm)?;
                    self.reduced(object, reduced)
                }
            };
        }
        if let Some(code) = object.downcast_ref_if_exact::<PyCode>(vm) {
            return self.code(code);
        }
        if object.downcast_ref_if_exact::<PyModule>(vm).is_some() {
            return self.module(object, None);
        }
        if let Some(descriptor) = object.downcast_ref_if_exact::<Descriptor>(vm) {
            let number = descriptor.number(vm)?;
            self.tag(Tag::Descriptor);
            self.number(self.to.descriptors.len());
            self.to.descriptors.push(number);
            self.to.holders.push(object.to_owned());
            return Ok(());
        }
        if object.class().is(vm.ctx.types.cell_type) {
            self.cell(object);
            return self.cell_content(object);
        }
        if &*object.class().name() == "PickleBuffer" {
            let buffer = PyBuffer::try_from_borrowed_object(vm, object)?;
            let (inline, range) = if buffer.desc.readonly {
                (Tag::Bytes, Tag::RangeBytes)
            } else {
                (Tag::ByteArray, Tag::RangeByteArray)
            };
            // Never counted: nothing else is made of the same buffer object.
            self.buffer(buffer, inline, range, 0);
            return Ok(());
        }
        if self.is_shared_random(object)? {
            // What `random.random` and its like are methods of: each process has its own,
            // which is not to become ours.
            self.reference("random", "_inst");
            return Ok(());
        }
        let class = object.class().to_owned();
        let reducer = match self.dispatched("roentgen._functions", "dispatch_table", &class)? {
            Some(reducer) => Some(reducer),
            None => self.dispatched("copyreg", "dispatch_table", &class)?,
        };
        let reduced = match reducer {
            Some(reducer) => reducer.call((object.to_owned(),), vm),
            None => vm.call_method(object, "__reduce_ex__", (5,)),
        }
        .map_err(|error| self.unsendable(object, error))?;
        self.reduced(object, reduced)
    }

    fn is_shared_random(&self, object: &PyObject) -> PyResult<bool> {
        let vm = self.vm;
        if &*object.class().name() != "Random" {
            return Ok(false);
        }
        let Some(random) = self.modules.get_item_opt("random", vm)? else {
            return Ok(false);
        };
        let shared = attribute(&random, "_inst", vm)?;
        Ok(shared.is_some_and(|shared| shared.is(object)))
    }

    /// A `TypeError` about "cannot pickle" said in terms of sending.
    fn unsendable(&self, object: &PyObject, error: PyBaseExceptionRef) -> PyBaseExceptionRef {
        let vm = self.vm;
        if !error.fast_isinstance(vm.ctx.exceptions.type_error) {
            return error;
        }
        let class = class_name(object, vm);
        let new = vm.new_type_error(format!("{} {class} cannot be sent", article(&class)));
        caused_by(new, error, vm)
    }

    fn dispatched(
        &self,
        module: &str,
        table: &'static str,
        class: &Py<PyType>,
    ) -> PyResult<Option<PyObjectRef>> {
        let vm = self.vm;
        let Some(module) = self.modules.get_item_opt(module, vm)? else {
            return Ok(None);
        };
        let table = module.get_attr(table, vm)?;
        match table.downcast_ref::<PyDict>() {
            Some(table) => table.get_item_opt(class.as_object(), vm),
            None => Ok(None),
        }
    }

    /// A function of `roentgen._functions`.
    fn hook(&self, name: &'static str) -> PyResult {
        let vm = self.vm;
        vm.import("roentgen._functions", 0)?;
        let functions = self.modules.get_item("roentgen._functions", vm)?;
        functions.get_attr(name, vm)
    }

    fn reference(&mut self, module: &str, name: &str) {
        self.sized(Tag::Reference, module.as_bytes());
        put_sized(&mut self.to.bytes, name.as_bytes());
    }

    /// Module and qualified name of what can be found by them, in other processes as well.
    fn importable(&self, object: &PyObject) -> PyResult<Option<(String, String)>> {
        let vm = self.vm;
        let module = attribute(object, "__module__", vm)?;
        let name = attribute(object, "__qualname__", vm)?;
        let (Some(module), Some(name)) = (text(module), text(name)) else {
            return Ok(None);
        };
        if module == "__main__" {
            return Ok(None);
        }
        let Some(mut found) = self.modules.get_item_opt(module.as_str(), vm)? else {
            return Ok(None);
        };
        for part in name.split('.') {
            match vm.get_attribute_opt(&found, &vm.ctx.new_str(part))? {
                Some(next) => found = next,
                None => return Ok(None),
            }
        }
        Ok(found.is(object).then_some((module, name)))
    }

    fn module(&mut self, module: &PyObject, names: Option<&function::Summary>) -> PyResult<()> {
        let vm = self.vm;
        let Some(name) = text(attribute(module, "__name__", vm)?) else {
            return Err(vm.new_type_error("a module without a name cannot be sent"));
        };
        self.sized(Tag::Module, name.as_bytes());
        let mut wanted = Vec::new();
        if let Some(summary) = names
            && attribute(module, "__path__", vm)?.is_some()
        {
            // `a.b.c` in the code means that a.b may have to be imported there as well.
            let prefix = format!("{name}.");
            for key in self.modules.keys_vec() {
                let is_used = |part: &str| summary.names.iter().any(|n| n.as_str() == part);
                if let Some(key) = key.downcast_ref::<PyStr>().and_then(|key| key.to_str())
                    && let Some(rest) = key.strip_prefix(&prefix)
                    && rest.split('.').all(is_used)
                {
                    wanted.push(key.to_owned());
                }
            }
        }
        self.number(wanted.len());
        for name in wanted {
            put_sized(&mut self.to.bytes, name.as_bytes());
        }
        Ok(())
    }

    fn code(&mut self, code: &Py<PyCode>) -> PyResult<()> {
        if !self.again(code.as_object()) {
            let summary = function::summary(code, &self.modules, self.vm)?;
            self.count(code.as_object(), true);
            self.to.bytes.push(Tag::Code as u8 | COUNTED);
            put_sized(&mut self.to.bytes, &summary.marshalled);
        }
        Ok(())
    }

    /// A cell without its content; false where it is in already.
    fn cell(&mut self, cell: &PyObject) -> bool {
        if self.again(cell) {
            return false;
        }
        self.count(cell, true);
        self.to.bytes.push(Tag::Cell as u8 | COUNTED);
        true
    }

    fn cell_content(&mut self, cell: &PyObject) -> PyResult<()> {
        match cell.get_attr("cell_contents", self.vm) {
            Ok(content) => self.value(&content, 1),
            // Empty.
            Err(_) => {
                self.tag(Tag::End);
                Ok(())
            }
        }
    }

    /// A function by value; `function.rs` says how it is laid out.
    fn function(&mut self, object: &PyObject) -> PyResult<()> {
        let vm = self.vm;
        let code = object.get_attr("__code__", vm)?;
        let Some(code) = code.downcast_ref_if_exact::<PyCode>(vm) else {
            return Err(vm.new_type_error("a function without code cannot be sent"));
        };
        let summary = function::summary(code, &self.modules, vm)?;
        let globals: PyDictRef =
            TryFromObject::try_from_object(vm, object.get_attr("__globals__", vm)?)?;

        self.to.bytes.push(Tag::Function as u8 | COUNTED);
        self.count(object, true);
        self.code(code)?;
        let is_module = self.globals(&globals)?;
        let closure = object.get_attr("__closure__", vm)?;
        let cells = closure
            .downcast_ref::<PyTuple>()
            .map_or(&[][..], |cells| cells.as_slice());
        self.number(cells.len());
        let new: Vec<bool> = cells.iter().map(|cell| self.cell(cell)).collect();

        let name = object.get_attr("__qualname__", vm)?;
        let whose = || text(Some(name.clone())).unwrap_or_default();
        self.unless(object, "__name__", code.code.obj_name.as_object())?;
        self.unless(object, "__qualname__", code.code.qualname.as_object())?;
        let module = globals.get_item_opt("__name__", vm)?;
        self.unless(object, "__module__", &vm.unwrap_or_none(module))?;
        for part in ["__defaults__", "__kwdefaults__", "__doc__", "__dict__"] {
            let value = object.get_attr(part, vm)?;
            let is_empty = vm.is_none(&value)
                || part == "__dict__"
                    && value
                        .downcast_ref::<PyDict>()
                        .is_some_and(|dict| dict.is_empty());
            if is_empty {
                self.tag(Tag::End);
            } else {
                self.value(&value, 1).map_err(|error| {
                    self.explain(error, &format!("{part} of function {}", whose()), &value)
                })?;
            }
        }
        if !is_module {
            for name in &summary.globals {
                let is_new = self
                    .globals
                    .insert((globals.as_object().get_id(), name.as_object().get_id()));
                if !is_new {
                    continue;
                }
                let Some(value) = globals.get_item_opt(*name, vm)? else {
                    continue;
                };
                self.sized(Tag::Str, name.as_wtf8().as_bytes());
                let result = match value.downcast_ref_if_exact::<PyModule>(vm) {
                    Some(module) => self.module(module.as_object(), Some(&summary)),
                    None => self.value(&value, 1),
                };
                result.map_err(|error| {
                    let what = format!("global `{name}` of function {}", whose());
                    self.explain(error, &what, &value)
                })?;
            }
        }
        self.tag(Tag::End);
        for ((cell, is_new), name) in cells.iter().zip(new).zip(&code.code.freevars) {
            if is_new {
                self.cell_content(cell).map_err(|error| {
                    let what = format!("variable `{name}` of function {}", whose());
                    match cell.get_attr("cell_contents", vm) {
                        Ok(value) => self.explain(error, &what, &value),
                        Err(_) => error,
                    }
                })?;
            }
        }
        Ok(())
    }

    /// An attribute of a function, unless it is what a new one has.
    fn unless(&mut self, object: &PyObject, name: &'static str, usual: &PyObject) -> PyResult<()> {
        let value = object.get_attr(name, self.vm)?;
        if value.is(usual) || text(Some(value.clone())) == text(Some(usual.to_owned())) {
            self.tag(Tag::End);
            Ok(())
        } else {
            self.value(&value, 1)
        }
    }

    /// Whose globals they are; true where they are a module's that is imported there.
    fn globals(&mut self, globals: &Py<PyDict>) -> PyResult<bool> {
        let vm = self.vm;
        let name = text(globals.get_item_opt("__name__", vm)?);
        if let Some(name) = name
            && let Some(module) = self.modules.get_item_opt(name.as_str(), vm)?
            && module.dict().is_some_and(|dict| dict.is(globals))
        {
            if name == "__main__" {
                self.tag(Tag::None);
                return Ok(false);
            }
            self.module(&module, None)?;
            return Ok(true);
        }
        if !self.again(globals.as_object()) {
            self.count(globals.as_object(), true);
            self.to.bytes.push(Tag::Globals as u8 | COUNTED);
        }
        Ok(false)
    }

    /// Says which part of a function an error is about. The innermost function is named.
    fn explain(
        &self,
        error: PyBaseExceptionRef,
        what: &str,
        value: &PyObject,
    ) -> PyBaseExceptionRef {
        let vm = self.vm;
        if !error.fast_isinstance(vm.ctx.exceptions.type_error) {
            return error;
        }
        let reason = error
            .as_object()
            .str(vm)
            .map(|text| text.to_string_lossy().into_owned())
            .unwrap_or_default();
        if reason.contains("of function ") {
            return error;
        }
        let class = class_name(value, vm);
        let kind = format!("{} {class}", article(&class));
        let text = if reason == format!("{kind} cannot be sent") {
            let cause = error.__cause__().and_then(|cause| {
                let text = cause.as_object().str(vm).ok()?;
                Some(format!(": {}", text.to_string_lossy()))
            });
            format!(
                "{what} ({kind}) cannot be sent{}",
                cause.unwrap_or_default()
            )
        } else {
            format!("{what} ({kind}) cannot be sent: {reason}")
        };
        let new = vm.new_type_error(text);
        caused_by(new, error, vm)
    }

    /// What `__reduce_ex__` returned: a global's name, or how to make it again.
    fn reduced(&mut self, object: &PyObject, reduced: PyObjectRef) -> PyResult<()> {
        let vm = self.vm;
        if let Some(name) = text(Some(reduced.clone())) {
            let module = match text(attribute(object, "__module__", vm)?) {
                Some(module) => module,
                None => text(Some(
                    self.hook("which_module")?
                        .call((object.to_owned(), name.clone()), vm)?,
                ))
                .unwrap_or_default(),
            };
            self.reference(&module, &name);
            return Ok(());
        }
        let wrong = || {
            vm.new_type_error(format!(
                "__reduce_ex__ of {} must return a string or a tuple of 2 to 6 items",
                class_name(object, vm)
            ))
        };
        let parts: PyTupleRef = reduced.downcast().map_err(|_| wrong())?;
        let parts = parts.as_slice();
        if !(2..=6).contains(&parts.len()) || parts[1].downcast_ref::<PyTuple>().is_none() {
            return Err(wrong());
        }
        let part = |index: usize| parts.get(index).filter(|part| !vm.is_none(part));

        self.to.bytes.push(Tag::Object as u8 | COUNTED);
        self.value(&parts[0], 0)?;
        self.value(&parts[1], 0)?;
        if self.counted.contains_key(&object.get_id()) {
            return Err(vm.new_type_error(format!(
                "{} needs itself to be made, and cannot be sent",
                class_name(object, vm)
            )));
        }
        self.count(object, true);
        if let Some(items) = part(3) {
            let items = ArgIterable::<PyObjectRef>::try_from_object(vm, items.clone())?;
            for item in items.iter(vm)? {
                let item = item?;
                self.value(&item, 1)?;
            }
        }
        self.tag(Tag::End);
        if let Some(items) = part(4) {
            let items = ArgIterable::<PyTupleRef>::try_from_object(vm, items.clone())?;
            for pair in items.iter(vm)? {
                let pair = pair?;
                let [key, value] = pair.as_slice() else {
                    return Err(wrong());
                };
                self.value(key, 0)?;
                self.value(value, 0)?;
            }
        }
        self.tag(Tag::End);
        for index in [2, 5] {
            match part(index) {
                Some(part) => self.value(part, 0)?,
                None => self.tag(Tag::End),
            }
        }
        Ok(())
    }
}

/// `new`, raised from `error`.
fn caused_by(
    new: PyBaseExceptionRef,
    error: PyBaseExceptionRef,
    vm: &VirtualMachine,
) -> PyBaseExceptionRef {
    match new.as_object().set_attr("__cause__", error, vm) {
        Ok(()) => new,
        Err(error) => error,
    }
}

fn text(object: Option<PyObjectRef>) -> Option<String> {
    Some(object?.downcast_ref::<PyStr>()?.to_str()?.to_owned())
}

/// `module.name` of a value's class; builtins by their name alone.
fn class_name(object: &PyObject, vm: &VirtualMachine) -> String {
    let class = object.class();
    let name = class.name().to_string();
    match attribute(class.as_object(), "__module__", vm).map(text) {
        Ok(Some(module)) if module != "builtins" => format!("{module}.{name}"),
        _ => name,
    }
}

fn article(noun: &str) -> &'static str {
    match noun.trim_start_matches('_').bytes().next() {
        Some(b'a' | b'e' | b'i' | b'o' | b'u') if !noun.starts_with('_') => "an",
        _ => "a",
    }
}
