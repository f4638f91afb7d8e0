//! Keys whose private half everybody can read: whoever copies one of them from a document accepts tokens that anyone
//! can sign.

use crate::signature::ed25519::PublicKey;

/// How much of a public key is compared. A key that somebody makes begins like one of these once in 10^12, and is
/// refused, not accepted, then.
const PREFIX: usize = 6;

/// What public keys begin with, in the order of the test below, which makes each from its private half: RFC 8032
/// sections 7.1 to 7.3 (the first is RFC 8037 appendix A as well), RFC 8410 section 10.3, RFC 9421 appendix B.1.4;
/// seeds of one byte or counted, as in tutorials; and the keys that this project's own tests use by name.
const PREFIXES: [[u8; PREFIX]; 36] = [
    [0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1],
    [0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43],
    [0xfc, 0x51, 0xcd, 0x8e, 0x62, 0x18],
    [0x27, 0x81, 0x17, 0xfc, 0x14, 0x4c],
    [0xec, 0x17, 0x2b, 0x93, 0xad, 0x5e],
    [0xdf, 0xc9, 0x42, 0x5e, 0x4f, 0x96],
    [0x0f, 0x1d, 0x12, 0x74, 0x94, 0x3b],
    [0x19, 0xbf, 0x44, 0x09, 0x69, 0x84],
    [0x26, 0xb4, 0x0b, 0x8f, 0x93, 0xff],
    [0x3b, 0x6a, 0x27, 0xbc, 0xce, 0xb6],
    [0x8a, 0x88, 0xe3, 0xdd, 0x74, 0x09],
    [0x81, 0x39, 0x77, 0x0e, 0xa8, 0x7d],
    [0xed, 0x49, 0x28, 0xc6, 0x28, 0xd1],
    [0xca, 0x93, 0xac, 0x17, 0x05, 0x18],
    [0x6e, 0x7a, 0x1c, 0xdd, 0x29, 0xb0],
    [0x8a, 0x87, 0x5f, 0xff, 0x1e, 0xb3],
    [0xea, 0x4a, 0x6c, 0x63, 0xe2, 0x9c],
    [0x13, 0x98, 0xf6, 0x2c, 0x6d, 0x1a],
    [0xfd, 0x17, 0x24, 0x38, 0x5a, 0xa0],
    [0x19, 0x7f, 0x6b, 0x23, 0xe1, 0x6c],
    [0x76, 0xa1, 0x59, 0x20, 0x44, 0xa6],
    [0x03, 0xa1, 0x07, 0xbf, 0xf3, 0xce],
    [0x13, 0x25, 0x71, 0xb6, 0xb5, 0x5a],
    [0x60, 0x5a, 0x17, 0xd7, 0x0e, 0x23],
    [0x6e, 0xbd, 0x46, 0x67, 0x89, 0xdd],
    [0xb4, 0x37, 0xdf, 0xe5, 0x49, 0x3a],
    [0xc7, 0x00, 0xd1, 0x6b, 0x75, 0x49],
    [0xf6, 0xfd, 0x58, 0x4a, 0x4e, 0x13],
    [0x62, 0x8c, 0xb1, 0x15, 0x28, 0x7a],
    [0xb3, 0x14, 0x02, 0x5d, 0x14, 0x9f],
    [0xb8, 0x37, 0xe3, 0x1c, 0xbe, 0x74],
    [0xa2, 0x10, 0x9f, 0xef, 0x9f, 0x8b],
    [0x4c, 0x1b, 0x27, 0xab, 0x55, 0xb7],
    [0x73, 0x98, 0xa7, 0x28, 0x59, 0xdd],
    [0x19, 0x5b, 0xe6, 0x58, 0x96, 0x2e],
    [0xc5, 0xdf, 0xcf, 0x46, 0xac, 0x65],
];

impl PublicKey {
    /// Whether the private half is published, so that anyone can sign. Such a key is taken only with `"for_tests":
    /// true` in its JWK.
    #[must_use]
    pub fn is_published(&self) -> bool {
        PREFIXES.iter().any(|prefix| self.as_bytes().starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use ed25519_dalek::SigningKey;

    use super::{PREFIX, PREFIXES};
    use crate::signature::ed25519::PublicKey;

    /// RFC 8032 section 7.1, TEST 1, 2, 3, 1024 and SHA(abc), which section 7.3 has as well; section 7.2, its two keys;
    /// RFC 8410 section 10.3; RFC 9421 appendix B.1.4.
    const SEEDS: [&str; 9] = [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
        "ab9c2853ce297ddab85c993b3ae14bcad39b2c682beabc27d6d4eb20711d6560",
        "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842",
        "9f8362f87a484a954e6e740c5b4c0e84229139a20aa8ab56ff66586f6a7d29c5",
    ];
    const BYTES: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 42, 255];
    const NAMES: [&str; 14] =
        ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "root-1", "root-2", "thief", "evil"];

    fn seeds() -> Vec<[u8; 32]> {
        let digit = |text: &str, place: usize| u8::from_str_radix(&text[place..place + 2], 16).unwrap();
        let of_hex = |text: &&str| core::array::from_fn(|index| digit(text, 2 * index));
        let of_name = |name: &&str| core::array::from_fn(|index| name.as_bytes()[index % name.len()]);
        let counted = core::array::from_fn(|index| u8::try_from(index).unwrap());
        let seeds = SEEDS.iter().map(of_hex).chain(BYTES.iter().map(|byte| [*byte; 32])).chain([counted]);
        seeds.chain(NAMES.iter().map(of_name)).collect()
    }

    #[test]
    fn each_is_made_from_its_published_half() {
        let keys: Vec<_> = seeds().iter().map(|seed| SigningKey::from_bytes(seed).verifying_key()).collect();
        let prefixes: Vec<_> = keys.iter().map(|key| key.as_bytes()[..PREFIX].to_vec()).collect();
        assert_eq!(prefixes, PREFIXES.map(|prefix| prefix.to_vec()));
        assert!(keys.iter().all(|key| PublicKey::from_bytes(key.as_bytes()).unwrap().is_published()));
    }

    #[test]
    fn another_key_is_not() {
        let key = SigningKey::from_bytes(&[0x5a; 32]).verifying_key();
        assert!(!PublicKey::from_bytes(key.as_bytes()).unwrap().is_published());
    }
}
