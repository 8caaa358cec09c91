//! What is chance in an API server, by a seed: uids, and the ends of generated names.

/// A stream of numbers by a seed.
#[derive(Clone, Debug)]
pub(super) struct Chance(fastrand::Rng);

/// Of these a generated name ends in five: no vowels, so that no words come of it.
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A uid, of the form of a version 4 UUID.
    pub(super) fn uid(&mut self) -> String {
        let number = self.0.u128(..);
        uuid::Builder::from_random_bytes(number.to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// The end of a name that the client began.
    pub(super) fn suffix(&mut self) -> String {
        (0..5)
            .map(|_| char::from(LETTERS[self.0.usize(..LETTERS.len())]))
            .collect()
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
