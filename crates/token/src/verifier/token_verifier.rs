//! From the text of a token to a valid one, by whichever provider it is of.

use alloc::vec::Vec;

use crate::{
    reason::Reason,
    refusal::Refusal,
    shared::Shared,
    time::{UnixTime, ValidityPeriod},
    token::{
        header::KnownHeader,
        jws::Unverified,
        sealed::{Opened, Sealed},
        valid::Valid,
    },
    verifier::{
        accepted::Accepted,
        memory::{Identity, Memory},
        provider::Provider,
        sealed_tokens::Opener,
    },
};

/// The providers of one configuration. It looks at tokens alone, and never at requests.
pub(crate) struct TokenVerifier {
    pub(crate) providers: Vec<Provider>,
    /// The longest token that is looked at.
    pub(crate) token_bytes: usize,
    /// Whoever opens encrypted tokens; `None` where no provider has a key for them.
    pub(crate) opener: Opener,
    pub(super) identity: Identity,
}

impl TokenVerifier {
    /// A memory for so many verified tokens, and so many bytes of tables.
    pub(crate) fn memory(&self, tokens: usize, table_bytes: usize) -> Memory {
        Memory::new(&self.identity, self.providers.len(), tokens, table_bytes)
    }

    /// Judges a token.
    pub(crate) fn accept<'m>(
        &self,
        memory: &'m mut Memory,
        token: &[u8],
        now: UnixTime,
    ) -> Result<&'m mut Accepted, Refusal> {
        memory.attach(&self.identity, self.providers.len());
        let changes = |provider: usize| self.providers.get(provider).map_or(0, |provider| provider.keys.changes());
        if let Some(number) = memory.cache.find_current(token, now, changes) {
            let accepted = memory.cache.accepted_mut(number).ok_or(Reason::NotConfigured)?;
            self.provider(&accepted.valid)?.keys.check_age(now)?;
            return Ok(accepted);
        }
        if let Some(valid) = self.verify_opaque(token, now)? {
            return Ok(memory.pass(valid));
        }
        let valid = self.verify_anew(memory, token, now)?;
        let changes = changes(valid.provider());
        Ok(memory.keep(token, valid, changes))
    }

    /// The provider of a token; every index in a token is one of these.
    pub(crate) fn provider(&self, valid: &Valid) -> Result<&Provider, Reason> {
        self.providers.get(valid.provider()).ok_or(Reason::NotConfigured)
    }

    /// What a token without a signature stands for.
    fn verify_opaque(&self, token: &[u8], now: UnixTime) -> Result<Option<Shared<Valid>>, Refusal> {
        // A signed token has dots, and none of these has.
        if token.len() > self.token_bytes || token.contains(&b'.') {
            return Ok(None);
        }
        for provider in &self.providers {
            if let Some(valid) = provider.opaque_tokens.find(token, now)? {
                provider.check_revocation(valid, None, now)?;
                return Ok(Some(Shared::clone(valid)));
            }
        }
        Ok(None)
    }

    // Apart from the short way of a token out of the cache.
    #[inline(never)]
    fn verify_anew(&self, memory: &mut Memory, token: &[u8], now: UnixTime) -> Result<Valid, Refusal> {
        let opened = match &self.opener {
            Some(opener) => {
                Sealed::recognise(token, self.token_bytes)?.map(|sealed| opener.open(sealed, now)).transpose()?
            }
            None => None,
        };
        let text = opened.as_ref().map_or(token, Opened::text);
        let token = Unverified::parse(text, self.token_bytes, memory.header.as_ref())?;
        self.verify_signed(memory, token, opened.as_ref(), now)
    }

    /// `opened` is what the token was encrypted in.
    fn verify_signed(
        &self,
        memory: &mut Memory,
        token: Unverified<'_>,
        opened: Option<&Opened>,
        now: UnixTime,
    ) -> Result<Valid, Refusal> {
        let (index, provider) = self.select(&token, opened)?;
        provider.check_algorithm(&token, opened.is_some())?;
        token.check_type(&provider.acceptance.types, provider.acceptance.allow_missing_type)?;
        let unknown = memory.unknown_keys.get_mut(index).ok_or(Reason::NotConfigured)?;
        let (key, key_id, period) = provider.keys.find(unknown, &token, &provider.acceptance.issuer, now)?;
        self.drop_unused_tables(memory);
        let (header, segment) = token.header();
        let verified = token.verify(key, Some(&mut memory.tables))?;
        // Not before the signature holds: else whoever sends nonsense would make every good token's header be read
        // anew.
        if !memory.header.as_ref().is_some_and(|known| known.gave(&header)) {
            memory.header = Some(KnownHeader::new(header, segment));
        }
        let mut valid = verified.validate(index, &provider.acceptance, now)?;
        if let (Some(opener), Some(opened)) = (&self.opener, opened) {
            opener.check_replicated(opened, valid.claims())?;
        }
        valid.limit(period);
        valid.limit(ValidityPeriod::new(0, provider.check_revocation(&valid, key_id, now)?));
        if let Some(opened) = opened {
            valid.limit(opened.period());
            // A key that opens tokens is taken back as one that signs them.
            valid.limit(ValidityPeriod::new(0, provider.check_revocation(&valid, Some(opened.key_id()), now)?));
        }
        // Last, so that the rules of a bundle that has become too old go on refusing what they match.
        provider.keys.check_age(now)?;
        Ok(valid)
    }

    /// A table goes with its key.
    fn drop_unused_tables(&self, memory: &mut Memory) {
        let changes = self.providers.iter().fold(0, |sum: u64, provider| sum.saturating_add(provider.keys.changes()));
        if memory.tables_seen != changes {
            memory.tables_seen = changes;
            memory.tables.retain(|key| self.providers.iter().any(|provider| provider.keys.has(key)));
        }
    }

    /// The only provider, or the one whose issuer the token claims; for an encrypted token among those whose key has
    /// opened it.
    fn select(&self, token: &Unverified<'_>, opened: Option<&Opened>) -> Result<(usize, &Provider), Reason> {
        if let [only] = self.providers.as_slice() {
            return Ok((0, only));
        }
        let candidates = || {
            let is_candidate = |index: usize| opened.is_none_or(|opened| opened.providers().contains(&index));
            self.providers.iter().enumerate().filter(move |(index, _)| is_candidate(*index))
        };
        let issuer = token.claimed_issuer();
        if let Some(claimed) = candidates().find(|(_, provider)| Some(&provider.acceptance.issuer) == issuer.as_ref()) {
            return Ok(claimed);
        }
        // Nobody's issuer; what no provider accepts of anybody is said first, as the order of checks has it.
        if candidates().all(|(_, provider)| provider.check_algorithm(token, opened.is_some()).is_err()) {
            return Err(Reason::UnsupportedAlgorithm);
        }
        if candidates().all(|(_, provider)| {
            token.check_type(&provider.acceptance.types, provider.acceptance.allow_missing_type).is_err()
        }) {
            return Err(Reason::UnsupportedType);
        }
        Err(Reason::UnknownKey)
    }
}
