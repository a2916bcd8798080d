//! Frozen memory as a file has it ([`formats::saved`]): described for one, and made of one.
//!
//! A page is in the file where it differs from what its area shows at first. What a process
//! had seen of its program is named by the place in the program's file, so that it is mapped
//! from the start. A page of zeros of an area of zeros is left out. In the machine that boots
//! with the file, its pages are the boot archive's own: nothing is copied.

use std::sync::Arc;

use formats::saved::{self, Pages, Run, State};
use x86_64::PhysAddr;

use super::area::{Area, AreaMap, AreaName, AtFork, Backing, Protection};
use super::frame::Frame;
use super::frozen::{FrozenSpace, FrozenTables};
use super::object::MemoryObject;
use super::space::leaf_flags;
use super::trace::Trace;
use super::written::Written;
use super::{PAGE_SIZE, direct};
use crate::errno::{Errno, Result};

const PAGE: u64 = PAGE_SIZE as u64;

/// What a file says of frozen memory, and the frames of the pages in it, in their order.
pub struct Image {
    /// [`State::areas`].
    pub areas: Vec<saved::Area>,
    /// [`State::runs`].
    pub runs: Vec<Run>,
    /// The stored pages. They stay as long as the space that they are of.
    pub pages: Vec<PhysAddr>,
}

/// The bytes of a frozen page.
///
/// # Safety
/// The space that has it is kept meanwhile.
#[must_use]
pub unsafe fn page_bytes<'a>(physical: PhysAddr) -> &'a [u8] {
    // SAFETY: a whole frame in the direct map, which nobody writes while a frozen space has
    // it: who borrows it copies it first.
    unsafe { core::slice::from_raw_parts(direct::pointer(physical), PAGE_SIZE) }
}

impl FrozenSpace {
    /// As a file has it, whose program is `program`.
    ///
    /// # Errors
    /// `EINVAL`: there are mappings that are shared, or of other files, or not for children.
    /// `ENOMEM`.
    pub fn image(&self, program: &MemoryObject) -> Result<Image> {
        let areas = self.areas.iter().map(|area| describe(area, program));
        let areas = areas.collect::<Option<_>>().ok_or(Errno::EINVAL)?;
        let mut image = Image {
            areas,
            runs: Vec::new(),
            pages: Vec::new(),
        };
        let mut result = Ok(());
        self.tables.for_each_page(&mut |address, frame| {
            if result.is_ok() {
                result = image.add(self.areas.find(address), address, frame, program);
            }
        });
        result.map(|()| image)
    }

    /// The memory of a file, whose stored pages the boot archive has from physical address
    /// `stored` on, with the program's memory and path.
    ///
    /// # Errors
    /// `EINVAL`: the program is shorter than the file has it. `ENOMEM`.
    pub fn from_archive(
        state: &State,
        stored: u64,
        program: &Arc<MemoryObject>,
        path: &Arc<[u8]>,
    ) -> Result<Arc<Self>> {
        program.note_mapped();
        let mut areas = AreaMap::default();
        for area in &state.areas {
            areas.insert(area_of(area, program, path));
        }
        let mut tables = FrozenTables::empty()?;
        for run in &state.runs {
            let area = areas.find(run.start as usize).ok_or(Errno::EINVAL)?;
            let flags = leaf_flags(area.protection, false);
            for number in 0..run.count {
                let frame = match run.pages {
                    Pages::Stored(first) => {
                        Frame::from_boot_archive(stored + (first + number) * PAGE)
                    }
                    Pages::Program(offset) => {
                        let offset = offset + number * PAGE;
                        if offset >= program.length() {
                            return Err(Errno::EINVAL);
                        }
                        program.page_for_reading(offset / PAGE)?
                    }
                };
                tables.put((run.start + number * PAGE) as usize, frame, flags)?;
            }
        }
        let [break_start, break_end, mmap_top] = state.layout.map(|address| address as usize);
        Ok(Arc::new(Self {
            tables,
            areas: Arc::new(areas),
            break_start,
            break_end,
            mmap_top,
            written: Written::new(),
            trace: Trace::new(),
        }))
    }

