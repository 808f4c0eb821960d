"""A folder of images as records: the pixels' integers, 0 to 255, channels first.

Records are the files in the order of their names. Images in shades of grey have one channel, all
others three: red, green, blue.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.errors import FormatError, UsageError, flat

GREY = ("1", "L")
COLOR = ("RGB", "P")


def read_images(folder: Path, most: int) -> npt.NDArray[np.uint8]:
    """The images of a folder, [images, channels, height, width]. most: bytes that they may take.

    Files whose names begin with a dot are passed over. Raises UsageError without Pillow, and
    FormatError for what is no such image, naming the file.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise UsageError(
            f"{folder} is a folder of images, which needs Pillow: pip install 'zkinfer[images]'"
        ) from error
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not files:
        raise FormatError(f"the folder {folder} has no images")
    known: tuple[Any, ...] = ()
    images: npt.NDArray[np.uint8] = np.empty(0, np.uint8)
    for number, path in enumerate(files):
        try:
            with Image.open(path) as image:
                grey = image.mode in GREY
                if not grey and image.mode not in COLOR:
                    raise FormatError(
                        f"{path} has pixels of the kind {image.mode}; give images in shades of "
                        "grey or in red, green and blue, of 8 bits"
                    )
                shape = (1 if grey else 3, image.height, image.width)
                if not number:
                    known, size = shape, len(files) * math.prod(shape)
                    if size > most:
                        raise FormatError(f"the images of {folder} take more than {most} bytes")
                    images = np.empty((len(files), *shape), np.uint8)
                if shape != known:
                    raise FormatError(
                        f"{path} has {_said(shape)}, but {files[0].name} has {_said(known)}"
                    )
                pixels = np.asarray(image.convert("L" if grey else "RGB"))
        except (UnidentifiedImageError, OSError, ValueError) as error:
            raise FormatError(f"{path} is no image that can be read: {flat(error)}") from error
        images[number] = pixels[None] if grey else pixels.transpose(2, 0, 1)
    return images


def _said(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{width} x {height} pixels of {channels} channel{'s' * (channels > 1)}"
