//! Labels to distances. A conditional jump reaches 255 instructions; where a label is farther, the
//! jump goes to an unconditional one right behind it, which reaches everywhere.

use super::machine::{Instruction, JA, JMP};

/// The most instructions that Linux takes in one program (`BPF_MAXINSNS`).
pub const MAX_INSTRUCTIONS: usize = 4096;

/// A place that is bound later than every jump to it: programs only go forward.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

#[derive(Debug, Default)]
pub(super) struct Assembler {
    ops: Vec<Op>,
    /// Of each label the op it stands before.
    bound: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Plain { code: u16, k: u32 },
    Goto(Label),
    Branch { code: u16, k: u32, yes: Label, no: Label },
}

/// How an op is laid out: where, and which of its two jumps need help.
#[derive(Clone, Copy, Default)]
struct Place {
    at: usize,
    far_yes: bool,
    far_no: bool,
}

impl Assembler {
    pub(super) fn label(&mut self) -> Label {
        self.bound.push(usize::MAX);
        Label(self.bound.len() - 1)
    }

    /// The label stands before what comes next.
    pub(super) fn bind(&mut self, label: Label) {
        self.bound[label.0] = self.ops.len();
    }

    pub(super) fn plain(&mut self, code: u16, k: u32) {
        self.ops.push(Op::Plain { code, k });
    }

    pub(super) fn goto(&mut self, to: Label) {
        self.ops.push(Op::Goto(to));
    }

    pub(super) fn branch(&mut self, code: u16, k: u32, yes: Label, no: Label) {
        self.ops.push(Op::Branch { code: JMP | code, k, yes, no });
    }

    /// How long the program is at least.
    pub(super) fn len(&self) -> usize {
        self.ops.len()
    }

    /// The instructions, however many.
    pub(super) fn finish(self) -> Vec<Instruction> {
        let places = self.places();
        let mut out = Vec::with_capacity(places.last().map_or(0, |end| end.at));
        for (op, place) in self.ops.iter().zip(&places) {
            let distance = |from: usize, to: Label| {
                let target = places[self.bound[to.0]].at;
                target.checked_sub(from + 1).expect("labels are bound behind their jumps") as u32
            };
            match *op {
                Op::Plain { code, k } => out.push(Instruction { code, jt: 0, jf: 0, k }),
                Op::Goto(to) => out.push(jump(distance(place.at, to))),
                Op::Branch { code, k, yes, no } => {
                    // The helpers stand right behind: first that of `yes`, then that of `no`.
                    let helper_no = u32::from(place.far_yes);
                    let jt = if place.far_yes { 0 } else { distance(place.at, yes) };
                    let jf = if place.far_no { helper_no } else { distance(place.at, no) };
                    out.push(Instruction { code, jt: jt as u8, jf: jf as u8, k });
                    if place.far_yes {
                        out.push(jump(distance(place.at + 1, yes)));
                    }
                    if place.far_no {
                        out.push(jump(distance(place.at + 1 + helper_no as usize, no)));
                    }
                }
            }
        }
        out
    }

    /// Helpers make others necessary, never unnecessary: repeated until none is added. One place
    /// more than ops: the end.
    fn places(&self) -> Vec<Place> {
        let mut places = vec![Place::default(); self.ops.len() + 1];
        loop {
            let mut at = 0;
            for place in &mut places {
                place.at = at;
                at += 1 + usize::from(place.far_yes) + usize::from(place.far_no);
            }
            let mut grown = false;
            for (i, op) in self.ops.iter().enumerate() {
                let Op::Branch { yes, no, .. } = *op else { continue };
                let place = places[i];
                let far = |to: Label| places[self.bound[to.0]].at - place.at - 1 > REACH;
                let (far_yes, far_no) = (place.far_yes || far(yes), place.far_no || far(no));
                grown |= (far_yes, far_no) != (place.far_yes, place.far_no);
                places[i] = Place { far_yes, far_no, ..place };
            }
            if !grown {
                return places;
            }
        }
    }
}

fn jump(k: u32) -> Instruction {
    Instruction { code: JMP | JA, jt: 0, jf: 0, k }
}

/// What `jt` and `jf` can say.
const REACH: usize = u8::MAX as usize;

#[cfg(test)]
mod tests {
    use super::super::machine::{ABS, B, JEQ, LD, RET, run};
    use super::*;

    /// A branch over `between` instructions to two returns.
    fn program(between: usize) -> Vec<Instruction> {
        let mut code = Assembler::default();
        let (near, yes, no) = (code.label(), code.label(), code.label());
        code.plain(LD | B | ABS, 0);
        code.branch(JEQ, 1, yes, near);
        code.bind(near);
        code.branch(JEQ, 2, yes, no);
        for _ in 0..between {
            code.plain(RET, 99);
        }
        code.bind(yes);
        code.plain(RET, 1);
        code.bind(no);
        code.plain(RET, 2);
        code.finish()
    }

    #[test]
    fn both_sides_of_the_reach_arrive() {
        for between in [0, 1, 250, 251, 252, 253, 254, 255, 256, 257, 300, 5000] {
            let program = program(between);
            let ends = [0, 1, 2].map(|byte| run(&program, &[byte], 1));
            assert_eq!(ends, [2, 1, 1], "{between} between");
        }
        assert_eq!(program(100).len(), 105, "no helper where none is needed");
        assert_eq!(program(300).len(), 308, "three jumps are far");
    }
}
