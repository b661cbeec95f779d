//! Names by their ends: what is known of `a.b.example`, of `b.example` and of
//! `example`, in one pass from the right.
//!
//! Case does not count. The hash is no secret and needs none: only facts that
//! ship and the reader's own are ever put in.

/// A table of domain names with a value each.
#[derive(Clone, Debug)]
pub(super) struct Suffixes<T> {
    /// A power of two, at the most half full.
    slots: Vec<Option<u32>>,
    entries: Vec<(String, u64, T)>,
}

/// FNV-1a.
const START: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(PRIME)
}

impl<T> Default for Suffixes<T> {
    fn default() -> Self {
        Self { slots: vec![None; 64], entries: Vec::new() }
    }
}

impl<T: Default> Suffixes<T> {
    /// The value of a name, to be changed; a new one where there is none.
    pub(super) fn entry(&mut self, name: &str) -> &mut T {
        let name = name.trim_matches('.').to_ascii_lowercase();
        let hash = name.bytes().rev().fold(START, step);
        let index = match self.find(hash, &name) {
            Some(index) => index,
            None => self.insert(name, hash),
        };
        &mut self.entries[index].2
    }

    fn insert(&mut self, name: String, hash: u64) -> usize {
        self.entries.push((name, hash, T::default()));
        if self.entries.len() * 2 > self.slots.len() {
            self.slots = vec![None; self.slots.len() * 2];
            (0..self.entries.len()).for_each(|index| self.place(index));
        } else {
            self.place(self.entries.len() - 1);
        }
        self.entries.len() - 1
    }

    fn place(&mut self, index: usize) {
        let mask = self.slots.len() - 1;
        let mut slot = usize::try_from(self.entries[index].1 & mask as u64).unwrap_or(0);
        while self.slots[slot].is_some() {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = u32::try_from(index).ok();
    }
}

impl<T> Suffixes<T> {
    /// What is known of a name and of all that it is under, the shortest first.
    pub(super) fn each(&self, name: &str, mut known: impl FnMut(&T)) {
        let bytes = name.as_bytes();
        let mut hash = START;
        for (at, byte) in bytes.iter().enumerate().rev() {
            hash = step(hash, *byte);
            let is_label = at == 0 || bytes.get(at - 1) == Some(&b'.');
            if is_label
                && let Some(suffix) = name.get(at..)
                && let Some(index) = self.find(hash, suffix)
            {
                known(&self.entries[index].2);
            }
        }
    }

    fn find(&self, hash: u64, name: &str) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let mut slot = usize::try_from(hash & mask as u64).unwrap_or(0);
        while let Some(index) = self.slots[slot] {
            let index = index as usize;
            let (known, its_hash, _) = &self.entries[index];
            if *its_hash == hash && known.eq_ignore_ascii_case(name) {
                return Some(index);
            }
            slot = (slot + 1) & mask;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_name_are_found_from_the_shortest() {
        let mut suffixes: Suffixes<u32> = Suffixes::default();
        for index in 0..500 {
            *suffixes.entry(&format!("host{index}.example")) = index;
        }
        *suffixes.entry("Example") = 1_000;
        *suffixes.entry(".a.host7.example.") = 2_000;
        let found = |name: &str| {
            let mut found = Vec::new();
            suffixes.each(name, |value| found.push(*value));
            found
        };
        assert_eq!(found("b.A.HOST7.example"), [1_000, 7, 2_000]);
        assert_eq!(found("xhost7.example"), [1_000]);
        assert_eq!(found("host499.example"), [1_000, 499]);
        assert_eq!(found(""), [0u32; 0]);
        assert_eq!(found("elsewhere"), [0u32; 0]);
    }
}
