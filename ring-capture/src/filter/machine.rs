//! Classic BPF: its instruction, and a machine that runs them.
//!
//! The machine of McCanne and Jacobson, "The BSD Packet Filter" (USENIX 1993), with the two
//! operations that Linux added (`mod`, `xor`). Safe for any list of instructions: jumps only go
//! forward, so that each instruction runs at most once; whatever is not defined rejects.

/// One instruction, laid out as the kernel's `sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// What to do: class, size, mode or operation, source.
    pub code: u16,
    /// Instructions to step over when a condition holds.
    pub jt: u8,
    /// Instructions to step over when it does not.
    pub jf: u8,
    /// The constant: an operand, an offset, a distance.
    pub k: u32,
}

/// Runs a program over a frame whose length was `original_len` bytes before anything was cut off.
/// Returns how many bytes to keep: 0 is "no match".
///
/// A load beyond the frame, a division by 0, an unknown instruction, a scratch word beyond 15, a
/// jump or a step over the end: each ends the program with 0. The kernel's extensions at negative
/// offsets are beyond every frame. A shift by 32 or more gives 0. At most one step an instruction;
/// does not allocate.
pub fn run(program: &[Instruction], frame: &[u8], original_len: u32) -> u32 {
    let machine = Machine { a: 0, x: 0, scratch: [0; 16], frame, original_len };
    machine.run(program).unwrap_or(0)
}

struct Machine<'a> {
    a: u32,
    x: u32,
    scratch: [u32; 16],
    frame: &'a [u8],
    original_len: u32,
}

impl Machine<'_> {
    /// `None`: whatever was asked cannot be done.
    fn run(mut self, program: &[Instruction]) -> Option<u32> {
        let mut at = 0_usize;
        loop {
            let Instruction { code, jt, jf, k } = *program.get(at)?;
            at += 1;
            match code & CLASS {
                LD => self.a = self.load(code, k)?,
                LDX => self.x = self.load_index(code, k)?,
                ST => *self.scratch.get_mut(k as usize)? = self.a,
                STX => *self.scratch.get_mut(k as usize)? = self.x,
                ALU => self.a = self.compute(code, k)?,
                JMP if code & OPERATION == JA => at = at.checked_add(k as usize)?,
                JMP => at += usize::from(if self.holds(code, k)? { jt } else { jf }),
                RET => {
                    return match code & !CLASS {
                        RET_K => Some(k),
                        RET_A => Some(self.a),
                        _ => None,
                    };
                }
                _ => match code & !CLASS {
                    TAX => self.x = self.a,
                    TXA => self.a = self.x,
                    _ => return None,
                },
            }
        }
    }

    fn load(&self, code: u16, k: u32) -> Option<u32> {
        match code & MODE {
            IMM if code & SIZE == W => Some(k),
            MEM if code & SIZE == W => self.scratch.get(k as usize).copied(),
            LEN if code & SIZE == W => Some(self.original_len),
            ABS => self.fetch(code & SIZE, k),
            IND => self.fetch(code & SIZE, self.x.checked_add(k)?),
            _ => None,
        }
    }

    fn load_index(&self, code: u16, k: u32) -> Option<u32> {
        match (code & MODE, code & SIZE) {
            (IMM, W) => Some(k),
            (MEM, W) => self.scratch.get(k as usize).copied(),
            (LEN, W) => Some(self.original_len),
            // The length of an IPv4 header, in one instruction.
            (MSH, B) => Some((self.fetch(B, k)? & 15) * 4),
            _ => None,
        }
    }

    /// Big-endian, from the frame.
    fn fetch(&self, size: u16, at: u32) -> Option<u32> {
        let bytes = self.frame.get(at as usize..)?;
        match size {
            W => bytes.first_chunk().map(|b| u32::from_be_bytes(*b)),
            H => bytes.first_chunk().map(|b| u32::from(u16::from_be_bytes(*b))),
            B => bytes.first().map(|b| u32::from(*b)),
            _ => None,
        }
    }

    fn compute(&self, code: u16, k: u32) -> Option<u32> {
        let (a, operand) = (self.a, self.source(code, k));
        match code & OPERATION {
            ADD => Some(a.wrapping_add(operand)),
            SUB => Some(a.wrapping_sub(operand)),
            MUL => Some(a.wrapping_mul(operand)),
            DIV => a.checked_div(operand),
            OR => Some(a | operand),
            AND => Some(a & operand),
            LSH => Some(a.checked_shl(operand).unwrap_or(0)),
            RSH => Some(a.checked_shr(operand).unwrap_or(0)),
            NEG => Some(a.wrapping_neg()),
            MOD => a.checked_rem(operand),
            XOR => Some(a ^ operand),
            _ => None,
        }
    }

    fn holds(&self, code: u16, k: u32) -> Option<bool> {
        let operand = self.source(code, k);
        match code & OPERATION {
            JEQ => Some(self.a == operand),
            JGT => Some(self.a > operand),
            JGE => Some(self.a >= operand),
            JSET => Some(self.a & operand != 0),
            _ => None,
        }
    }

    fn source(&self, code: u16, k: u32) -> u32 {
        if code & X == 0 { k } else { self.x }
    }
}

