//! PEFT's settings, which hold the scale that its files have no tensor for: in the header's `lora_adapter_metadata`
//! (diffusers) or in `adapter_config.json` beside the weights (PEFT itself).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The header's key.
pub(crate) const METADATA_KEY: &str = "lora_adapter_metadata";

/// What one component's settings say about scales.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Config {
    r: Option<f64>,
    lora_alpha: Option<f64>,
    /// What `LoHa` and `LoKr` call `lora_alpha`.
    alpha: Option<f64>,
    /// The first pattern that fits counts, so that these keep their order.
    alpha_pattern: Map<String, Value>,
    rank_pattern: Map<String, Value>,
    use_rslora: bool,
    /// `true` and `false`, or the name of a method.
    init_lora_weights: Value,
}

/// Methods that begin with another base: what they take out of its weights, PEFT takes out again when it loads the adapter. `pissa`
/// and `corda` have names with more behind them.
const CHANGED_BASE: [&str; 5] = ["pissa", "corda", "olora", "lora_ga", "loftq"];

impl Config {
    fn check(&self) -> Result<(), String> {
        let method = self.init_lora_weights.as_str().unwrap_or_default();
        if !CHANGED_BASE.iter().any(|name| method.starts_with(name)) {
            return Ok(());
        }
        Err(format!(
            "its settings say `init_lora_weights: {method}`: it fits a base that was changed by this method; save it in PEFT \
             with `path_initial_model_for_weight_conversion`, which makes it fit the base itself"
        ))
    }
}

/// The settings of every component of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct PeftScales(BTreeMap<String, Config>);

