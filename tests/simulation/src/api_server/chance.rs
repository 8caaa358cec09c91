//! What is chance in an API server, by a seed: uids, and the ends of generated names.

/// A stream of numbers by a seed (SplitMix64). Clones go on from where the original is.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

/// Of these a generated name ends in five: no vowels, so that no words come of it.
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A uid, of the form of a version 4 UUID.
    pub(super) fn uid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff,
        )
    }

    /// The end of a name that the client began.
    pub(super) fn suffix(&mut self) -> String {
        let mut number = self.next();
        let mut suffix = String::with_capacity(5);
        for _ in 0..5 {
            let index = usize::try_from(number % 27).unwrap_or_default(); // below 27
            suffix.push(char::from(LETTERS[index]));
            number /= 27;
        }
        suffix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_uids_and_another_others() {
        let uids = |seed| {
            let mut chance = Chance::new(seed);
            (0..100).map(|_| chance.uid()).collect::<Vec<_>>()
        };
        assert_eq!(uids(1), uids(1));
        assert!(uids(1).iter().zip(uids(2)).all(|(one, other)| *one != other));
        for uid in uids(3) {
            assert!(
                uid.len() == 36 && uid.as_bytes()[14] == b'4' && b"89ab".contains(&uid.as_bytes()[19]),
                "{uid}"
            );
        }
    }
}
