//! The shared vectors, and what it takes to put them to real Envoy and Node: a clock, an upstream, a client, a key
//! server.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test tooling: a missing member of a vector is null, and nothing here meets hostile sizes"
)]

pub mod checkout;
pub mod client;
pub mod configuration_page;
pub mod corpora;
pub mod envoy;
pub mod gateway;
pub mod hostile;
pub mod issued;
pub mod key_server;
pub mod load;
pub mod minimal_config;
pub mod mint;
pub mod node;
pub mod path_readers;
pub mod process;
pub mod servers;
pub mod spelled_paths;
pub mod spellings;
pub mod unpacked;
pub mod upstream;
pub mod vectors;
pub mod worker;
