//! Messages to values. The format is `format.rs`'s; nothing in it is trusted to be well
//! formed.

use std::os::fd::OwnedFd;

use malachite_bigint::BigInt;
use rustpython_vm::builtins::{
    PyBaseExceptionRef, PyByteArray, PyBytes, PyCode, PyDict, PyDictRef, PyFrozenSet, PySet, PyStr,
    PyTuple,
};
use rustpython_vm::common::wtf8::Wtf8Buf;
use rustpython_vm::{AsObject, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine};

use super::format::{self, DEPTH, Malformed, Reader, Tag};
use super::{Arrived, Parts};
use crate::descriptor::Descriptor;

/// `sys.modules`.
pub(crate) fn modules(vm: &VirtualMachine) -> PyResult<PyDictRef> {
    vm.sys_module
        .dict()
        .get_item(interned!(vm, "modules"), vm)?
        .downcast()
        .map_err(|_| vm.new_runtime_error("sys.modules is no dictionary"))
}

/// A module that is part of the interpreter.
pub(super) fn native_module(
    name: &'static str,
    modules: &Py<PyDict>,
    vm: &VirtualMachine,
) -> PyResult {
    match modules.get_item_opt(name, vm)? {
        Some(module) => Ok(module),
        None => vm.import(name, 0),
    }
}

/// The value that was encoded as `bytes`, with what came beside them.
///
/// # Errors
/// `ValueError` where it is none; what is raised by what it calls and imports.
pub(crate) fn decode(bytes: &[u8], parts: Parts, vm: &VirtualMachine) -> PyResult {
    let mut decoder = Decoder {
        vm,
        reader: Reader::new(bytes),
        parts,
        modules: modules(vm)?,
        counted: Vec::new(),
        depth: 0,
    };
    decoder.whole().map_err(|error| match error {
        Failure::Malformed(why) => {
            vm.new_value_error(format!("what arrived is not an encoded value: {why}"))
        }
        Failure::Raised(error) => error,
    })
}

/// Why a value cannot be made.
enum Failure {
    Malformed(Malformed),
    Raised(PyBaseExceptionRef),
}

impl From<Malformed> for Failure {
    fn from(why: Malformed) -> Self {
        Self::Malformed(why)
    }
}

impl From<PyBaseExceptionRef> for Failure {
    fn from(error: PyBaseExceptionRef) -> Self {
        Self::Raised(error)
    }
}

type Result<T = PyObjectRef> = std::result::Result<T, Failure>;

struct Decoder<'a> {
    vm: &'a VirtualMachine,
    reader: Reader<'a>,
    parts: Parts,
    modules: PyDictRef,
    /// None: not made yet.
    counted: Vec<Option<PyObjectRef>>,
    depth: usize,
}

