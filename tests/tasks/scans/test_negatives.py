import numpy as np
import torch
from images.drawn import photo

from daguerre.images import Picture
from daguerre.tasks.faces.detection import Face
from daguerre.tasks.scans.negatives import has_orange_mask, shows_faces_inverted, turned

BASE = (0.05, 0.25, 0.45)  # density of film without a picture, in red, green and blue


def colourful():
    random = torch.Generator().manual_seed(3)
    light, tints = torch.rand(1, 1, 9, 12, generator=random), torch.rand(1, 3, 9, 12, generator=random)
    return torch.nn.functional.interpolate(0.75 * light + 0.25 * tints, (90, 120))


def negative(scene):
    """Colour film: it lets the less through, the lighter the scene was."""
    return torch.stack([10 ** -(base + 0.65 * light) for base, light in zip(BASE, scene[0], strict=True)])[None]


def test_colour_film_is_known_by_its_orange():
    assert has_orange_mask(Picture.from_tensor(negative(colourful())))


def test_positives_sepia_and_grey_have_none():
    scene = colourful()
    sepia = scene[:, :1] * torch.tensor([1.0, 0.85, 0.6]).view(1, 3, 1, 1)
    for image in (scene, sepia, scene[:, :1].expand(-1, 3, -1, -1)):
        assert not has_orange_mask(Picture.from_tensor(image))


def test_a_turned_negative_is_light_where_the_scene_was_and_not_orange():
    scene = colourful()
    made = turned(Picture.from_tensor(negative(scene), bits=16)).read()
    for channel in range(3):
        pair = torch.stack([made[0, channel].flatten(), scene[0, channel].flatten()])
        assert torch.corrcoef(pair)[0, 1] > 0.97
    assert (made.mean((0, 2, 3)) - made.mean()).abs().max() < 0.1


def test_grey_stays_grey():
    made = turned(Picture.from_array(photo(70, 80, channels=1)))
    assert made.grey
    assert np.corrcoef(made.array().ravel(), photo(70, 80, channels=1).ravel())[0, 1] < -0.99


def test_faces_are_looked_for_with_light_and_dark_exchanged():
    seen = []

    def find(picture):
        seen.append(picture.read())
        return [Face(1, 2, 3)]

    dark = Picture.from_array(np.full((600, 900, 3), 51, np.uint8))
    assert shows_faces_inverted(dark, find)
    assert seen[0].shape[3] <= 400
    assert torch.allclose(seen[0], torch.tensor(0.8), atol=0.01)
    assert not shows_faces_inverted(dark, lambda picture: [])
