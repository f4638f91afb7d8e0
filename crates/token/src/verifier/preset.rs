//! Presets: carriers, rules and answers for the services that this project stands in front of. They are files, to be
//! read by people as well.

use crate::{
    error::ConfigError,
    request::config::FromConfig,
    verifier::document::{Config, Preset, PresetName},
};

impl PresetName {
    /// The file.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Dataway => include_str!("../../presets/dataway.json"),
            Self::Datakit => include_str!("../../presets/datakit.json"),
            Self::Openapi => include_str!("../../presets/openapi.json"),
        }
    }
}

impl Config {
    /// Adds what the presets say to what the configuration leaves open, and gives the carriers for providers without
    /// any.
    pub(crate) fn apply_presets(&mut self) -> Result<FromConfig, ConfigError> {
        if self.presets.is_empty() { Ok(FromConfig::default()) } else { self.apply_each_preset() }
    }

    // Apart, as few configurations come here: "Cold paths" in docs/performance.md.
    #[inline(never)]
    fn apply_each_preset(&mut self) -> Result<FromConfig, ConfigError> {
        let mut from: Option<FromConfig> = None;
        for name in &self.presets {
            let preset = Preset::from_json(name.text()).map_err(|error| error.within("presets"))?;
            match &mut from {
                None => from = Some(preset.from),
                Some(from) => {
                    from.headers.extend(preset.from.headers);
                    from.params.extend(preset.from.params);
                    from.cookies.extend(preset.from.cookies);
                    from.cookie_origins.extend(preset.from.cookie_origins);
                }
            }
            for (role, grants) in preset.roles {
                self.roles.get_or_insert(role, || grants);
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

/// The names of all presets, and their files.
#[must_use]
pub const fn presets() -> [(&'static str, &'static str); 3] {
    [
        ("dataway", PresetName::Dataway.text()),
        ("datakit", PresetName::Datakit.text()),
        ("openapi", PresetName::Openapi.text()),
    ]
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    use serde_json::{Value, json};

    use super::presets;
    use crate::Verifier;

    /// A configuration with one provider and these members.
    fn compile(members: &Value) -> Verifier {
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "for_tests": true });
        let mut config = json!({ "version": 1, "providers": [
            { "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "inline": { "keys": [key] } } }] });
        for (name, value) in members.as_object().unwrap() {
            config[name] = value.clone();
        }
        Verifier::from_json(format!("{config}").as_bytes()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn each_preset_compiles_and_all_of_them_together() {
        let names: Vec<&str> = presets().into_iter().map(|(name, _)| name).collect();
        let every = names.iter().map(|name| Vec::from([*name])).chain([names.clone()]);
        for names in every {
            let verifier = compile(&json!({ "presets": names }));
            assert!(verifier.warnings().is_empty(), "{names:?}: {}", verifier.warnings()[0]);
        }
    }

    #[test]
    fn every_rule_of_a_preset_can_match() {
        for (name, text) in presets() {
            let verifier = compile(&json!({ "rules": read(text)["rules"] }));
            assert!(verifier.warnings().is_empty(), "{name}: {}", verifier.warnings()[0]);
        }
    }

    /// Else the order of their names would decide who passes.
    #[test]
    fn presets_do_not_contradict_each_other() {
        let mut seen: Vec<(Value, Value)> = Vec::new();
        for (name, text) in presets() {
            for rule in read(text)["rules"].as_array().unwrap() {
                let access = json!([rule["require"], rule["allow"]]);
                let earlier = seen.iter().find(|(path, _)| *path == rule["match"]["path"]);
                assert!(earlier.is_none_or(|(_, other)| *other == access), "{name}: {rule}");
                seen.push((rule["match"]["path"].clone(), access));
            }
        }
    }

    #[test]
    fn a_rule_that_replaces_one_of_a_preset_is_no_warning() {
        let ping =
            json!({ "match": { "methods": ["GET"], "path": { "exact": "/v1/ping" } }, "allow": "authenticated" });
        assert!(compile(&json!({ "presets": ["dataway"], "rules": [ping] })).warnings().is_empty());
        let twice = compile(&json!({ "presets": ["dataway"], "rules": [ping, ping] }));
        assert!(format!("{}", twice.warnings()[0]).starts_with("/rules/1: never matches"));
    }

    /// They are compiled into both modules and read by people.
    #[test]
    fn presets_have_one_rule_a_line_and_no_filling() {
        for (name, text) in presets() {
            let lines: Vec<String> =
                text.lines().filter(|line| line.starts_with("{\"match\"")).map(String::from).collect();
            assert_eq!(lines.len(), read(text)["rules"].as_array().unwrap().len(), "{name}");
            assert!(!text.contains("  ") && text.len() < 10_000, "{name}: {}", text.len());
        }
    }
}
