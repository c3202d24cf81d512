from daguerre.web.estimate import Estimate


def test_the_fraction_grows_and_ends_below_one():
    estimate = Estimate(["restore"])
    told = [
        estimate.tell(step, done, 4)["fraction"]
        for step in ("finding scratches", "denoising", "restoring", "comparing", "saving")
        for done in range(5)
    ]
    assert told == sorted(told)
    assert 0 <= told[0] < 0.1
    assert 0.9 < told[-1] < 1


def test_a_step_of_a_chain_is_told_by_its_plain_name():
    estimate = Estimate(["restore", "upscale"])
    first = estimate.tell("restoring, step 1 of 2", 1, 2)
    second = estimate.tell("upscaling, pass 1 of 2, step 2 of 2", 1, 2)
    assert (first["step"], second["step"]) == ("restoring", "upscaling")
    assert first["fraction"] < second["fraction"] < 1


def test_the_time_left_is_not_told_while_it_is_a_guess():
    estimate = Estimate(["upscale"])
    assert estimate.tell("upscaling", 0, 10)["left"] is None
    estimate.began -= 10
    assert estimate.tell("upscaling", 5, 10)["left"] in range(8, 13)
