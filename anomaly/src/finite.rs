//! The larger and the smaller of two numbers neither of which is NaN: one instruction, where
//! `f64::max` and `min` take six to look out for one.

pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

pub(crate) fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}