    /// [`State::layout`].
    #[must_use]
    pub fn layout(&self) -> [u64; 3] {
        [self.break_start, self.break_end, self.mmap_top].map(|address| address as u64)
    }
}

impl Image {
    /// Adds the page at `address`.
    fn add(
        &mut self,
        area: Option<&Area>,
        address: usize,
        frame: PhysAddr,
        program: &MemoryObject,
    ) -> Result<()> {
        let place = match area.map(|area| (area, &area.backing)) {
            None => return Err(Errno::EINVAL),
            Some((area, Backing::Object(_, offset))) => {
                let page = area.object_page(*offset, address);
                let shown = program.page_for_reading(page)?;
                (shown.physical() == frame).then_some(Pages::Program(page * PAGE))
            }
            // SAFETY: the space that is described has the frame.
            Some((_, Backing::Anonymous)) if unsafe { is_zeros(frame) } => return Ok(()),
            Some((_, Backing::Anonymous)) => None,
        };
        let pages = place.unwrap_or(Pages::Stored(self.pages.len() as u64));
        if let Pages::Stored(_) = pages {
            self.pages.push(frame);
        }
        let start = address as u64;
        let continues = |run: &&mut Run| {
            let next = match run.pages {
                Pages::Stored(first) => Pages::Stored(first + run.count),
                Pages::Program(offset) => Pages::Program(offset + run.count * PAGE),
            };
            let is_in_area = area.is_some_and(|area| area.start as u64 <= run.start);
            run.start + run.count * PAGE == start && next == pages && is_in_area
        };
        match self.runs.last_mut().filter(continues) {
            Some(run) => run.count += 1,
            None => self.runs.push(Run {
                start,
                count: 1,
                pages,
            }),
        }
        Ok(())
    }
}

/// # Safety
/// As [`page_bytes`].
unsafe fn is_zeros(frame: PhysAddr) -> bool {
    // SAFETY: the caller's promise.
    unsafe { page_bytes(frame) }.iter().all(|byte| *byte == 0)
}

/// An area as a file has it; None where it cannot have it.
fn describe(area: &Area, program: &MemoryObject) -> Option<saved::Area> {
    if area.is_shared || !area.at_fork.is_empty() {
        return None;
    }
    let backing = match &area.backing {
        Backing::Anonymous => saved::Backing::Zeros,
        Backing::Object(object, offset) if object.id() == program.id() => {
            saved::Backing::Program(*offset)
        }
        Backing::Object(..) => return None,
    };
    Some(saved::Area {
        start: area.start as u64,
        end: area.end as u64,
        protection: area.protection.bits(),
        allowed: area.allowed.bits(),
        backing,
        name: match area.name {
            AreaName::None => saved::Name::None,
            AreaName::Heap => saved::Name::Heap,
            AreaName::Stack => saved::Name::Stack,
            AreaName::File(_) => saved::Name::Program,
        },
    })
}

fn area_of(area: &saved::Area, program: &Arc<MemoryObject>, path: &Arc<[u8]>) -> Area {
    Area {
        start: area.start as usize,
        end: area.end as usize,
        protection: Protection::from_bits_truncate(area.protection),
        allowed: Protection::from_bits_truncate(area.allowed),
        is_shared: false,
        backing: match area.backing {
            saved::Backing::Zeros => Backing::Anonymous,
            saved::Backing::Program(offset) => Backing::Object(program.clone(), offset),
        },
        name: match area.name {
            saved::Name::None => AreaName::None,
            saved::Name::Heap => AreaName::Heap,
            saved::Name::Stack => AreaName::Stack,
            saved::Name::Program => AreaName::File(path.clone()),
        },
        at_fork: AtFork::empty(),
    }
}
