//! The shared vectors, and what it takes to put them to real Envoy: a clock, an upstream, a client.

pub mod client;
pub mod envoy;
pub mod mint;
pub mod upstream;
pub mod vectors;
