"""What can go wrong, as one tree.

    DaguerreError                 anything a user can meet; its message says what failed and the way out
    ├── PictureError              a picture that cannot be read, written or used
    │   ├── UnreadablePicture     missing, empty, truncated, mislabelled, too large to be honest
    │   ├── UnwritablePicture     unknown format, no such folder, no room
    │   └── OutputExists          the result's name is taken, and overwriting was not asked for
    ├── WeightsError              weights that cannot be used
    │   ├── WeightsNotFound       no such name or file
    │   ├── WeightsDamaged        the checksum or the contents are not what they should be
    │   └── UnknownArchitecture   no network here has these parameters
    ├── OptionError               a choice that makes no sense, or not together with another
    ├── RecipeError               a training recipe or pipeline file that cannot be followed
    ├── DataError                 training or evaluation pictures that cannot be used
    ├── ArchiveError              a folder of results that cannot be used, or that another run works on
    ├── DeviceError               a device that is not there, or has no room left
    ├── MissingExtra              an optional part of daguerre that is not installed
    └── Cancelled                 stopped on request; nothing half-made is left behind

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
    """Anything a user can meet; the message is one clear line."""


class PictureError(DaguerreError):
    """A picture that cannot be read, written or used."""


class UnreadablePicture(PictureError):
    """Missing, empty, truncated, mislabelled, or too large to be honest."""


class UnwritablePicture(PictureError):
    """Unknown format, no such folder, no room."""


class OutputExists(PictureError):
    """The result's name is taken, and overwriting was not asked for."""


class WeightsError(DaguerreError):
    """Weights that cannot be used."""


class WeightsNotFound(WeightsError):
    """No such name or file."""


class WeightsDamaged(WeightsError):
    """The checksum or the contents are not what they should be."""


class UnknownArchitecture(WeightsError):
    """No network here has these parameters."""


class OptionError(DaguerreError):
    """A choice that makes no sense, or not together with another."""


class RecipeError(DaguerreError):
    """A training recipe or pipeline file that cannot be followed."""


class DataError(DaguerreError):
    """Training or evaluation pictures that cannot be used."""


class ArchiveError(DaguerreError):
    """A folder of results that cannot be used, or that another run works on."""


class DeviceError(DaguerreError):
    """A device that is not there, or has no room left."""


class MissingExtra(DaguerreError):
    """An optional part of daguerre that is not installed."""


class Cancelled(DaguerreError):
    """Stopped on request; nothing half-made is left behind."""
