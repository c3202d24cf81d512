"""Daguerre: restore old photographs, upscale pictures and stylize them, on any computer, at any size.

    import daguerre

    daguerre.upscale("photo.jpg", scale=2).save("photo-large.jpg")

Everything below is imported when it is first used, so that `import daguerre` stays instant.
"""

from typing import TYPE_CHECKING

from daguerre._lazy import on_demand
from daguerre._version import __version__ as __version__

if TYPE_CHECKING:
    from daguerre.degradation.aging import AgeOptions as AgeOptions
    from daguerre.errors import ArchiveError as ArchiveError
    from daguerre.errors import Cancelled as Cancelled
    from daguerre.errors import DaguerreError as DaguerreError
    from daguerre.errors import DataError as DataError
    from daguerre.errors import DeviceError as DeviceError
    from daguerre.errors import MissingExtra as MissingExtra
    from daguerre.errors import OptionError as OptionError
    from daguerre.errors import OutputExists as OutputExists
    from daguerre.errors import PictureError as PictureError
    from daguerre.errors import RecipeError as RecipeError
    from daguerre.errors import UnknownArchitecture as UnknownArchitecture
    from daguerre.errors import UnreadablePicture as UnreadablePicture
    from daguerre.errors import UnwritablePicture as UnwritablePicture
    from daguerre.errors import WeightsDamaged as WeightsDamaged
    from daguerre.errors import WeightsError as WeightsError
    from daguerre.errors import WeightsNotFound as WeightsNotFound
    from daguerre.evaluation.comparison import Evaluation as Evaluation
    from daguerre.evaluation.restore import EvaluateRestoreOptions as EvaluateRestoreOptions
    from daguerre.evaluation.restore import evaluate_restore as evaluate_restore
    from daguerre.evaluation.upscale import EvaluateUpscaleOptions as EvaluateUpscaleOptions
    from daguerre.evaluation.upscale import evaluate_upscale as evaluate_upscale
    from daguerre.images.picture import Picture as Picture
    from daguerre.images.picture_like import PictureLike as PictureLike
    from daguerre.images.save import SaveOptions as SaveOptions
    from daguerre.progress import Progress as Progress
    from daguerre.tasks.aging import AgeResult as AgeResult
    from daguerre.tasks.aging import age as age
    from daguerre.tasks.faces.detection import Face as Face
    from daguerre.tasks.faces.refiner import FaceOptions as FaceOptions
    from daguerre.tasks.faces.refiner import FaceRefiner as FaceRefiner
    from daguerre.tasks.faces.refiner import FaceResult as FaceResult
    from daguerre.tasks.faces.refiner import find_faces as find_faces
    from daguerre.tasks.faces.refiner import refine_faces as refine_faces
    from daguerre.tasks.pipeline import Pipeline as Pipeline
    from daguerre.tasks.pipeline import PipelineResult as PipelineResult
    from daguerre.tasks.restoration.damage_detection import detect_damage as detect_damage
    from daguerre.tasks.restoration.restorer import RestoreOptions as RestoreOptions
    from daguerre.tasks.restoration.restorer import Restorer as Restorer
    from daguerre.tasks.restoration.restorer import RestoreResult as RestoreResult
    from daguerre.tasks.restoration.restorer import restore as restore
    from daguerre.tasks.result import Result as Result
    from daguerre.tasks.result import records_of as records_of
    from daguerre.tasks.stylization.style_vector import StyleVector as StyleVector
    from daguerre.tasks.stylization.stylizer import StylizeOptions as StylizeOptions
    from daguerre.tasks.stylization.stylizer import Stylizer as Stylizer
    from daguerre.tasks.stylization.stylizer import StylizeResult as StylizeResult
    from daguerre.tasks.stylization.stylizer import stylize as stylize
    from daguerre.tasks.upscaling.upscaler import UpscaleOptions as UpscaleOptions
    from daguerre.tasks.upscaling.upscaler import Upscaler as Upscaler
    from daguerre.tasks.upscaling.upscaler import UpscaleResult as UpscaleResult
    from daguerre.tasks.upscaling.upscaler import upscale as upscale
    from daguerre.weights import load_model as load_model
else:
    __getattr__, __dir__ = on_demand(__name__)
