//! Time: the caller's clock, NumericDate (RFC 7519 section 2) and durations.

use datakit_token_encoding::json::Number;

/// The last second of the year 9999.
pub const MAX_TIME: u64 = 253_402_300_799;

/// Seconds since 1970-01-01T00:00:00Z, handed in by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(u64);

impl UnixTime {
    /// 1 to 253402300799. Anything else is a broken clock or another unit (milliseconds) and gives `None`; deny then
    /// with [`crate::Reason::NotConfigured`].
    #[must_use]
    pub const fn from_secs(secs: u64) -> Option<Self> {
        if secs == 0 || secs > MAX_TIME { None } else { Some(Self(secs)) }
    }

    /// The seconds.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }
}

/// The time is before 1970, or after the year 9999: a broken clock.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTime;

#[cfg(feature = "std")]
impl core::fmt::Display for InvalidTime {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("expected a time from 1970 to 9999")
    }
}

#[cfg(feature = "std")]
impl core::error::Error for InvalidTime {}

#[cfg(feature = "std")]
impl TryFrom<std::time::SystemTime> for UnixTime {
    type Error = InvalidTime;

    fn try_from(time: std::time::SystemTime) -> Result<Self, InvalidTime> {
        let since = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| InvalidTime)?;
        Self::from_secs(since.as_secs()).ok_or(InvalidTime)
    }
}

/// The seconds, from one until before another, in which nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValidityPeriod {
    from: u64,
    until: u64,
}

impl ValidityPeriod {
    pub(crate) const fn new(from: u64, until: u64) -> Self {
        Self { from, until }
    }

    pub(crate) const fn contains(self, second: u64) -> bool {
        self.from <= second && second < self.until
    }

    /// What is inside both.
    pub(crate) fn intersect(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.min(other.until) }
    }
}

/// A NumericDate between two whole seconds, decided on its decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumericDate {
    floor: u64,
    fraction: bool,
}

impl NumericDate {
    /// Reads a number from 0 to 253402300799; fractions and exponents are exact (RFC 7519 section 2, RFC 8259
    /// section 6).
    #[must_use]
    pub fn from_number(number: Number<'_>) -> Option<Self> {
        let text = number.as_str();
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(decimals.bytes()).map(|digit| digit.wrapping_sub(b'0'));
        if digits().all(|digit| digit == 0) {
            return Some(Self { floor: 0, fraction: false });
        }
        // A number with an exponent of more digits than this is out of range, or a fraction of less than a second.
        let exponent = match exponent.strip_prefix('-') {
            Some(rest) => rest.parse::<i64>().unwrap_or(i64::MAX).checked_neg()?,
            None => exponent.strip_prefix('+').unwrap_or(exponent).parse::<i64>().unwrap_or(i64::MAX),
        };
        let point = i64::try_from(whole.len()).ok()?.saturating_add(exponent);
        let mut floor = 0_u64;
        let mut fraction = false;
        let mut position = 0_i64;
        for digit in digits() {
            if position < point {
                floor = floor.checked_mul(10)?.checked_add(u64::from(digit))?;
            } else {
                fraction |= digit != 0;
            }
            position = position.saturating_add(1);
        }
        while position < point {
            floor = floor.checked_mul(10)?;
            position = position.saturating_add(1);
        }
        let date = Self { floor, fraction };
        (!negative && date.ceil() <= MAX_TIME).then_some(date)
    }

    /// The second that has begun.
    #[must_use]
    pub const fn floor(self) -> u64 {
        self.floor
    }

    /// The first whole second that is not earlier.
    #[must_use]
    pub const fn ceil(self) -> u64 {
        if self.fraction { self.floor.saturating_add(1) } else { self.floor }
    }
}

/// Reads a duration, as configurations have them: a whole number and `s`, `m`, `h` or `d`. Gives seconds, at most
/// [`MAX_TIME`].
#[must_use]
pub fn parse_duration(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let factor: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|seconds| *seconds <= MAX_TIME)
}

#[cfg(test)]
mod tests {
    use super::{NumericDate, UnixTime, parse_duration};
    use datakit_token_encoding::json::{Json, Value};

    fn read(text: &str) -> Option<(u64, u64)> {
        {
            let json = Json::parse(text).unwrap();
            let Value::Number(number) = json.value() else { panic!("{text}") };
            NumericDate::from_number(number)
        }
        .map(|date| (date.floor(), date.ceil()))
    }

    #[test]
    fn numeric_dates_are_exact() {
        assert_eq!(read("1790003600"), Some((1_790_003_600, 1_790_003_600)));
        assert_eq!(read("1790003600.5"), Some((1_790_003_600, 1_790_003_601)));
        assert_eq!(read("1790003600.00000000000000001"), Some((1_790_003_600, 1_790_003_601)));
        assert_eq!(read("1.7900036e9"), Some((1_790_003_600, 1_790_003_600)));
        assert_eq!(read("17900036e2"), Some((1_790_003_600, 1_790_003_600)));
        assert_eq!(read("17900036000E-1"), Some((1_790_003_600, 1_790_003_600)));
        assert_eq!(read("-0"), Some((0, 0)));
        assert_eq!(read("0e99999999999999999999"), Some((0, 0)));
        assert_eq!(read("1e-99999999999999999999"), Some((0, 1)));
        assert_eq!(read("253402300799"), Some((253_402_300_799, 253_402_300_799)));
        for text in [
            "-1",
            "-0.1",
            "1e400",
            "1e99999999999999999999",
            "253402300800",
            "253402300799.5",
            "18446744073709551616",
            "1790003600000",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn clocks_in_another_unit_are_refused() {
        assert!(UnixTime::from_secs(0).is_none());
        assert!(UnixTime::from_secs(1_790_000_000_000).is_none());
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("10m"), Some(600));
        assert_eq!(parse_duration("0s"), Some(0));
        for text in ["", "s", "1", "1w", "-1s", "+1s", "1.5h", " 1s", "99999999999999999999s", "1ß"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