impl PeftScales {
    /// Reads the text under [`METADATA_KEY`]: one object whose keys are `component.setting`.
    pub(crate) fn from_header(text: &str) -> Result<Self, String> {
        let failed = |error| format!("its `{METADATA_KEY}` cannot be read: {error}");
        let flat: Map<String, Value> = serde_json::from_str(text).map_err(failed)?;
        let mut components: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        for (key, value) in flat {
            let (component, setting) = key.rsplit_once('.').unwrap_or(("", &key));
            let settings = components.entry(component.to_owned()).or_default();
            settings.insert(setting.to_owned(), value);
        }
        let configs = components
            .into_iter()
            .map(|(component, settings)| {
                let config = parse(settings).map_err(failed)?;
                config.check()?;
                Ok((component, config))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self(configs))
    }

    /// Reads `adapter_config.json`, which is about the whole file.
    pub(crate) fn from_config(text: &str) -> Result<Self, String> {
        let config = serde_json::from_str(text).and_then(parse);
        let config = config.map_err(|error| format!("its settings cannot be read: {error}"))?;
        config.check()?;
        Ok(Self([(String::new(), config)].into()))
    }

    /// The scale of a layer whose factors have this inner width (none where no factor is a product).
    pub(crate) fn scale(&self, stem: &str, rank: Option<usize>) -> Result<Option<f32>, String> {
        let stem = stem.strip_prefix("base_model.model.").unwrap_or(stem);
        let prefixed = stem
            .split_once('.')
            .and_then(|(component, path)| Some((self.0.get(component)?, path)));
        let Some((config, path)) = prefixed.or_else(|| Some((self.0.get("")?, stem))) else {
            return Ok(None);
        };
        let path = path.strip_prefix("base_model.model.").unwrap_or(path);
        let alpha = match in_pattern(&config.alpha_pattern, path)? {
            Some(alpha) => Some(alpha),
            None => config.lora_alpha.or(config.alpha),
        };
        let rank = match (rank, in_pattern(&config.rank_pattern, path)?) {
            (Some(rank), _) => Some(rank as f64),
            (None, Some(rank)) => Some(rank),
            (None, None) => config.r,
        };
        let (Some(alpha), Some(rank)) = (alpha, rank) else {
            return Ok(None);
        };
        let divisor = if config.use_rslora { rank.sqrt() } else { rank };
        Ok(Some((alpha / divisor) as f32))
    }
}

/// Settings that are `null` count as absent.
fn parse(mut settings: Map<String, Value>) -> Result<Config, serde_json::Error> {
    settings.retain(|_, value| !value.is_null());
    serde_json::from_value(Value::Object(settings))
}

/// The value of the first pattern that a layer's path ends with. PEFT takes patterns for regular expressions; names
/// with or without `^` in front are those that its own tools write.
fn in_pattern(patterns: &Map<String, Value>, path: &str) -> Result<Option<f64>, String> {
    for (pattern, value) in patterns {
        let (anchored, name) = match pattern.strip_prefix('^') {
            Some(name) => (true, name),
            None => (false, pattern.as_str()),
        };
        let name = name.strip_suffix('$').unwrap_or(name).replace("\\.", ".");
        if name.contains(['*', '+', '?', '|', '(', '[', '{', '\\', '^', '$']) {
            return Err(format!(
                "its settings give a scale by the regular expression `{pattern}`, which is not supported; \
                 save it with plain layer names"
            ));
        }
        let inside = path
            .strip_suffix(&name)
            .is_some_and(|front| front.ends_with('.') && !anchored);
        if path == name || inside {
            let wrong =
                || format!("its settings give `{value}` for `{pattern}`, expected a number");
            return value.as_f64().map(Some).ok_or_else(wrong);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_come_from_the_component_the_pattern_and_the_kind_of_scaling() {
        let scales = PeftScales::from_header(
            r#"{"unet.r": 4, "unet.lora_alpha": 2, "unet.alpha_pattern": {"mid_block.to_q": 8, "^conv_in": 1},
                "unet.use_rslora": null, "text_encoder.r": 16, "text_encoder.lora_alpha": 8,
                "text_encoder.use_rslora": true}"#,
        )
        .unwrap();
        for (stem, rank, scale) in [
            ("unet.down.to_q", Some(4), Some(0.5)),
            ("unet.a.mid_block.to_q", Some(4), Some(2.0)),
            ("unet.xmid_block.to_q", Some(4), Some(0.5)),
            ("unet.conv_in", Some(4), Some(0.25)),
            ("unet.a.conv_in", None, Some(0.5)),
            ("text_encoder.a", Some(16), Some(2.0)),
            ("text_encoder_2.a", Some(16), None),
        ] {
            assert_eq!(scales.scale(stem, rank).unwrap(), scale, "{stem}");
        }
    }

    #[test]
    fn adapters_of_a_changed_base_are_refused_by_the_name_of_the_method() {
        for (method, is_used) in [
            ("true", true),
            ("null", true),
            ("\"gaussian\"", true),
            ("\"eva\"", true),
            ("\"pissa_niter_16\"", false),
            ("\"olora\"", false),
            ("\"loftq\"", false),
        ] {
            let config = format!("{{\"r\": 1, \"init_lora_weights\": {method}}}");
            assert_eq!(
                PeftScales::from_config(&config).is_ok(),
                is_used,
                "{method}"
            );
            let header = format!("{{\"unet.r\": 1, \"unet.init_lora_weights\": {method}}}");
            assert_eq!(
                PeftScales::from_header(&header).is_ok(),
                is_used,
                "{method}"
            );
        }
    }

    #[test]
    fn the_first_pattern_that_fits_counts() {
        let text = r#"{"r": 4, "lora_alpha": 4, "alpha_pattern": {"to_q": 8, "b.to_q": 1}}"#;
        let scale = |text: &str| {
            PeftScales::from_config(text)
                .unwrap()
                .scale("a.b.to_q", Some(4))
        };
        assert_eq!(scale(text).unwrap(), Some(2.0));
        let text = text.replace(r#""to_q": 8, "b.to_q": 1"#, r#""b.to_q": 1, "to_q": 8"#);
        assert_eq!(scale(&text).unwrap(), Some(0.25));
    }

    #[test]
    fn settings_that_cannot_be_followed_are_named() {
        let error = PeftScales::from_header("[").unwrap_err();
        assert!(error.contains(METADATA_KEY), "{error}");
        let scales =
            PeftScales::from_config(r#"{"r": 1, "lora_alpha": 1, "alpha_pattern": {".*q": 1}}"#);
        let error = scales.unwrap().scale("a.q", Some(1)).unwrap_err();
        assert!(error.contains("`.*q`"), "{error}");
        let scales = PeftScales::from_config(r#"{"r": 1, "alpha_pattern": {"q": "x"}}"#);
        let error = scales.unwrap().scale("a.q", Some(1)).unwrap_err();
        assert!(error.contains("expected a number"), "{error}");
    }
}
