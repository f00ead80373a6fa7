"""Ten AdamW steps on two small tensors with given gradients, with and without a limit on their norm."""
import torch

from reference import randn, save

STEPS = 10
CASES = {
    "plain": dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
    "decay": dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1),
    "clipped": dict(lr=1e-3, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.01, max_norm=1.0),
    "rarely_clipped": dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, max_norm=4.5),
}


def main():
    start = {"matrix": randn(3, 5, seed=900), "row": randn(1, 7, seed=901)}
    gradients = {"matrix": randn(STEPS, 3, 5, seed=902), "row": randn(STEPS, 1, 7, seed=903)}
    tensors = {f"start.{name}": value for name, value in start.items()}
    tensors.update({f"gradient.{name}": value for name, value in gradients.items()})
    for case, settings in CASES.items():
        settings = dict(settings)
        limit = settings.pop("max_norm", None)
        parameters = {name: torch.nn.Parameter(value.clone()) for name, value in start.items()}
        optimizer = torch.optim.AdamW(parameters.values(), **settings)
        values, norms = {name: [] for name in parameters}, []
        for step in range(STEPS):
            for name, parameter in parameters.items():
                parameter.grad = gradients[name][step].clone()
            norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), limit if limit else float("inf")))
            optimizer.step()
            for name, parameter in parameters.items():
                values[name].append(parameter.detach().clone())
        for name, found in values.items():
            tensors[f"{case}.{name}"] = torch.stack(found)
        tensors[f"{case}.norms"] = torch.stack(norms)
    save(__file__, tensors, CASES)


if __name__ == "__main__":
    main()
