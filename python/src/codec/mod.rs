//! Python values as messages, and back: what channels carry, and what processes are
//! given and answer.
//!
//! [`encode`] takes any graph of objects: exact builtin types in a compact form; functions
//! and classes by name where they can be imported, else by value; all else as its
//! `__reduce_ex__` says, as pickle would. What occurs twice, or within itself, arrives so.
//! Large bytes are not copied into the message but become ranges of it; a `Descriptor`
//! becomes a descriptor of it. [`decode`] is the way back. Bytes that are no value are a
//! `ValueError`, never a panic; but a value may name functions to call and hold code, so
//! it is only for those whom one trusts, as a pickle is.
//!
//! Not here: how a message travels (`message.rs`).

mod decode;
mod encode;
mod format;
mod function;

use std::os::fd::OwnedFd;

use rustpython_vm::PyObjectRef;

pub(crate) use decode::{decode, modules};
pub(crate) use encode::encode;
pub(crate) use format::IN_RANGE;

/// Bytes that are sent from where they lie. Whoever holds it keeps them there.
pub(crate) struct Piece {
    pub(crate) address: usize,
    pub(crate) length: usize,
    pub(crate) holder: Holder,
}

/// What keeps a piece's bytes in their place.
pub(crate) enum Holder {
    Object(PyObjectRef),
    Buffer(rustpython_vm::protocol::PyBuffer),
    Block(Vec<u8>),
}

/// An encoded value, ready to be sent.
#[derive(Default)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) pieces: Vec<Piece>,
    /// The sender's, which stay open.
    pub(crate) descriptors: Vec<i32>,
    /// Keeps the descriptors open meanwhile.
    pub(crate) holders: Vec<PyObjectRef>,
}

/// A range that arrived.
pub(crate) enum Arrived {
    Block(Vec<u8>),
    Bytes(PyObjectRef),
}

/// What came with the bytes of a value. What the value does not take is dropped.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) ranges: Vec<Option<Arrived>>,
    pub(crate) descriptors: Vec<Option<OwnedFd>>,
}
