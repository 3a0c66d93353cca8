//! Entry by entry: what each takes over from those before it, and the directives.

use std::collections::HashMap;
use std::rc::Rc;

use super::super::{Concern, RecordError, Zone, ZoneBuilder};
use super::generate::Generate;
use super::include::Files;
use super::lexer::{Entry, Lexer, Word};
use super::{Loaded, MasterFileError, Mistake, Remark, fields, name};
use crate::name::Name;
use crate::rdata::RData;
use crate::record_type::RecordType;
use crate::ttl::Ttl;

/// Where something stands.
#[derive(Clone)]
struct Place {
    file: Rc<str>,
    line: u32,
}

/// Owner in lower case and type.
type SetKey = (Box<[u8]>, RecordType);

/// What one entry takes over from those before it.
pub(super) struct Reader<'f> {
    builder: ZoneBuilder,
    files: &'f mut dyn Files,
    /// Files open, one in another.
    depth: u32,
    generated: u32,
    origin: Name,
    owner: Option<Name>,
    default_ttl: Option<Ttl>,
    last_ttl: Option<Ttl>,
    /// Where the first record of each owner and type stands, and its TTL.
    places: HashMap<SetKey, (Place, Ttl)>,
    remarks: Vec<Remark>,
}

impl<'f> Reader<'f> {
    pub(super) fn new(origin: &Name, files: &'f mut dyn Files) -> Reader<'f> {
        Reader {
            builder: Zone::builder(origin.clone()),
            files,
            depth: 0,
            generated: 0,
            origin: origin.clone(),
            owner: None,
            default_ttl: None,
            last_ttl: None,
            places: HashMap::new(),
            remarks: Vec::new(),
        }
    }

    /// Reads a whole file; returns its last line.
    pub(super) fn read(&mut self, file: &str, text: &str) -> Result<u32, MasterFileError> {
        let named = |error: MasterFileError| MasterFileError { file: file.to_owned(), ..error };
        let shared: Rc<str> = file.into();
        let (mut lexer, mut line) = (Lexer::new(text), 1);
        while let Some(entry) = lexer.entry().map_err(named)? {
            line = entry.line;
            let place = Place { file: Rc::clone(&shared), line };
            let at = |mistake| named(MasterFileError::at(line, mistake));
            let first = entry.words[0];
            let directive = first.text.starts_with('$') && !first.quoted && !entry.indented;
            if directive && first.text.eq_ignore_ascii_case("$INCLUDE") {
                let (file, text, origin) = self.open(&place, &entry.words[1..]).map_err(at)?;
                self.include(&file, &text, origin)?;
            } else if directive {
                self.directive(first.text, &entry.words[1..], &place).map_err(at)?;
            } else {
                self.entry(&entry, &place).map_err(at)?;
            }
        }
        Ok(line)
    }

    /// Ends the reading without looking at what records say of each other.
    pub(super) fn build(self, file: &str, line: u32) -> Result<Zone, MasterFileError> {
        let wrong =
            |error| MasterFileError { file: file.to_owned(), line, mistake: Mistake::Zone(error) };
        self.builder.build().map_err(wrong)
    }

    /// Ends the reading: is what was read a zone?
    pub(super) fn finish(self, file: &str, line: u32) -> Result<Loaded, MasterFileError> {
        let Reader { builder, places, mut remarks, .. } = self;
        let whole = Place { file: file.into(), line };
        let place = |owner: &Name, rtype: RecordType| {
            let known = places.get(&(owner.folded().as_wire().into(), rtype));
            known.map_or_else(|| whole.clone(), |(place, _)| place.clone())
        };
        let wrong = |error: crate::zone::ZoneError| {
            let (owner, rtype) = error.place();
            let Place { file, line } = place(owner, rtype);
            MasterFileError { file: (*file).to_owned(), line, mistake: Mistake::Zone(error) }
        };
        let zone = builder.build().map_err(wrong)?;
        for (owner, rtype, concern) in zone.check().map_err(wrong)? {
            let Place { file, line } = place(&owner, rtype);
            remarks.push(Remark { file: (*file).to_owned(), line, concern });
        }
        Ok(Loaded { zone, remarks, files: Vec::new() })
    }

    fn open(
        &mut self,
        place: &Place,
        arguments: &[Word<'_>],
    ) -> Result<(String, String, Name), Mistake> {
        let (path, origin) = match arguments {
            [path] => (path, self.origin.clone()),
            [path, origin] => (path, name(origin, &self.origin)?),
            _ => return Err(Mistake::Argument("$INCLUDE", "a file and perhaps an origin")),
        };
        if self.depth >= DEEPEST {
            return Err(Mistake::TooDeep(DEEPEST));
        }
        let path = fields::unescape(path.text).and_then(|path| String::from_utf8(path).ok());
        let path = path.ok_or(Mistake::Argument("$INCLUDE", "the name of a file"))?;
        let (file, text) = self.files.open(&place.file, &path)?;
        Ok((file, text, origin))
    }

    /// Origin and owner are the including file's again afterwards (RFC 1035 §5.1).
    fn include(&mut self, file: &str, text: &str, origin: Name) -> Result<(), MasterFileError> {
        let outer = (std::mem::replace(&mut self.origin, origin), self.owner.clone());
        self.depth += 1;
        self.read(file, text)?;
        self.depth -= 1;
        (self.origin, self.owner) = outer;
        Ok(())
    }

    fn directive(
        &mut self,
        word: &str,
        arguments: &[Word<'_>],
        place: &Place,
    ) -> Result<(), Mistake> {
        match word.to_ascii_uppercase().as_str() {
            "$ORIGIN" => match arguments {
                [origin] => self.origin = name(origin, &self.origin)?,
                _ => return Err(Mistake::Argument("$ORIGIN", "exactly one name")),
            },
            "$TTL" => match arguments {
                [ttl] => self.default_ttl = Some(time(ttl.text)?),
                _ => return Err(Mistake::Argument("$TTL", "exactly one time to live")),
            },
            "$GENERATE" => self.generate(&Generate::parse(arguments)?, place)?,
            _ => return Err(Mistake::Directive(word.to_owned())),
        }
        Ok(())
    }

    fn generate(&mut self, generate: &Generate, place: &Place) -> Result<(), Mistake> {
        self.generated += generate.count();
        if self.generated > MOST_GENERATED {
            return Err(Mistake::TooMuch("1048576 generated records"));
        }
        let owner = self.owner.clone();
        for line in generate.lines() {
            let line = line?;
            let mut lexer = Lexer::new(&line);
            match lexer.entry().map_err(|error| error.mistake)? {
                Some(entry) if entry.words.len() > 2 => self.entry(&entry, place)?,
                _ => return Err(Mistake::Generate("an owner, a type and data")),
            }
        }
        self.owner = owner;
        Ok(())
    }

    fn entry(&mut self, entry: &Entry<'_>, place: &Place) -> Result<(), Mistake> {
        let mut words = &entry.words[..];
        if !entry.indented {
            self.owner = Some(name(&words[0], &self.origin)?);
            words = &words[1..];
        }
        self.record(words, place)
    }

    /// TTL and class come in either order, and either may be missing (RFC 1035 §5.1).
    fn record(&mut self, mut words: &[Word<'_>], place: &Place) -> Result<(), Mistake> {
        let (mut ttl, mut class) = (None, false);
        let rtype = loop {
            let (word, rest) = words.split_first().ok_or(Mistake::NoType)?;
            words = rest;
            let text = word.text;
            if ttl.is_none() && text.starts_with(|c: char| c.is_ascii_digit()) {
                ttl = Some(time(text)?);
            } else if !class && is_class(text) {
                class = true;
                if !text.eq_ignore_ascii_case("IN") && !text.eq_ignore_ascii_case("CLASS1") {
                    return Err(Mistake::Class(text.to_owned()));
                }
            } else {
                let why = |why| Mistake::Type { text: text.to_owned(), why };
                break text.parse::<RecordType>().map_err(why)?;
            }
        };
        let rdata = fields::encode(rtype, words, &self.origin)?;
        let ttl = match ttl.or(self.default_ttl).or(self.last_ttl) {
            Some(ttl) => ttl,
            None => soa_minimum(rtype, &rdata).ok_or(Mistake::NoTtl)?,
        };
        self.last_ttl = Some(ttl);
        let owner = self.owner.as_ref().ok_or(Mistake::NoOwner)?;
        match self.builder.record(owner, ttl, rtype, &rdata) {
            Ok(()) => self.note(place, ttl, rtype),
            // As BIND does: what belongs to another zone is left out, and said.
            Err(RecordError::OutOfZone { owner, .. }) => {
                let (file, concern) = ((*place.file).to_owned(), Concern::OutOfZone(owner));
                self.remarks.push(Remark { file, line: place.line, concern });
            }
            Err(error) => return Err(Mistake::Record(error)),
        }
        Ok(())
    }

    /// Remembers where the record stands, and says when its TTL is not that of its set.
    fn note(&mut self, place: &Place, ttl: Ttl, rtype: RecordType) {
        let Some(owner) = &self.owner else { return };
        let key = (owner.folded().as_wire().into(), rtype);
        let (_, first) = self.places.entry(key).or_insert_with(|| (place.clone(), ttl));
        // Signatures have the TTLs of what they sign (RFC 4034 §3).
        if *first != ttl && rtype != RecordType::RRSIG {
            let concern = Concern::TtlMismatch { owner: owner.clone(), rtype };
            let file = (*place.file).to_owned();
            self.remarks.push(Remark { file, line: place.line, concern });
        }
    }
}

/// Before `$TTL` existed MINIMUM was the default; a SOA without any TTL still takes it (RFC 2308 §4).
fn soa_minimum(rtype: RecordType, rdata: &[u8]) -> Option<Ttl> {
    match RData::read(rdata, 0, rdata.len(), rtype) {
        Ok(RData::Soa(soa)) => Some(soa.minimum),
        _ => None,
    }
}

fn time(text: &str) -> Result<Ttl, Mistake> {
    text.parse().map_err(|why| Mistake::Ttl { text: text.to_owned(), why })
}

fn is_class(text: &str) -> bool {
    ["IN", "CH", "HS", "CS"].iter().any(|class| class.eq_ignore_ascii_case(text))
        || text.get(..5).is_some_and(|prefix| prefix.eq_ignore_ascii_case("CLASS"))
}

/// Files one in another; BIND has no bound, people have one or two.
const DEEPEST: u32 = 16;
/// Records that `$GENERATE` makes in one zone.
const MOST_GENERATED: u32 = 1 << 20;
