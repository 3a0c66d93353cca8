//! Which of many was used longest ago: a doubly linked list over indices.

/// Indices from the most to the least recently used; every operation takes constant time.
#[derive(Debug, Default)]
pub(crate) struct Recency {
    links: Vec<Link>,
    newest: Option<u32>,
    oldest: Option<u32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Link {
    newer: Option<u32>,
    older: Option<u32>,
}

impl Recency {
    /// A new index, the next after all before it, as the most recently used.
    pub(crate) fn push(&mut self) -> u32 {
        let index = u32::try_from(self.links.len()).expect("series are bounded far below 2^32");
        self.links.push(Link::default());
        self.lead(index);
        index
    }

    /// Marks an index as used now.
    pub(crate) fn touch(&mut self, index: u32) {
        if self.newest != Some(index) {
            self.remove(index);
            self.lead(index);
        }
    }

    /// Takes an index out; [`Recency::lead`] puts it back.
    pub(crate) fn remove(&mut self, index: u32) {
        let Link { newer, older } = self.links[index as usize];
        match newer {
            Some(newer) => self.links[newer as usize].older = older,
            None => self.newest = older,
        }
        match older {
            Some(older) => self.links[older as usize].newer = newer,
            None => self.oldest = newer,
        }
    }

    /// The index not used for the longest time.
    pub(crate) fn oldest(&self) -> Option<u32> {
        self.oldest
    }

    /// Puts an index that was taken out in front.
    pub(crate) fn lead(&mut self, index: u32) {
        self.links[index as usize] = Link { newer: None, older: self.newest };
        match self.newest {
            Some(second) => self.links[second as usize].newer = Some(index),
            None => self.oldest = Some(index),
        }
        self.newest = Some(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_list(uses in prop::collection::vec(0_u32..6, 0..200)) {
            let (mut recency, mut model) = (Recency::default(), Vec::new());
            for _ in 0..6 {
                model.push(recency.push());
            }
            for index in uses {
                recency.touch(index);
                model.retain(|&other| other != index);
                model.push(index);
                prop_assert_eq!(recency.oldest(), Some(model[0]));
            }
        }
    }
}
