import pytest

from daguerre.tasks.stylization.optimization import plan_scales


def sizes(*args, **how):
    return [(scale.height, scale.width, scale.steps) for scale in plan_scales(*args, **how)]


def test_sizes_double_up_to_the_photograph_and_steps_become_fewer():
    assert sizes(512, 512, 300) == [(128, 128, 136), (256, 256, 96), (512, 512, 68)]


@pytest.mark.parametrize("size", [(4096, 4096), (427, 640), (33, 1000), (32, 32), (1999, 47)])
@pytest.mark.parametrize("steps", [1, 7, 300])
def test_all_steps_are_taken_and_the_last_size_is_the_photographs(size, steps):
    scales = plan_scales(*size, steps)
    assert sum(scale.steps for scale in scales) == steps
    assert (scales[-1].height, scales[-1].width) == size
    assert min(min(scale.height, scale.width) for scale in scales) >= 32


def test_the_number_of_sizes_can_be_chosen_as_far_as_there_are_pixels():
    assert sizes(512, 512, 300, scales=1) == [(512, 512, 300)]
    assert [size[0] for size in sizes(512, 512, 300, scales=5)] == [32, 64, 128, 256, 512]
    assert [size[0] for size in sizes(512, 512, 300, scales=9)] == [32, 64, 128, 256, 512]
