"""What can go wrong, as one tree.

    DaguerreError                 anything a user can meet; its message says what failed and the way out
    ├── PictureError              a picture that cannot be read, written or used
    │   ├── UnreadablePicture     missing, empty, truncated, mislabeled, a decompression bomb
    │   ├── UnwritablePicture     unknown format, no such folder, disk full
    │   └── OutputExists          the result exists, and overwriting was not requested
    ├── WeightsError              weights that cannot be used
    │   ├── WeightsNotFound       no such name or file
    │   ├── WeightsDamaged        the checksum or the contents are not what they should be
    │   └── UnknownArchitecture   no network here has these parameters
    ├── OptionError               an invalid option, or options that contradict each other
    ├── RecipeError               a training recipe or pipeline file that cannot be followed
    ├── DataError                 training or evaluation pictures that cannot be used
    ├── ArchiveError              a folder of results that is unusable, or in use by another run
    ├── DeviceError               a device that is unavailable, or out of memory
    ├── MissingExtra              an optional part of daguerre that is not installed
    └── Cancelled                 stopped on request; no partial output is left behind

The command line prints the message alone and exits with a non-zero status; a caller's mistake is a `ValueError`.
"""

__all__ = [
    "ArchiveError",
    "Cancelled",
    "DaguerreError",
    "DataError",
    "DeviceError",
    "MissingExtra",
    "OptionError",
    "OutputExists",
    "PictureError",
    "RecipeError",
    "UnknownArchitecture",
    "UnreadablePicture",
    "UnwritablePicture",
    "WeightsDamaged",
    "WeightsError",
    "WeightsNotFound",
]


class DaguerreError(Exception):
    """Any error a user can meet; the message is one clear line."""


class PictureError(DaguerreError):
    """A picture that cannot be read, written or used."""


class UnreadablePicture(PictureError):
    """Missing, empty, truncated, mislabeled, or a decompression bomb."""


class UnwritablePicture(PictureError):
    """Unknown format, no such folder, or disk full."""


class OutputExists(PictureError):
    """The result exists, and overwriting was not requested."""


class WeightsError(DaguerreError):
    """Weights that cannot be used."""


class WeightsNotFound(WeightsError):
    """No such name or file."""


class WeightsDamaged(WeightsError):
    """The checksum or the contents are not what they should be."""


class UnknownArchitecture(WeightsError):
    """No network here has these parameters."""


class OptionError(DaguerreError):
    """An invalid option, or options that contradict each other."""


class RecipeError(DaguerreError):
    """A training recipe or pipeline file that cannot be followed."""


class DataError(DaguerreError):
    """Training or evaluation pictures that cannot be used."""


class ArchiveError(DaguerreError):
    """A folder of results that is unusable, or in use by another run."""


class DeviceError(DaguerreError):
    """A device that is unavailable, or out of memory."""


class MissingExtra(DaguerreError):
    """An optional part of daguerre that is not installed."""


class Cancelled(DaguerreError):
    """Stopped on request; no partial output is left behind."""
