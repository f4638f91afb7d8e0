//! Rules that nothing can match any more.

use alloc::vec::Vec;

use serde_json::Value;

use crate::rule::rule_key_id;

/// A verifier that takes a bundle has a clock of at most 300 s before the bundle's `iat`, and takes a token for at most
/// 300 s after its `exp`.
const CLOCKS: u64 = 600;

/// How many rules went, and why.
#[derive(Clone, Copy, Debug)]
pub struct Pruned {
    /// They named a key that is not in the bundle: with the bundle goes every token of it.
    pub keys: usize,
    /// They named tokens that were issued too long ago.
    pub old: usize,
}

/// Takes out rules. `key_ids` are those of all keys and roots in the bundle. A rule on claims goes only if somebody
/// says how long tokens live: who has not said it knows of no last token, and one without `iat` counts as the oldest
/// for ever.
pub(crate) fn prune(rules: &mut Vec<Value>, key_ids: &[&str], max_lifetime: Option<u64>, now: u64) -> Pruned {
    let mut pruned = Pruned { keys: 0, old: 0 };
    rules.retain(|rule| {
        if rule_key_id(rule).is_some_and(|kid| !key_ids.contains(&kid)) {
            pruned.keys = pruned.keys.saturating_add(1);
            return false;
        }
        let issued_before = rule.get("issued_before").and_then(Value::as_u64);
        let over = issued_before.zip(max_lifetime).is_some_and(|(issued_before, longest)| {
            now >= issued_before.saturating_add(longest).saturating_add(CLOCKS)
        });
        if over {
            pruned.old = pruned.old.saturating_add(1);
        }
        !over
    });
    pruned
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec};

    use serde_json::json;

    use super::prune;

    #[test]
    fn only_what_nothing_can_match_goes() {
        let all = vec![
            json!({ "match": { "jti": "a" } }),
            json!({ "match": { "jti": "a" }, "from": 5 }),
            json!({ "match": { "workspace": "w" }, "issued_before": 1000 }),
            json!({ "match": { "workspace": "w" }, "issued_before": 1001 }),
            json!({ "header": { "kid": "k1" } }),
            json!({ "header": { "kid": "k1" }, "match": { "sub": "s" } }),
            json!({ "header": { "kid": "gone" } }),
            json!({ "all": true, "issued_before": 1000 }),
        ];
        let left = |key_ids: &[&str], max_lifetime, now| {
            let mut rules = all.clone();
            let pruned = prune(&mut rules, key_ids, max_lifetime, now);
            assert_eq!(rules.len() + pruned.keys + pruned.old, all.len());
            all.iter().map(|rule| if rules.contains(rule) { '1' } else { '0' }).collect::<String>()
        };
        assert_eq!(left(&["k1", "gone"], None, u64::MAX), "11111111");
        assert_eq!(left(&["k1", "root"], None, u64::MAX), "11111101");
        assert_eq!(left(&["k2"], None, 0), "11110001");
        // The last token is issued at 999, ends at 1099, and is taken until 1399 by a clock that is 300 s behind.
        assert_eq!(left(&["k1", "gone"], Some(100), 1_699), "11111111");
        assert_eq!(left(&["k1", "gone"], Some(100), 1_700), "11011110");
        assert_eq!(left(&["k1", "gone"], Some(u64::MAX), 1_700), "11111111");
    }
}
