//! What is wrong with the answer of a key source.

use alloc::string::String;
use core::fmt;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident $code:literal;)*) => {
        /// What kind of fault it is: the name of a metric, a word in a log line.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum SourceFault { $($(#[$doc])* $name,)* }

        impl SourceFault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

faults! {
    /// No answer: no connection, no name, a timeout.
    Unreachable "unreachable";
    /// The status is not 200; a redirect is not followed.
    BadStatus "bad_status";
    /// A key set that is not sent as JSON.
    BadContentType "bad_content_type";
    /// Longer than `max_bytes`.
    TooLarge "too_large";
    /// Not a JWK Set, or not a trust bundle.
    Malformed "malformed";
    /// A key set without a key that can be used, or with one that must not be.
    BadKeys "bad_keys";
    /// Not signed by a pinned root in office.
    Untrusted "untrusted";
    /// The bundle of another issuer.
    IssuerMismatch "issuer_mismatch";
    /// The bundle's `exp` has passed.
    Expired "expired";
    /// The bundle's `iat` lies in the future.
    NotYetValid "not_yet_valid";
    /// The bundle's `seq` is lower than one seen before.
    RolledBack "rolled_back";
    /// The bundle's `seq` is that of another bundle.
    Equivocation "equivocation";
    /// The bundle's `seq` is too far ahead.
    SequenceJump "sequence_jump";
}

/// Why an answer was not taken; the content from before stays. It shows nothing of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    fault: SourceFault,
    detail: String,
}

impl SourceError {
    pub(crate) fn new(fault: SourceFault, detail: impl Into<String>) -> Self {
        Self { fault, detail: detail.into() }
    }

    /// Its kind.
    #[must_use]
    pub const fn fault(&self) -> SourceFault {
        self.fault
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.fault.code(), self.detail)
    }
}

impl core::error::Error for SourceError {}
