"""Training losses, one file per objective, with its card; ``catalogue`` lists them without importing torch.

``objective(model, x, y, unlabelled, step=step)`` returns the named losses of one training step:

* ``model``: The network in training; a teacher's student.
* ``x``: (L, ...) labelled inputs.
* ``y``: (L,) class indices, or target values in regression.
* ``unlabelled``: (U, ...) unlabelled inputs; None if the objective uses none or the pool has run out of them.
* ``step``: The step of this fit, from 0.

Before the first step, ``bind(model, example)`` gets the network with its initial weights and its outputs for
a few items, and ``begin(total_steps)`` the length of the fit; without them a ContractError is raised. An
unknown value of an option raises UnknownNameError, one out of range ConfigurationError.
"""
