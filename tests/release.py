"""A training step of the released code of the TOD papers, written naively in float64 from its description.

Two forward passes, batch norm by hand, two heads, a teacher of its own, SGD with momentum: nothing of the
package takes part.
"""

from __future__ import annotations

import torch
from torch import nn

MOMENTUM, DECAY, WEIGHT = 0.9, 5e-4, 0.02


class TwinNet(nn.Module):
    """A network with batch norm in float64, whatever its inputs are."""

    def __init__(self, inputs=6, hidden=8, classes=3):
        super().__init__()
        self.first, self.norm = nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden)
        self.head = nn.Linear(hidden, classes)
        self.double()

    def forward_features(self, x):
        return torch.tanh(self.norm(self.first(x.double())))

    def forward_head(self, x, pre_logits=False):
        return x if pre_logits else self.head(x)

    def forward(self, x):
        return self.forward_head(self.forward_features(x))


class NaiveNet:
    """The same network as plain tensors, in train mode."""

    def __init__(self, state):
        copied = {name: tensor.detach().clone() for name, tensor in state.items()}
        self.mean, self.variance = copied["norm.running_mean"], copied["norm.running_var"]
        self.weights = {name: copied[name] for name in copied if name.endswith(("weight", "bias"))}

    def forward(self, x, weights=None):
        """Return (B, C) scores and (B, D) features, and follow the batch's statistics."""
        w = weights or self.weights
        hidden = x.double() @ w["first.weight"].T + w["first.bias"]
        count = len(hidden)
        mean = hidden.sum(0) / count
        variance = ((hidden - mean) ** 2).sum(0) / count
        self.mean = 0.9 * self.mean + 0.1 * mean.detach()
        self.variance = 0.9 * self.variance + 0.1 * variance.detach() * count / (count - 1)
        features = torch.tanh((hidden - mean) / (variance + 1e-5) ** 0.5 * w["norm.weight"] + w["norm.bias"])
        return features @ w["head.weight"].T + w["head.bias"], features


def mean_square(one, two):
    return ((one - two) ** 2).sum() / one.numel()


class NaiveRelease:
    """The student with its second head, the teacher and the optimiser of one trial.

    Args:
        student: Tensors of the student by name.
        teacher: Those of the teacher.
        second: Weight and bias of the second head.
    """

    def __init__(self, student, teacher, second):
        self.student, self.teacher = NaiveNet(student), NaiveNet(teacher)
        self.student.weights |= {"second.weight": second[0].clone(), "second.bias": second[1].clone()}
        self.velocity, self.count, self.gradients = {}, 0, {}

    def begin_cycle(self):
        """Make the optimiser again; the teacher and the count of its steps go on."""
        self.velocity = {}

    def step(self, x, y, u, *, lr):
        """Make one step and return its task loss, residual and consistency, the last two weighted."""
        w = {name: tensor.clone().requires_grad_() for name, tensor in self.student.weights.items()}
        scores, features = self.student.forward(x, w)
        u_scores, u_features = self.student.forward(u, w)
        with torch.no_grad():
            taught, u_taught = self.teacher.forward(x)[0], self.teacher.forward(u)[0]
        second, u_second = (f @ w["second.weight"].T + w["second.bias"] for f in (features, u_features))
        task = -sum(torch.log_softmax(scores[row], 0)[y[row]] for row in range(len(y))) / len(y)
        residual = WEIGHT * (mean_square(scores, second) + mean_square(u_scores, u_second))
        consistency = WEIGHT * (mean_square(second, taught) + mean_square(u_second, u_taught))
        found = torch.autograd.grad(task + residual + consistency, list(w.values()))
        self.gradients = dict(zip(w, found, strict=True))
        for name, gradient in self.gradients.items():
            along = gradient + DECAY * self.student.weights[name]
            before = self.velocity.get(name)
            self.velocity[name] = along if before is None else MOMENTUM * before + along
            self.student.weights[name] = self.student.weights[name] - lr * self.velocity[name]
        self.count += 1
        alpha = min(1 - 1 / (self.count + 1), 0.999)
        for name, mean in self.teacher.weights.items():
            self.teacher.weights[name] = alpha * mean + (1 - alpha) * self.student.weights[name]
        return {
            "supervised": task.detach(),
            "residual": residual.detach(),
            "consistency": consistency.detach(),
        }