impl Decoder<'_> {
    fn whole(&mut self) -> Result {
        let version = self.reader.byte()?;
        if version != format::VERSION {
            return Err(Malformed::Version(version).into());
        }
        let value = self.value()?;
        if !self.reader.is_empty() {
            return Err(Malformed::Trailing.into());
        }
        Ok(value)
    }

    fn value(&mut self) -> Result {
        match self.value_or_end()? {
            Some(value) => Ok(value),
            None => Err(Malformed::Unexpected(Tag::End).into()),
        }
    }

    /// The next value, or None for an `End`.
    fn value_or_end(&mut self) -> Result<Option<PyObjectRef>> {
        let (tag, is_counted) = self.reader.tag()?;
        if tag == Tag::End {
            return Ok(None);
        }
        if self.depth == DEPTH {
            return Err(Malformed::Depth.into());
        }
        self.depth += 1;
        let value = self.tagged(tag, is_counted);
        self.depth -= 1;
        value.map(Some)
    }

    /// The place of a counted value, which is filled by [`Self::made`].
    fn reserve(&mut self, is_counted: bool) -> Option<usize> {
        is_counted.then(|| {
            self.counted.push(None);
            self.counted.len() - 1
        })
    }

    fn made(&mut self, place: Option<usize>, value: impl Into<PyObjectRef>) -> PyObjectRef {
        let value = value.into();
        if let Some(place) = place {
            self.counted[place] = Some(value.clone());
        }
        value
    }

    fn text(&mut self) -> Result<PyRef<PyStr>> {
        let bytes = self.reader.sized()?;
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Ok(self.vm.ctx.new_str(text));
        }
        let text = Wtf8Buf::from_bytes(bytes.to_vec()).map_err(|_| Malformed::Text)?;
        Ok(self.vm.ctx.new_str(text))
    }

    fn items(&mut self) -> Result<Vec<PyObjectRef>> {
        let count = self.reader.count(1)?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.value()?);
        }
        Ok(items)
    }

    fn tagged(&mut self, tag: Tag, is_counted: bool) -> Result {
        let ctx = &self.vm.ctx;
        Ok(match tag {
            Tag::None => ctx.none(),
            Tag::False => ctx.new_bool(false).into(),
            Tag::True => ctx.new_bool(true).into(),
            Tag::Ellipsis => ctx.ellipsis.clone().into(),
            Tag::NotImplemented => ctx.not_implemented(),
            Tag::Int => ctx.new_int(format::unzigzag(self.reader.number()?)).into(),
            Tag::BigInt => {
                let number = BigInt::from_signed_bytes_le(self.reader.sized()?);
                ctx.new_bigint(&number).into()
            }
            Tag::Float => ctx.new_float(self.float()?).into(),
            Tag::Complex => {
                let (real, imaginary) = (self.float()?, self.float()?);
                ctx.new_complex(num_complex::Complex64::new(real, imaginary))
                    .into()
            }
            Tag::Str => self.text()?.into(),
            Tag::Bytes => ctx.new_bytes(self.reader.sized()?.to_vec()).into(),
            Tag::ByteArray => {
                let place = self.reserve(is_counted);
                let array = ctx.new_bytearray(self.reader.sized()?.to_vec());
                self.made(place, array)
            }
            Tag::RangeBytes => match self.range()? {
                Arrived::Block(block) => PyBytes::from(block).into_ref(ctx).into(),
                Arrived::Bytes(bytes) => bytes,
            },
            Tag::RangeByteArray => {
                let place = self.reserve(is_counted);
                let block = match self.range()? {
                    Arrived::Block(block) => block,
                    Arrived::Bytes(bytes) => bytes
                        .downcast_ref::<PyBytes>()
                        .map_or_else(Vec::new, |bytes| bytes.as_bytes().to_vec()),
                };
                self.made(place, PyByteArray::from(block).into_ref(ctx))
            }
            Tag::Tuple => {
                let place = self.reserve(is_counted);
                let tuple = ctx.new_tuple(self.items()?);
                self.made(place, tuple)
            }
            Tag::List => self.list(is_counted)?,
            Tag::Dict => {
                let place = self.reserve(is_counted);
                let dict = ctx.new_dict();
                self.made(place, dict.clone());
                for _ in 0..self.reader.count(2)? {
                    let key = self.value()?;
                    let value = self.value()?;
                    dict.set_item(&*key, value, self.vm)?;
                }
                dict.into()
            }
            Tag::Set => {
                let place = self.reserve(is_counted);
                let set = PySet::default().into_ref(ctx);
                self.made(place, set.clone());
                for item in self.items()? {
                    set.add(item, self.vm)?;
                }
                set.into()
            }
            Tag::FrozenSet => {
                let place = self.reserve(is_counted);
                let items = self.items()?;
                let set = PyFrozenSet::from_iter(self.vm, items)?.into_ref(ctx);
                self.made(place, set)
            }
            Tag::Descriptor => {
                let index = self.reader.index()?;
                let descriptor = self.descriptor(index)?;
                Descriptor::owned(descriptor).into_ref(ctx).into()
            }
            Tag::Again => {
                let index = self.reader.index()?;
                let made = self.counted.get(index).and_then(Option::clone);
                made.ok_or(Malformed::Index)?
            }
            Tag::Reference => {
                let module = self.text()?;
                let name = self.text()?;
                self.reference(&module, &name)?
            }
            Tag::Module => self.module()?,
            Tag::Code => {
                let place = self.reserve(true);
                let marshalled = ctx.new_bytes(self.reader.sized()?.to_vec());
                let loads = native_module("marshal", &self.modules, self.vm)?;
                let loads = loads.get_attr("loads", self.vm)?;
                let code = loads.call((marshalled,), self.vm)?;
                if code.downcast_ref_if_exact::<PyCode>(self.vm).is_none() {
                    return Err(Malformed::Unexpected(Tag::Code).into());
                }
                self.made(place, code)
            }
            Tag::Function => self.function()?,
            Tag::Cell => {
                let cell = self.cell()?;
                self.fill_cell(&cell)?;
                cell
            }
            Tag::Object => self.object()?,
            Tag::Globals | Tag::End => return Err(Malformed::Unexpected(tag).into()),
        })
    }

    fn float(&mut self) -> Result<f64> {
        Ok(f64::from_bits(u64::from_le_bytes(self.reader.array()?)))
    }

    fn list(&mut self, is_counted: bool) -> Result {
        let place = self.reserve(is_counted);
        if place.is_none() {
            // Nothing refers to it while it is being made.
            return Ok(self.vm.ctx.new_list(self.items()?).into());
        }
        let list = self.vm.ctx.new_list(Vec::new());
        self.made(place, list.clone());
        for _ in 0..self.reader.count(1)? {
            let item = self.value()?;
            list.borrow_vec_mut().push(item);
        }
        Ok(list.into())
    }

    fn range(&mut self) -> Result<Arrived> {
        let index = self.reader.index()?;
        let range = self.parts.ranges.get_mut(index).and_then(Option::take);
        Ok(range.ok_or(Malformed::Index)?)
    }

    fn descriptor(&mut self, index: usize) -> Result<OwnedFd> {
        let descriptor = self.parts.descriptors.get_mut(index).and_then(Option::take);
        Ok(descriptor.ok_or(Malformed::Index)?)
    }

    fn import(&self, name: &PyRef<PyStr>) -> Result {
        let vm = self.vm;
        if let Some(module) = self.modules.get_item_opt(&**name, vm)? {
            return Ok(module);
        }
        vm.import(name, 0)?;
        Ok(self.modules.get_item(&**name, vm)?)
    }

    fn reference(&self, module: &PyRef<PyStr>, name: &PyRef<PyStr>) -> Result {
        let mut found = self.import(module)?;
        let name = name.to_str().ok_or(Malformed::Text)?;
        for part in name.split('.') {
            found = found.get_attr(&self.vm.ctx.new_str(part), self.vm)?;
        }
        Ok(found)
    }

    fn module(&mut self) -> Result {
        let name = self.text()?;
        let module = self.import(&name)?;
        for _ in 0..self.reader.count(1)? {
            let name = self.text()?;
            self.import(&name)?;
        }
        Ok(module)
    }

    fn cell(&mut self) -> Result {
        let place = self.reserve(true);
        let kind = self.vm.ctx.types.cell_type.to_owned();
        let cell = kind.as_object().call((), self.vm)?;
        Ok(self.made(place, cell))
    }

    fn fill_cell(&mut self, cell: &PyObjectRef) -> Result<()> {
        if let Some(content) = self.value_or_end()? {
            cell.set_attr("cell_contents", content, self.vm)?;
        }
        Ok(())
    }

    /// The globals of a function to come.
    fn globals(&mut self) -> Result<PyDictRef> {
        let vm = self.vm;
        let (tag, _) = self.reader.tag()?;
        let module = match tag {
            Tag::None => self.modules.get_item("__main__", vm)?,
            Tag::Module => self.module()?,
            Tag::Globals => {
                let place = self.reserve(true);
                let globals = vm.ctx.new_dict();
                globals.set_item("__builtins__", vm.builtins.clone().into(), vm)?;
                self.made(place, globals.clone());
                return Ok(globals);
            }
            Tag::Again => {
                let index = self.reader.index()?;
                let made = self.counted.get(index).and_then(Option::clone);
                let made = made.ok_or(Malformed::Index)?;
                return made
                    .downcast_exact::<PyDict>(vm)
                    .map(|dict| dict.into_pyref())
                    .map_err(|_| Malformed::Unexpected(tag).into());
            }
            _ => return Err(Malformed::Unexpected(tag).into()),
        };
        module
            .dict()
            .ok_or_else(|| Malformed::Unexpected(tag).into())
    }

    /// A function by value; `function.rs` says how it is laid out.
    fn function(&mut self) -> Result {
        let vm = self.vm;
        let place = self.reserve(true);
        let code = self.value()?;
        let globals = self.globals()?;
        let mut cells = Vec::new();
        let mut new = Vec::new();
        for _ in 0..self.reader.count(1)? {
            let (tag, _) = self.reader.tag()?;
            cells.push(match tag {
                Tag::Cell => {
                    let cell = self.cell()?;
                    new.push(cell.clone());
                    cell
                }
                Tag::Again => {
                    let index = self.reader.index()?;
                    let made = self.counted.get(index).and_then(Option::clone);
                    made.ok_or(Malformed::Index)?
                }
                _ => return Err(Malformed::Unexpected(tag).into()),
            });
        }
        let kind = vm.ctx.types.function_type.to_owned();
        let none = vm.ctx.none();
        let closure = if cells.is_empty() {
            none.clone()
        } else {
            vm.ctx.new_tuple(cells).into()
        };
        let Some(inner) = code.downcast_ref_if_exact::<PyCode>(vm) else {
            return Err(Malformed::Unexpected(Tag::Function).into());
        };
        let (name, qualified) = (inner.code.obj_name, inner.code.qualname);
        let own_name = name.as_str();
        let name = name.to_owned().into();
        let arguments = vec![code, globals.clone().into(), name, none, closure];
        let function = kind.as_object().call(arguments, vm)?;
        self.made(place, function.clone());

        for attribute in ["__name__", "__qualname__", "__module__", "__defaults__"] {
            match self.value_or_end()? {
                Some(value) => function.set_attr(attribute, value, vm)?,
                // The constructor takes the name for both.
                None if attribute == "__qualname__" && qualified.as_str() != own_name => {
                    function.set_attr(attribute, qualified.to_owned(), vm)?;
                }
                None => {}
            }
        }
        for attribute in ["__kwdefaults__", "__doc__"] {
            if let Some(value) = self.value_or_end()? {
                function.set_attr(attribute, value, vm)?;
            }
        }
        if let Some(attributes) = self.value_or_end()? {
            let attributes: PyDictRef = attributes
                .downcast()
                .map_err(|_| Malformed::Unexpected(Tag::Function))?;
            for (name, value) in attributes.items_vec() {
                let name: PyRef<PyStr> = name
                    .downcast()
                    .map_err(|_| Malformed::Unexpected(Tag::Function))?;
                function.set_attr(&name, value, vm)?;
            }
        }
        while let Some(name) = self.value_or_end()? {
            let value = self.value()?;
            globals.set_item(&*name, value, vm)?;
        }
        for cell in new {
            self.fill_cell(&cell)?;
        }
        Ok(function)
    }

    fn object(&mut self) -> Result {
        let vm = self.vm;
        let maker = self.value()?;
        let arguments = self.value()?;
        let Some(arguments) = arguments.downcast_ref_if_exact::<PyTuple>(vm) else {
            return Err(Malformed::Unexpected(Tag::Object).into());
        };
        let object = maker.call(arguments.as_slice().to_vec(), vm)?;
        let place = self.reserve(true);
        self.made(place, object.clone());
        let mut items = Vec::new();
        while let Some(item) = self.value_or_end()? {
            items.push(item);
        }
        if !items.is_empty() {
            match object.get_attr("extend", vm) {
                Ok(extend) => {
                    extend.call((vm.ctx.new_list(items),), vm)?;
                }
                Err(_) => {
                    let append = object.get_attr("append", vm)?;
                    for item in items {
                        append.call((item,), vm)?;
                    }
                }
            }
        }
        while let Some(key) = self.value_or_end()? {
            let value = self.value()?;
            object.set_item(&*key, value, vm)?;
        }
        let state = self.value_or_end()?;
        let setter = self.value_or_end()?;
        if let Some(state) = state {
            self.set_state(&object, state, setter)?;
        }
        Ok(object)
    }

    /// As `pickle` does it: by the setter, by `__setstate__`, or attribute by attribute.
    fn set_state(
        &self,
        object: &PyObjectRef,
        state: PyObjectRef,
        setter: Option<PyObjectRef>,
    ) -> Result<()> {
        let vm = self.vm;
        if let Some(setter) = setter {
            setter.call((object.clone(), state), vm)?;
            return Ok(());
        }
        if let Some(set_state) = vm.get_attribute_opt(object, "__setstate__")? {
            set_state.call((state,), vm)?;
            return Ok(());
        }
        let (attributes, slots) = match state.downcast_ref_if_exact::<PyTuple>(vm) {
            Some(pair) if pair.as_slice().len() == 2 => {
                (pair.as_slice()[0].clone(), pair.as_slice()[1].clone())
            }
            _ => (state, vm.ctx.none()),
        };
        for part in [attributes, slots] {
            if vm.is_none(&part) {
                continue;
            }
            let part: PyDictRef = part
                .downcast()
                .map_err(|_| Malformed::Unexpected(Tag::Object))?;
            for (name, value) in part.items_vec() {
                let name: PyRef<PyStr> = name
                    .downcast()
                    .map_err(|_| Malformed::Unexpected(Tag::Object))?;
                // As pickle: around any __setattr__ where there is a dictionary.
                match object.dict() {
                    Some(dict)
                        if object
                            .class()
                            .get_attr(vm.ctx.intern_str(&*name.to_string_lossy()))
                            .is_none() =>
                    {
                        dict.set_item(&*name, value, vm)?;
                    }
                    _ => object.set_attr(&name, value, vm)?,
                }
            }
        }
        Ok(())
    }
}
