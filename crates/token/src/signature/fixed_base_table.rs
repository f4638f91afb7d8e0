//! Multiples of one point, computed once, so that multiplying it takes additions alone.
//!
//! A scalar is written as 32 signed digits to the base 256; for each place the table has the point times 1 to 128 at
//! that place. Nothing here is secret, so the time may depend on the scalar.

use alloc::vec::Vec;

use curve25519_dalek::{edwards::EdwardsPoint, scalar::Scalar};

/// Digits of a scalar.
const DIGITS: usize = 32;
/// Multiples for each digit; the sign is the addition's.
const MULTIPLES: usize = 128;

/// A table for one point.
pub(crate) struct FixedBaseTable(Vec<EdwardsPoint>);

impl FixedBaseTable {
    /// Bytes that a table takes.
    pub(crate) const BYTES: usize = DIGITS * MULTIPLES * size_of::<EdwardsPoint>();

    pub(crate) fn new(point: EdwardsPoint) -> Self {
        let mut table = Vec::with_capacity(DIGITS * MULTIPLES);
        let mut place = point;
        for _ in 0..DIGITS {
            let mut multiple = place;
            for _ in 1..MULTIPLES {
                table.push(multiple);
                multiple += place;
            }
            table.push(multiple);
            // Twice 128 times is once at the next place.
            place = multiple + multiple;
        }
        Self(table)
    }

    /// Adds the point, multiplied by a scalar, to a sum.
    pub(crate) fn add_multiple(&self, mut sum: EdwardsPoint, scalar: &Scalar) -> EdwardsPoint {
        for (digit, multiples) in digits(scalar).into_iter().zip(self.0.chunks_exact(MULTIPLES)) {
            let magnitude = usize::from(digit.unsigned_abs());
            if let Some(multiple) = magnitude.checked_sub(1).and_then(|place| multiples.get(place)) {
                // Not `+=`, which copies the sum once more.
                sum = if digit > 0 { sum + multiple } else { sum - multiple };
            }
        }
        sum
    }
}

/// Digits from -127 to 128, the lowest first. A scalar is below 2^253, so the last one takes the carry.
fn digits(scalar: &Scalar) -> [i16; DIGITS] {
    let mut digits = [0; DIGITS];
    let mut carry = 0_i16;
    for (digit, byte) in digits.iter_mut().zip(scalar.as_bytes()) {
        let value = i16::from(*byte).wrapping_add(carry);
        carry = i16::from(value > 128);
        *digit = if value > 128 { value.wrapping_sub(256) } else { value };
    }
    digits
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::{
        constants::ED25519_BASEPOINT_POINT, edwards::EdwardsPoint, scalar::Scalar, traits::Identity,
    };

    use super::{FixedBaseTable, digits};

    #[test]
    fn a_comb_multiplies_as_the_curve_does() {
        let point = ED25519_BASEPOINT_POINT * Scalar::from(77_u8);
        let comb = FixedBaseTable::new(point);
        let mut scalar = Scalar::from(3_u8);
        let edges = [
            Scalar::ZERO,
            Scalar::ONE,
            -Scalar::ONE,
            Scalar::from(128_u8),
            Scalar::from(129_u8),
            Scalar::from(255_u16),
            Scalar::from(256_u16),
            Scalar::from(0x8080_8080_8080_8080_u64),
        ];
        for scalar in edges.into_iter().chain((0..200).map(|_| {
            scalar = scalar * scalar + Scalar::ONE;
            scalar
        })) {
            let start = EdwardsPoint::identity() + ED25519_BASEPOINT_POINT;
            assert_eq!(comb.add_multiple(start, &scalar), start + point * scalar);
        }
    }

    #[test]
    fn digits_are_the_scalar() {
        for scalar in [
            Scalar::ZERO,
            -Scalar::ONE,
            Scalar::from_bytes_mod_order([0x80; 32]),
            Scalar::from_bytes_mod_order([0x81; 32]),
        ] {
            let sum = digits(&scalar).iter().rev().fold(Scalar::ZERO, |sum, digit| {
                assert!((-127..=128).contains(digit));
                let magnitude = Scalar::from(u64::from(digit.unsigned_abs()));
                sum * Scalar::from(256_u16) + if *digit < 0 { -magnitude } else { magnitude }
            });
            assert_eq!(sum, scalar);
        }
    }
}
