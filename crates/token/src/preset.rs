//! Presets: carriers, rules and answers for the services that this project stands in front of. They are files, to be read
//! by people as well.

use alloc::vec::Vec;

use crate::{
    config::{Config, FromConfig, Preset, PresetName},
    config_error::ConfigError,
};

impl PresetName {
    /// The file.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Dataway => include_str!("../presets/dataway.json"),
            Self::Datakit => include_str!("../presets/datakit.json"),
            Self::Openapi => include_str!("../presets/openapi.json"),
        }
    }
}

impl Config {
    /// Adds what the presets say to what the configuration leaves open, and gives the carriers for providers without any.
    pub(crate) fn apply_presets(&mut self) -> Result<FromConfig, ConfigError> {
        let mut from: Option<FromConfig> = None;
        for name in &self.presets {
            let preset = Preset::from_json(name.text()).map_err(|error| error.within("presets"))?;
            match &mut from {
                None => from = Some(preset.from),
                Some(from) => {
                    from.headers.extend(preset.from.headers);
                    from.params.extend(preset.from.params);
                }
            }
            for (role, grants) in preset.roles {
                self.roles.entry(role).or_insert(grants);
            }
            self.rules.extend(preset.rules);
            let (own, other) = (&mut self.responses, preset.responses);
            own.realm = own.realm.take().or(other.realm);
            own.format = own.format.or(other.format);
            own.cors = own.cors.take().or(other.cors);
        }
        Ok(from.unwrap_or_default())
    }
}

impl PresetName {
    /// Every preset.
    pub(crate) const ALL: [Self; 3] = [Self::Dataway, Self::Datakit, Self::Openapi];
}

/// The names of all presets, and their files.
#[must_use]
pub fn presets() -> Vec<(&'static str, &'static str)> {
    let name = |preset: PresetName| match preset {
        PresetName::Dataway => "dataway",
        PresetName::Datakit => "datakit",
        PresetName::Openapi => "openapi",
    };
    PresetName::ALL.into_iter().map(|preset| (name(preset), preset.text())).collect()
}
