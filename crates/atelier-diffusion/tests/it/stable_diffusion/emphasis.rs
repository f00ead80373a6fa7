//! Weighted prompts against transformers: ids, weights, and states with the mean of each chunk restored.

use atelier_core::PromptSyntax;
use atelier_diffusion::prompt::{Prompt, weigh};
use atelier_diffusion::tokenizer::Tokenizer;
use atelier_nn::gradients::values_of;
use atelier_testkit::{assert_case_close, golden, tiny_sd15};
use burn::tensor::Device;

/// The reference weighs in f64. What is left is the rounding of one product in f32.
const TOLERANCE: f64 = 1e-6;

#[test]
fn weighted_states_agree_token_by_token() {
    let (file, device) = (golden("emphasis"), Device::flex());
    let tokenizer = Tokenizer::open(&tiny_sd15().join("tokenizer")).unwrap();
    let cases = file.config();
    for (case, settings) in cases.as_object().unwrap() {
        let text = settings["prompt"].as_str().unwrap();
        let prompt = Prompt::read(text, PromptSyntax::Weighted).unwrap();
        let chunks = prompt.chunks(&tokenizer);
        let ids: Vec<i64> = chunks.ids.iter().flatten().map(|&id| id.into()).collect();
        assert_eq!(ids, file.ints(&format!("{case}.ids")), "{case}");
        let weights = file.vec(&format!("{case}.weights"));
        assert_eq!(chunks.weights.concat(), weights, "{case}");
        atelier_testkit::parity::exact(case, ids.len() + weights.len());
        let states = weigh(file.tensor(&format!("{case}.states"), &device), &chunks);
        let expected = format!("{case}.weighted");
        assert_eq!(states.dims().to_vec(), file.shape(&expected));
        assert_case_close(
            "states",
            &values_of(states),
            &file.vec(&expected),
            TOLERANCE,
        );
    }
    assert_eq!(cases.as_object().unwrap().len(), 6);
}
