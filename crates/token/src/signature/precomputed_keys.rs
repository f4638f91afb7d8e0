//! Tables for the keys that are used much, inside a budget of bytes.

use alloc::boxed::Box;

use curve25519_dalek::{constants::ED25519_BASEPOINT_POINT, edwards::EdwardsPoint, traits::Identity};
use datakit_token_encoding::collections::SortedMap;

use crate::signature::{
    ed25519::{InvalidSignature, PublicKey, SignatureEquation},
    fixed_base_table::FixedBaseTable,
};

/// Signatures of a key before it gets a table. A table costs as much as about 30 of them, so that even keys that take
/// turns in losing theirs cost little more than without any.
const SIGNATURES_BEFORE_TABLE: u32 = 100;
/// Keys whose uses are counted.
const MAX_KEYS: usize = 1024;

/// Checks signatures, and remembers what makes the next ones of the same key cheap. The answers are those of
/// [`PublicKey::verify`].
pub struct PrecomputedKeys {
    /// Bytes for all tables.
    budget: usize,
    /// For the base point, shared by all keys.
    base: Option<Box<FixedBaseTable>>,
    keys: SortedMap<[u8; 32], Usage>,
    /// Grows with each signature.
    clock: u64,
}

#[derive(Default)]
struct Usage {
    /// Good signatures that were checked while the key had no table.
    signatures: u32,
    last: u64,
    comb: Option<Box<FixedBaseTable>>,
}

impl PrecomputedKeys {
    /// Tables in so many bytes. One key takes 655,360, and as many go to what all keys share.
    #[must_use]
    pub const fn new(budget: usize) -> Self {
        Self { budget, base: None, keys: SortedMap::new(), clock: 0 }
    }

