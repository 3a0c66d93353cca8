//! From the tree to instructions, from left to right, each primitive as it is written.

use super::assemble::{Assembler, Label, MAX_INSTRUCTIONS};
use super::expr::{Expr, Joint, Layer, Protocol};
use super::layout::Layout;
use super::machine::{Instruction, RET, run};
use super::primitive::Coder;
use crate::packet::LinkType;

/// A compiled filter: for one link type, with one length to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    instructions: Box<[Instruction]>,
    link: LinkType,
    text: Box<str>,
}

impl Program {
    /// Whether a whole frame matches. Runs the instructions here; does not allocate.
    pub fn matches(&self, frame: &[u8]) -> bool {
        self.accepted(frame, u32::try_from(frame.len()).unwrap_or(u32::MAX)) > 0
    }

    /// How many bytes to keep of a frame that had `original_len` bytes before it was cut: 0 when it
    /// does not match, else at most `frame.len()`.
    pub fn accepted(&self, frame: &[u8], original_len: u32) -> usize {
        frame.len().min(run(&self.instructions, frame, original_len) as usize)
    }

    /// At least one and at most [`MAX_INSTRUCTIONS`].
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// What the frames must start with.
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// The filter's canonical text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Why a filter has no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// Where IP starts is not known for this link.
    #[error("cannot filter frames of link type {}", .0.number())]
    UnknownLink(LinkType),
    /// More instructions than the kernel takes.
    #[error("the filter needs {needed} instructions or more, the kernel takes {max}: shorten it")]
    TooLong {
        /// How many there were when compiling stopped.
        needed: usize,
        /// How many there may be.
        max: usize,
    },
    /// `arp` where there is only IP.
    #[error("the filter matches nothing on link type {}, which carries no ARP", .0.number())]
    NeverMatches(LinkType),
    /// Nothing would be kept of a match.
    #[error("a snaplen of 0 keeps nothing: use 262144 for whole frames")]
    ZeroSnaplen,
}

impl CompileError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::UnknownLink(_) => "unknown_link",
            Self::TooLong { .. } => "too_long",
            Self::NeverMatches(_) => "never_matches",
            Self::ZeroSnaplen => "zero_snaplen",
        }
    }
}

pub(super) fn compile(expr: &Expr, link: LinkType, snaplen: u32) -> Result<Program, CompileError> {
    if snaplen == 0 {
        return Err(CompileError::ZeroSnaplen);
    }
    let layout = Layout::of(link).ok_or(CompileError::UnknownLink(link))?;
    if constant(expr, &layout) == Some(false) {
        return Err(CompileError::NeverMatches(link));
    }
    let mut out = Coder { code: Assembler::default(), layout };
    let (keep, reject) = (out.code.label(), out.code.label());
    code(&mut out, expr, keep, reject)?;
    out.code.bind(keep);
    out.code.plain(RET, snaplen);
    out.code.bind(reject);
    out.code.plain(RET, 0);
    let instructions = out.code.finish();
    if instructions.len() > MAX_INSTRUCTIONS {
        return Err(too_long(instructions.len()));
    }
    let text = expr.to_string().into();
    Ok(Program { instructions: instructions.into(), link, text })
}

fn too_long(needed: usize) -> CompileError {
    CompileError::TooLong { needed, max: MAX_INSTRUCTIONS }
}

/// What does not depend on the frame: all that needs ARP where there is none.
fn constant(expr: &Expr, layout: &Layout) -> Option<bool> {
    match expr {
        Expr::Protocol(Protocol::Layer(Layer::Arp))
        | Expr::Address { layer: Some(Layer::Arp), .. }
            if !layout.has_arp() =>
        {
            Some(false)
        }
        Expr::Not(inner) => constant(inner, layout).map(|value| !value),
        Expr::Chain(first, rest) => {
            rest.iter().fold(constant(first, layout), |left, (joint, expr)| {
                // What decides alone: false in a conjunction, true in an alternative.
                let decisive = *joint == Joint::Or;
                match (left, constant(expr, layout)) {
                    (Some(l), _) if l == decisive => left,
                    (_, Some(r)) if r == decisive => Some(r),
                    (Some(_), right) => right,
                    (None, _) => None,
                }
            })
        }
        _ => None,
    }
}

/// Code that goes on at `yes` or at `no`, both of which are bound behind it.
fn code(out: &mut Coder, expr: &Expr, yes: Label, no: Label) -> Result<(), CompileError> {
    match expr {
        Expr::Protocol(protocol) => out.protocol(*protocol, yes, no),
        Expr::Address { layer, side, net } => out.address(*layer, *side, *net, yes, no),
        Expr::Port { transport, side, low, high } => {
            out.ports(*transport, *side, (*low, *high), yes, no);
        }
        Expr::AtMost(bytes) => out.at_most(*bytes, yes, no),
        Expr::AtLeast(bytes) => out.at_least(*bytes, yes, no),
        Expr::Not(inner) => code(out, inner, no, yes)?,
        Expr::Chain(first, rest) => chain(out, first, rest, yes, no)?,
    }
    // Stops early: the text may be any length.
    match out.code.len() {
        needed if needed > MAX_INSTRUCTIONS => Err(too_long(needed)),
        _ => Ok(()),
    }
}

/// `a or b and c`: where `a` holds, `b` is passed over, not `c`.
fn chain(
    out: &mut Coder,
    first: &Expr,
    rest: &[(Joint, Expr)],
    yes: Label,
    no: Label,
) -> Result<(), CompileError> {
    // From the end: where each link goes when all up to it is true, and when it is false.
    let mut exits = vec![(yes, no)];
    let mut starts = Vec::with_capacity(rest.len());
    let (mut when_true, mut when_false) = (yes, no);
    for (joint, _) in rest.iter().rev() {
        let next = out.code.label();
        match joint {
            Joint::And => when_true = next,
            Joint::Or => when_false = next,
        }
        exits.push((when_true, when_false));
        starts.push(next);
    }
    let mut exits = exits.into_iter().rev();
    let mut link = |out: &mut Coder, expr: &Expr| {
        let (when_true, when_false) = exits.next().expect("one for each link");
        code(out, expr, when_true, when_false)
    };
    link(out, first)?;
    for ((_, expr), start) in rest.iter().zip(starts.into_iter().rev()) {
        out.code.bind(start);
        link(out, expr)?;
    }
    Ok(())
}
