"""Seeds are derived from the run's seed; no generator state is saved anywhere.

Everything random names its purpose, and the same seed and purpose always give the same derived seed: cycle 7
of a resumed run equals cycle 7 of an unbroken one. No torch.
"""

from __future__ import annotations

import hashlib

__all__ = ["derive"]


def derive(seed: int, *purpose: str | int) -> int:
    """Derive an independent 63-bit seed for one purpose.

    The seed is the head of a BLAKE2b hash of the run's seed and the purpose, so that neighbouring seeds
    and purposes give unrelated streams, on every platform and in every version.

    Args:
        seed: The run's seed, any integer.
        purpose: What the randomness is for, e.g. ``"fit", 3``; the integer 1 and the string "1" differ.

    Returns:
        An integer in [0, 2^63), fit for ``torch.Generator.manual_seed`` and ``numpy.random.default_rng``.

    >>> derive(0, "fit", 1) == derive(0, "fit", 1), derive(0, "fit", 1) == derive(0, "fit", "1")
    (True, False)
    """
    # plain strings and integers: those of NumPy are written differently from version to version
    plain = [str(part) if isinstance(part, str) else int(part) for part in purpose]
    text = repr((int(seed), *plain)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1
