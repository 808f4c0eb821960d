"""protocol.md, section 4: the transcript."""

import hashlib

from zkinfer.reference.field import ORDER


class Transcript:
    """SHAKE128 over all frames absorbed so far."""

    def __init__(self) -> None:
        self._hash = hashlib.shake_128()

    def absorb(self, label: str, data: bytes, kind: int = 0) -> None:
        """Absorbs one frame: a message unless the kind says otherwise."""
        name = label.encode()
        self._hash.update(bytes([kind, len(name)]) + name + len(data).to_bytes(8, "little") + data)

    def draw(self, label: str, count: int) -> tuple[int, ...]:
        """Draws scalars."""
        self.absorb(label, count.to_bytes(8, "little"), kind=1)
        output = self._hash.digest(64 * count)
        wide = (output[at : at + 64] for at in range(0, 64 * count, 64))
        return tuple(int.from_bytes(data, "little") % ORDER for data in wide)

    def draw_one(self, label: str) -> int:
        """Draws one scalar."""
        return self.draw(label, 1)[0]
