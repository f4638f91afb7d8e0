//! What a worker remembers of the tokens that it has verified.

use alloc::vec::Vec;
use core::fmt;

use crate::{
    keys::unknown_keys::UnknownKeys,
    shared::Shared,
    signature::precomputed_keys::PrecomputedKeys,
    token::{header::KnownHeader, valid::Valid},
    verifier::{accepted::Accepted, cache::Cache},
};

/// Tells a verifier from all others: only copies of one have the same pointer.
pub(super) type Identity = Shared<()>;

/// What makes the next token cheaper than the last: verified tokens, tables of keys that are used much, the last
/// header; and which unknown keys have been looked for.
///
/// Each worker has one of its own and passes it with each token, so nothing is locked. It changes no verdict but one:
/// without it every unknown key of a remote key set may be new, so such a token is refused with `keys_unavailable` each
/// time, and with it with `unknown_key` once a fetch has settled that the key is absent.
///
/// A memory belongs to the verifier that made it. With another one it begins anew.
pub struct Memory {
    /// The verifier that it belongs to.
    owner: Identity,
    pub(super) cache: Cache,
    pub(super) tables: PrecomputedKeys,
    /// The changes of all key sources when the tables were last looked through.
    pub(super) tables_seen: u64,
    /// The header of the last good token.
    pub(super) header: Option<KnownHeader>,
    /// By the place of the provider in the configuration.
    pub(super) unknown_keys: Vec<UnknownKeys>,
    /// The last good token that is not kept.
    passing: Option<Accepted>,
}

impl Memory {
    /// For a verifier with so many providers: room for so many tokens, and so many bytes of tables.
    pub(super) fn new(owner: &Identity, providers: usize, tokens: usize, table_bytes: usize) -> Self {
        Self {
            owner: Shared::clone(owner),
            cache: Cache::new(tokens),
            tables: PrecomputedKeys::new(table_bytes),
            tables_seen: 0,
            header: None,
            unknown_keys: unknown_keys(providers),
            passing: None,
        }
    }

    /// From now on each kept token has a serial number ([`Valid::serial`]), for a host that has something of its own
    /// for it until [`Memory::take_dropped`] gives that number.
    pub fn number_kept(&mut self) {
        self.cache.number();
    }

    /// The serial number of a token that was kept and is not any more: each once, and `None` when there are no more.
    pub fn take_dropped(&mut self) -> Option<u32> {
        self.cache.take_dropped()
    }

    /// Forgets everything if it was another verifier's: what that has accepted says nothing here.
    pub(super) fn attach(&mut self, owner: &Identity, providers: usize) {
        if !Shared::ptr_eq(&self.owner, owner) {
            self.begin_anew(owner, providers);
        }
    }

    #[inline(never)]
    fn begin_anew(&mut self, owner: &Identity, providers: usize) {
        self.owner = Shared::clone(owner);
        self.cache.clear();
        self.tables.retain(|_| false);
        self.tables_seen = 0;
        self.header = None;
        self.unknown_keys = unknown_keys(providers);
        self.passing = None;
    }

    /// Keeps a token that has just been verified, if there is room for it.
    pub(super) fn keep(&mut self, token: &[u8], valid: Valid, changes: u64) -> &mut Accepted {
        match self.cache.insert(token, valid, changes) {
            Ok(accepted) => accepted,
            Err(accepted) => self.passing.insert(accepted),
        }
    }

    /// Has a token at hand until the next one comes.
    pub(super) fn pass(&mut self, valid: Shared<Valid>) -> &mut Accepted {
        self.passing.insert(Accepted::new(valid))
    }
}

fn unknown_keys(providers: usize) -> Vec<UnknownKeys> {
    (0..providers).map(|_| UnknownKeys::default()).collect()
}

impl fmt::Debug for Memory {
    /// Counts alone: what it holds is for nobody to see.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut memory = formatter.debug_struct("Memory");
        memory.field("tokens", &self.cache.len()).field("key_tables", &self.tables.count()).finish_non_exhaustive()
    }
}