const CLASS: u16 = 0x07;
pub(super) const LD: u16 = 0x00;
pub(super) const LDX: u16 = 0x01;
const ST: u16 = 0x02;
const STX: u16 = 0x03;
pub(super) const ALU: u16 = 0x04;
pub(super) const JMP: u16 = 0x05;
pub(super) const RET: u16 = 0x06;

const SIZE: u16 = 0x18;
pub(super) const W: u16 = 0x00;
pub(super) const H: u16 = 0x08;
pub(super) const B: u16 = 0x10;

const MODE: u16 = 0xe0;
const IMM: u16 = 0x00;
pub(super) const ABS: u16 = 0x20;
pub(super) const IND: u16 = 0x40;
const MEM: u16 = 0x60;
pub(super) const LEN: u16 = 0x80;
pub(super) const MSH: u16 = 0xa0;

const OPERATION: u16 = 0xf0;
const ADD: u16 = 0x00;
const SUB: u16 = 0x10;
const MUL: u16 = 0x20;
const DIV: u16 = 0x30;
const OR: u16 = 0x40;
pub(super) const AND: u16 = 0x50;
const LSH: u16 = 0x60;
const RSH: u16 = 0x70;
const NEG: u16 = 0x80;
const MOD: u16 = 0x90;
const XOR: u16 = 0xa0;

pub(super) const JA: u16 = 0x00;
pub(super) const JEQ: u16 = 0x10;
pub(super) const JGT: u16 = 0x20;
pub(super) const JGE: u16 = 0x30;
pub(super) const JSET: u16 = 0x40;

const X: u16 = 0x08;
const RET_K: u16 = 0x00;
const RET_A: u16 = 0x10;
const TAX: u16 = 0x00;
const TXA: u16 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    fn ins(code: u16, k: u32) -> Instruction {
        Instruction { code, jt: 0, jf: 0, k }
    }

    fn value(program: &[Instruction]) -> u32 {
        let frame: Vec<u8> = (0..32).collect();
        let program = [program, &[ins(RET | RET_A, 0)]].concat();
        run(&program, &frame, 1500)
    }

    #[test]
    fn loads_of_every_size_and_mode() {
        assert_eq!(value(&[ins(LD | W | ABS, 1)]), 0x0102_0304);
        assert_eq!(value(&[ins(LD | H | ABS, 30)]), 0x1e1f);
        assert_eq!(value(&[ins(LD | B | ABS, 31)]), 31);
        assert_eq!(value(&[ins(LD | W | LEN, 0)]), 1500);
        // 4 × (byte 19 & 15) is 12.
        assert_eq!(value(&[ins(LDX | B | MSH, 19), ins(LD | B | IND, 3)]), 15);
        assert_eq!(value(&[ins(LD, 7), ins(ST, 15), ins(LD, 0), ins(LD | MEM, 15)]), 7);
        assert_eq!(value(&[ins(LDX, 9), ins(STX, 2), ins(LDX | MEM, 2), ins(7 | TXA, 0)]), 9);
    }

    #[test]
    fn beyond_the_frame_is_no_match() {
        assert_eq!(value(&[ins(LD | W | ABS, 29)]), 0);
        assert_eq!(value(&[ins(LD | H | ABS, 31)]), 0);
        assert_eq!(value(&[ins(LD | B | ABS, u32::MAX)]), 0);
        assert_eq!(value(&[ins(LDX, u32::MAX), ins(LD | B | IND, 2), ins(LD, 5)]), 0);
        assert_eq!(value(&[ins(LD, 7), ins(ST, 16)]), 0);
    }

    #[test]
    fn arithmetic() {
        let on_seven = |operation, k| value(&[ins(LD, 7), ins(ALU | operation, k)]);
        assert_eq!(on_seven(ADD, u32::MAX), 6);
        assert_eq!(on_seven(SUB, 8), u32::MAX);
        assert_eq!(on_seven(MUL, 3), 21);
        assert_eq!(on_seven(DIV, 2), 3);
        assert_eq!(on_seven(MOD, 4), 3);
        assert_eq!(on_seven(DIV, 0), 0);
        assert_eq!(on_seven(LSH, 31), 1 << 31);
        assert_eq!(on_seven(RSH, 32), 0);
        assert_eq!(on_seven(XOR, 2), 5);
        assert_eq!(on_seven(NEG, 0), 7_u32.wrapping_neg());
        assert_eq!(value(&[ins(LD, 5), ins(7 | TAX, 0), ins(ALU | ADD | X, 0)]), 10);
    }

    #[test]
    fn a_jump_over_the_end_is_no_match() {
        assert_eq!(run(&[ins(JMP | JA, u32::MAX), ins(RET, 1)], &[], 0), 0);
        assert_eq!(run(&[ins(JMP | JA, 1), ins(RET, 1)], &[], 0), 0);
        assert_eq!(run(&[ins(JMP | JA, 0), ins(RET, 1)], &[], 0), 1);
        assert_eq!(run(&[], &[], 0), 0);
    }
}
