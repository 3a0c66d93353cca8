//! Zones from master files (RFC 1035 §5, RFC 2308 §4, RFC 3597 §5), and back into them.

mod mistake;
mod lexer;
mod include;
mod generate;
mod instant;
mod fields;
mod location;
mod prefixes;
mod parameters;
mod print;
mod reader;

use std::path::{Path, PathBuf};

pub use mistake::{MasterFileError, Mistake};

use super::{Concern, Zone};
use crate::name::Name;
use include::{Below, NoFiles};
use lexer::Word;
use reader::Reader;

/// A zone from files, and what was noticed on the way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The zone.
    pub zone: Zone,
    /// What is not wrong enough to refuse the zone.
    pub remarks: Vec<Remark>,
    /// Every file that was read, the first one first, links followed.
    pub files: Vec<PathBuf>,
}

/// Something in a master file that is most likely not meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {concern}")]
pub struct Remark {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// What it is.
    pub concern: Concern,
}

impl Zone {
    /// Reads the zone at `origin` from the text of a master file. `file` is only for errors. There is no
    /// `$INCLUDE` here ([`Mistake::NoDirectory`]); [`Zone::load`] has it. Remarks are dropped.
    ///
    /// # Errors
    /// The first thing wrong, with file, line and mend. There is no half-read zone.
    pub fn from_master_file(
        origin: &Name,
        file: &str,
        text: &str,
    ) -> Result<Zone, MasterFileError> {
        let mut files = NoFiles;
        let mut reader = Reader::new(origin, &mut files);
        let line = reader.read(file, text)?;
        Ok(reader.finish(file, line)?.zone)
    }

    /// The same for what a primary has sent and [`Zone::to_master_file`] has written: such a zone is its primary's
    /// to mend, so that only its shape is looked at.
    ///
    /// # Errors
    /// The first thing wrong, with file, line and mend.
    pub fn from_saved(origin: &Name, file: &str, text: &str) -> Result<Zone, MasterFileError> {
        let mut files = NoFiles;
        let mut reader = Reader::new(origin, &mut files);
        let line = reader.read(file, text)?;
        reader.build(file, line)
    }

    /// Reads the zone at `origin` from `file` and the files it includes, all of which must lie below `root`
    /// after links are followed. Relative names in `$INCLUDE` stand beside the file that has them. Blocks.
    ///
    /// # Errors
    /// The first thing wrong, with file, line and mend.
    pub fn load(origin: &Name, file: &Path, root: &Path) -> Result<Loaded, MasterFileError> {
        let name = file.display().to_string();
        let unread = |mistake| MasterFileError { file: name.clone(), line: 1, mistake };
        let mut below = Below::new(root).map_err(unread)?;
        let text = below.read(file).map_err(unread)?;
        let mut reader = Reader::new(origin, &mut below);
        let line = reader.read(&name, &text)?;
        let loaded = reader.finish(&name, line)?;
        Ok(Loaded { files: below.opened, ..loaded })
    }
}

fn name(word: &Word<'_>, origin: &Name) -> Result<Name, Mistake> {
    let wrong = |why| Mistake::Name { text: word.text.to_owned(), why };
    Name::parse_relative(word.text, origin).map_err(wrong)
}
