//! Arithmetic on numbers that are known to be numbers.

/// The larger of two, neither of which is NaN: one instruction, where `f64::max` takes six to look
/// out for one.
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The smaller of two, likewise.
pub(crate) fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// Nothing, for a number that faded away: on a series that stands still everything learned halves
/// for ever, and far below what any unit needs floats become a hundred times slower.
pub(crate) fn unfaded(number: f64) -> f64 {
    if number.abs() < FADED { 0.0 } else { number }
}

/// Far enough above the least normal 32-bit float that nothing gets there in between two looks.
const FADED: f64 = 1e-33;
