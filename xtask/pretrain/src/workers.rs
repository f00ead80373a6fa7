//! One training step shared among workers: each takes a part of the batch through a model of its own.
//!
//! A small network is done sooner by several workers that never wait for each other than by all processors on every
//! operation. The number of parts is fixed, so that a step gives the same numbers however many processors of one kind there are.

use atelier_nn::Visit;
use atelier_nn::gradients::values_of;
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::store::{Store, gradients_of};

/// Parts of every batch.
pub(crate) const PARTS: usize = 2;

/// Models that hold the same numbers, with the threads that each has for itself.
pub(crate) struct Workers<M> {
    models: Vec<M>,
    pools: Vec<ThreadPool>,
    device: Device,
}

/// What a step gave: the mean gradient of every tensor, and the mean of the losses.
pub(crate) struct Step {
    pub(crate) gradients: Vec<Vec<f32>>,
    pub(crate) losses: Vec<f32>,
}

impl<M: Visit + Send> Workers<M> {
    /// [`PARTS`] workers, with models made by `untrained`.
    pub(crate) fn new(
        device: &Device,
        untrained: impl Fn() -> anyhow::Result<M>,
    ) -> anyhow::Result<Self> {
        let threads = (rayon::current_num_threads() / PARTS).max(1);
        let pool = || ThreadPoolBuilder::new().num_threads(threads).build();
        Ok(Self {
            models: (0..PARTS)
                .map(|_| untrained())
                .collect::<anyhow::Result<_>>()?,
            pools: (0..PARTS).map(|_| pool()).collect::<Result<_, _>>()?,
            device: device.clone(),
        })
    }

    /// The model of the first worker, to begin a [`Store`] with.
    pub(crate) fn model(&mut self) -> &mut M {
        &mut self.models[0]
    }

    /// One step at the numbers of `store`. `losses` maps a model and the number of a part to the loss whose gradient is
    /// taken, and to further figures of which only the means are kept.
    pub(crate) fn step<const F: usize>(
        &mut self,
        store: &Store,
        losses: impl Fn(&M, usize) -> (Tensor<1>, [Tensor<1>; F]) + Sync,
    ) -> Step {
        let (losses, rows) = (&losses, &store.rows(&self.device));
        let parts: Vec<Step> = std::thread::scope(|scope| {
            let workers = self.models.iter_mut().zip(&self.pools).enumerate();
            let running: Vec<_> = workers
                .map(|(part, (model, pool))| {
                    scope.spawn(move || {
                        pool.install(|| {
                            store.install(model, rows);
                            let (loss, figures) = losses(model, part);
                            let gradients = gradients_of(model, loss.backward());
                            Step {
                                gradients,
                                losses: figures.map(|figure| values_of(figure)[0]).to_vec(),
                            }
                        })
                    })
                })
                .collect();
            let join = |worker: std::thread::ScopedJoinHandle<'_, Step>| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            running.into_iter().map(join).collect()
        });
        mean(parts)
    }
}

/// The mean of the parts' numbers.
fn mean(parts: Vec<Step>) -> Step {
    let share = 1.0 / parts.len() as f32;
    let mut parts = parts.into_iter();
    let mut sum = parts.next().expect("there is at least one part");
    let add = |sum: &mut Vec<f32>, row: &Vec<f32>| {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    };
    for part in parts {
        let gradients = sum.gradients.par_iter_mut().zip(&part.gradients);
        gradients.for_each(|(sum, row)| add(sum, row));
        add(&mut sum.losses, &part.losses);
    }
    let scaled = |row: &mut Vec<f32>| row.iter_mut().for_each(|value| *value *= share);
    sum.gradients.par_iter_mut().for_each(scaled);
    scaled(&mut sum.losses);
    sum
}

#[cfg(test)]
mod tests {
    use atelier_nn::init::RandomParams;
    use atelier_nn::{Engine, Linear, Params};
    use burn::tensor::TensorData;

    use super::*;

    #[test]
    fn a_step_gives_the_gradient_of_the_whole_batch_at_the_numbers_of_the_store() {
        let device = Device::flex().autodiff();
        let untrained = || {
            let mut source = RandomParams::new(1);
            let params = Params::new(&mut source, &device, Engine::Reference);
            Ok(Linear::without_bias(&params, 3, 1)?)
        };
        let mut workers = Workers::new(&device, untrained).unwrap();
        let mut store = Store::of(workers.model(), String::new());
        let rows = [[1.0, 0.0, -2.0], [0.5, 3.0, 1.0]];
        for weight in [[0.5, -1.0, 2.0], [1.0, 1.0, 0.0]] {
            store.slots[0].values = weight.to_vec();
            let step = workers.step(&store, |line, part| {
                let row = TensorData::new(rows[part].to_vec(), [1, 3]);
                let y = line.forward(Tensor::<2>::from_data(row, &device));
                let loss = (y.clone() * y).mean();
                (loss.clone(), [loss])
            });
            let products = rows.map(|row| row.iter().zip(weight).map(|(x, w)| x * w).sum::<f32>());
            let slope = |i: usize| products[0] * rows[0][i] + products[1] * rows[1][i];
            for (i, found) in step.gradients[0].iter().enumerate() {
                assert!((found - slope(i)).abs() < 1e-5, "{i} {found}");
            }
            let loss = f32::midpoint(products[0].powi(2), products[1].powi(2));
            assert!((step.losses[0] - loss).abs() < 1e-5);
        }
    }

    #[test]
    fn the_mean_of_the_parts_is_taken_number_by_number() {
        let part = |a: f32, b: f32| Step {
            gradients: vec![vec![a, b], vec![b]],
            losses: vec![a],
        };
        let mean = mean(vec![part(1.0, 2.0), part(3.0, 6.0)]);
        assert_eq!(mean.gradients, [vec![2.0, 4.0], vec![4.0]]);
        assert_eq!(mean.losses, [2.0]);
    }
}
