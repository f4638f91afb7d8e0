//! Who may do what: rules, requirements, and what roles grant.
//!
//! In: a request and a valid token. Out: what the rule of the request asks for, and whether the token fulfils it.
//! It must not know: signatures, keys, what becomes of the request afterwards.

pub(crate) mod compiler;
pub(crate) mod config;
pub(crate) mod path_pattern;
pub(crate) mod policy;
pub(crate) mod requirement;
pub(crate) mod requirement_config;
pub(crate) mod roles;
pub(crate) mod route;
pub(crate) mod tree;
