//! The optimizer and the limit on the gradient norm against `torch.optim.AdamW`.

use atelier_nn::adamw::{AdamW, Moments, Pace};
use atelier_nn::gradients::clip_norm;
use atelier_testkit::{assert_close, golden};

const NAMES: [&str; 2] = ["matrix", "row"];

#[test]
fn ten_steps_follow_pytorch_with_and_without_a_limit_on_the_norm() {
    let file = golden("adamw");
    let config = file.config();
    for (case, settings) in config.as_object().unwrap() {
        let number = |key: &str| settings[key].as_f64().unwrap();
        let adamw = AdamW {
            beta1: settings["betas"][0].as_f64().unwrap(),
            beta2: settings["betas"][1].as_f64().unwrap(),
            epsilon: number("eps"),
            weight_decay: number("weight_decay"),
        };
        let mut values = NAMES.map(|name| file.vec(&format!("start.{name}")));
        let mut moments = [0, 1].map(|i: usize| Moments::zeros(values[i].len()));
        for step in 0..10 {
            let slice = |name: &str, length: usize| {
                file.vec(name)[step * length..(step + 1) * length].to_vec()
            };
            let mut gradients =
                [0, 1].map(|i| slice(&format!("gradient.{}", NAMES[i]), values[i].len()));
            let limit = settings["max_norm"].as_f64().unwrap_or(f64::INFINITY);
            let norm = clip_norm(&mut gradients, limit);
            assert_close(&[norm as f32], &slice(&format!("{case}.norms"), 1), 1e-6);
            for i in 0..2 {
                adamw.update(
                    &mut values[i],
                    &gradients[i],
                    &mut moments[i],
                    Pace {
                        step: step as u64 + 1,
                        rate: number("lr"),
                    },
                );
                let expected = slice(&format!("{case}.{}", NAMES[i]), values[i].len());
                assert_close(&values[i], &expected, 1e-6);
            }
        }
    }
    assert_eq!(config.as_object().unwrap().len(), 4);
}