    /// Checks a signature as [`PublicKey::verify`] does.
    ///
    /// # Errors
    /// [`InvalidSignature`]
    pub fn verify(&mut self, key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> Result<(), InvalidSignature> {
        let statement = SignatureEquation::read(key, message, signature)?;
        let comb = self.keys.get(key.as_bytes()).and_then(|usage| usage.comb.as_deref());
        match (&self.base, comb) {
            (Some(base), Some(comb)) => {
                let sum = base.add_multiple(EdwardsPoint::identity(), statement.response());
                statement.check(&comb.add_multiple(sum, statement.challenge()))?;
            }
            _ => statement.check_without_tables(key)?,
        }
        self.count_good_signature(key);
        Ok(())
    }

    /// Good ones only: nobody without the key makes a table, or takes another key's.
    fn count_good_signature(&mut self, key: &PublicKey) {
        self.clock = self.clock.saturating_add(1);
        if self.keys.len() >= MAX_KEYS && self.keys.get(key.as_bytes()).is_none() {
            self.forget_oldest(|_| true);
        }
        let Some(usage) = self.keys.get_or_insert(*key.as_bytes(), Usage::default) else { return };
        usage.last = self.clock;
        usage.signatures = usage.signatures.saturating_add(1);
        if usage.comb.is_none() && usage.signatures >= SIGNATURES_BEFORE_TABLE {
            self.build(key);
        }
    }

    /// Makes the table of a key at once: that key will be used much.
    pub fn prepare(&mut self, key: &PublicKey) {
        let Some(usage) = self.keys.get_or_insert(*key.as_bytes(), Usage::default) else { return };
        usage.last = self.clock;
        if usage.comb.is_none() {
            self.build(key);
        }
    }

    /// Drops what belongs to keys that are no longer in use.
    pub(crate) fn retain(&mut self, in_use: impl Fn(&[u8; 32]) -> bool) {
        self.keys.retain(|key, _| in_use(key));
    }

    /// How many keys have a table.
    #[must_use]
    pub fn count(&self) -> usize {
        self.keys.iter().filter(|(_, usage)| usage.comb.is_some()).count()
    }

    /// Makes a table, if there is room; those that were not used for the longest time go.
    fn build(&mut self, key: &PublicKey) {
        // The shared one comes out of the same budget.
        let room = (self.budget / FixedBaseTable::BYTES).saturating_sub(1);
        if room == 0 {
            return;
        }
        while self.count() >= room {
            self.forget_oldest(|usage| usage.comb.is_some());
        }
        if self.base.is_none() {
            self.base = Some(Box::new(FixedBaseTable::new(ED25519_BASEPOINT_POINT)));
        }
        if let Some(usage) = self.keys.get_mut(key.as_bytes()) {
            usage.comb = Some(Box::new(FixedBaseTable::new(key.minus_point())));
        }
    }

    fn forget_oldest(&mut self, among: impl Fn(&Usage) -> bool) {
        let candidates = self.keys.iter().filter(|(_, usage)| among(usage));
        if let Some(oldest) = candidates.min_by_key(|(_, usage)| usage.last).map(|(key, _)| *key) {
            self.keys.retain(|key, _| *key != oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use ed25519_dalek::{Signer, SigningKey};

    use super::{FixedBaseTable, PrecomputedKeys, SIGNATURES_BEFORE_TABLE};
    use crate::signature::ed25519::PublicKey;

    fn keys(count: u8) -> Vec<(PublicKey, [u8; 64])> {
        let key = |number: u8| {
            let signer = SigningKey::from_bytes(&[number; 32]);
            (PublicKey::from_bytes(signer.verifying_key().as_bytes()).unwrap(), signer.sign(b"message").to_bytes())
        };
        (1..=count).map(key).collect()
    }

    fn use_often(tables: &mut PrecomputedKeys, (key, signature): &(PublicKey, [u8; 64]), times: u32) {
        for _ in 0..times {
            assert!(tables.verify(key, b"message", signature).is_ok());
        }
    }

    #[test]
    fn tables_come_with_use_and_go_when_the_budget_is_spent() {
        let keys = keys(4);
        let mut tables = PrecomputedKeys::new(3 * FixedBaseTable::BYTES);
        use_often(&mut tables, &keys[0], SIGNATURES_BEFORE_TABLE - 1);
        assert_eq!(tables.count(), 0);
        use_often(&mut tables, &keys[0], 1);
        assert_eq!(tables.count(), 1);
        for key in &keys[1..] {
            use_often(&mut tables, key, SIGNATURES_BEFORE_TABLE);
            assert!(tables.count() <= 2);
        }
        // The first key has lost its table, and needs many uses for another one.
        use_often(&mut tables, &keys[0], SIGNATURES_BEFORE_TABLE - 1);
        assert!(tables.keys.get(keys[0].0.as_bytes()).unwrap().comb.is_none());
        tables.retain(|key| key == keys[3].0.as_bytes());
        assert_eq!((tables.count(), tables.keys.len()), (1, 1));
    }

    #[test]
    fn bad_signatures_neither_make_tables_nor_take_them_from_others() {
        let keys = keys(2);
        let mut tables = PrecomputedKeys::new(2 * FixedBaseTable::BYTES);
        use_often(&mut tables, &keys[0], SIGNATURES_BEFORE_TABLE);
        for _ in 0..SIGNATURES_BEFORE_TABLE * 2 {
            assert!(tables.verify(&keys[1].0, b"another message", &keys[1].1).is_err());
        }
        assert!(tables.keys.get(keys[0].0.as_bytes()).unwrap().comb.is_some());
        assert!(tables.keys.get(keys[1].0.as_bytes()).is_none());
    }

    #[test]
    fn without_a_budget_there_are_no_tables() {
        for budget in [0, FixedBaseTable::BYTES, 2 * FixedBaseTable::BYTES - 1] {
            let mut tables = PrecomputedKeys::new(budget);
            use_often(&mut tables, &keys(1)[0], SIGNATURES_BEFORE_TABLE * 2);
            assert_eq!(tables.count(), 0);
        }
    }
}
