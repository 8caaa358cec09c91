//! Chance: what spreads retries, and the marks by which attempts and requests are told apart.
//!
//! Everything that leaves something to chance does so here; `.clippy.toml` forbids the rest. A seed makes a run repeatable.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// A source of chance. Clones are the same source.
#[derive(Clone)]
pub struct Chance(Source);

#[derive(Clone)]
enum Source {
    /// The machine's.
    System,
    /// The same numbers for the same seed.
    Seeded(Arc<Mutex<fastrand::Rng>>),
}

impl fmt::Debug for Chance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Source::System => "Chance::System",
            Source::Seeded(_) => "Chance::Seeded",
        })
    }
}

impl Chance {
    /// The machine's chance.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The same numbers in the same order for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)))))
    }

    /// A number from 0 up to 1.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "chance asks, so that nobody else has to")]
    pub fn share(&self) -> f64 {
        match &self.0 {
            Source::System => fastrand::f64(),
            Source::Seeded(seeded) => seeded.lock().unwrap_or_else(PoisonError::into_inner).f64(),
        }
    }

    /// A mark that no other has: a random UUID.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "chance asks, so that nobody else has to")]
    pub fn mark(&self) -> String {
        match &self.0 {
            Source::System => uuid::Uuid::new_v4().to_string(),
            Source::Seeded(seeded) => {
                let bytes = seeded.lock().unwrap_or_else(PoisonError::into_inner).u128(..);
                uuid::Builder::from_random_bytes(bytes.to_le_bytes())
                    .into_uuid()
                    .to_string()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_marks_and_shares() {
        let drawn = |seed| {
            let chance = Chance::seeded(seed);
            (chance.mark(), chance.share().to_bits(), chance.mark())
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let (one, _, other) = drawn(7);
        assert_ne!(one, other, "a mark is drawn once");
        assert!(uuid::Uuid::parse_str(&one).is_ok_and(|mark| mark.get_version_num() == 4));
    }
}
