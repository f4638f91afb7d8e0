//! How a document is read, whatever is in it.
//!
//! In: JSON. Out: structs, or the place of the first fault and what was expected there.
//! It must not know: any member of the document. Each room reads its own.

pub(crate) mod reader;
#[cfg(test)]
pub(crate) mod schema;
pub(crate) mod secret;
pub(crate) mod value;
