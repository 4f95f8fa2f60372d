"""Files of tensors as ``torch.save`` of torch 0.1 left them, written without torch's own pickling."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {
    "protocol_version": 1001,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 8},
}


class _Storage:
    def __init__(self, tensor: Tensor, key: str) -> None:
        self.numbers, self.key = tensor.detach().contiguous().flatten(), key


class _Pickler(pickle.Pickler):
    def __init__(self, file: Any, parameters: frozenset[str], *, built: bool) -> None:
        super().__init__(file, protocol=2)
        self.parameters, self.built = parameters, built
        self.storages: dict[str, _Storage] = {}

    def persistent_id(self, thing: Any) -> Any:
        if not isinstance(thing, _Storage):
            return None
        self.storages[thing.key] = thing
        return ("storage", torch.FloatStorage, thing.key, "cpu", len(thing.numbers), None)

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, _Named):
            plain = _Plain(thing.tensor, thing.name)
            if thing.name not in self.parameters:
                return self.reducer_override(plain)
            if self.built:  # Variable.__reduce_ex__: requires_grad, volatile and hooks are set afterwards
                return torch.nn.Parameter, (plain,), (True, False, OrderedDict())
            return torch.nn.Parameter, (plain, True)
        if isinstance(thing, _Plain):
            storage = _Storage(thing.tensor, str(94_000 + len(self.storages)))
            size, stride = tuple(thing.tensor.shape), thing.tensor.contiguous().stride()
            return torch._utils._rebuild_tensor, (storage, 0, size, stride)
        return NotImplemented


class _Plain:
    def __init__(self, tensor: Tensor, name: str) -> None:
        self.tensor, self.name = tensor, name


class _Named(_Plain):
    pass


def save_as_torch_0_1(
    state: Mapping[str, Tensor], path: Path, parameters: Iterable[str], *, built: bool = False
) -> None:
    """Write floats by name: magic number, version, system, the pickle, keys of storages, their numbers.

    Args:
        state: The tensors; what counts batches is left out, which torch did not do then.
        path: The file.
        parameters: Names of those that are Parameters; the others are plain tensors.
        built: Whether a Parameter's flags follow it, instead of standing in its call.
    """
    named = [(name, _Named(one, name)) for name, one in state.items() if one.is_floating_point()]
    with io.BytesIO() as body:
        pickler = _Pickler(body, frozenset(parameters), built=built)
        pickler.dump(OrderedDict(named))
        keys = sorted(pickler.storages)
        heads = [pickle.dumps(head, protocol=2) for head in (MAGIC, 1001, SYSTEM)]
        content = b"".join([*heads, body.getvalue(), pickle.dumps(keys, protocol=2)])
    for key in keys:
        numbers = pickler.storages[key].numbers
        content += len(numbers).to_bytes(8, "little") + numbers.numpy().tobytes()
    path.write_bytes(content)
