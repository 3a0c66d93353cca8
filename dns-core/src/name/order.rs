//! The canonical order of names (RFC 4034 §6.1): by labels from the right, in lower case.

use std::cmp::Ordering;

use super::{Name, labels};

impl Name {
    /// Where this name stands to `other` in canonical order.
    pub fn canonical_cmp(&self, other: &Name) -> Ordering {
        canonical_cmp(&self.wire, &other.wire)
    }
}

/// The same for plain wire names.
pub(crate) fn canonical_cmp(a: &[u8], b: &[u8]) -> Ordering {
    let (mut starts_a, mut starts_b) = ([0u8; 128], [0u8; 128]);
    let (count_a, count_b) = (starts(a, &mut starts_a), starts(b, &mut starts_b));
    for back in 1..=count_a.min(count_b) {
        let x = label(a, starts_a[count_a - back]);
        let y = label(b, starts_b[count_b - back]);
        let lower = |label: &[u8]| label.to_ascii_lowercase();
        let order = if x == y { Ordering::Equal } else { lower(x).cmp(&lower(y)) };
        if order != Ordering::Equal {
            return order;
        }
    }
    count_a.cmp(&count_b)
}

/// Where each label begins; how many there are, at most 127 in a name.
fn starts(name: &[u8], out: &mut [u8; 128]) -> usize {
    let (mut at, mut count) = (0usize, 0);
    for (label, start) in labels(name).zip(out) {
        *start = at as u8;
        at += 1 + label.len();
        count += 1;
    }
    count
}

fn label(name: &[u8], start: u8) -> &[u8] {
    let start = usize::from(start);
    &name[start + 1..=start + usize::from(name[start])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_section_6_1() {
        let sorted = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
            "\\001.z.example.",
            "*.z.example.",
            "\\200.z.example.",
        ];
        let names: Vec<Name> = sorted.iter().map(|name| name.parse().expect("a name")).collect();
        for pair in names.windows(2) {
            assert_eq!(pair[0].canonical_cmp(&pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(pair[1].canonical_cmp(&pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(names[3].canonical_cmp(&names[3].folded()), Ordering::Equal);
    }
}
