"""The flag `--policy`: a policy's options for tasks, saving and the format of results."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from daguerre.cli.jobs import Output
from daguerre.cli.standard import STANDARD
from daguerre.errors import OptionError
from daguerre.images.formats import format_for
from daguerre.tasks.policies import Policy
from daguerre.tasks.registry import TaskOptions
from daguerre.tasks.saving import ResultOptions

__all__ = ["under_policy"]


def under_policy(
    policy: Policy, steps: Sequence[TaskOptions], saving: ResultOptions, output: Output
) -> tuple[list[TaskOptions], ResultOptions, Output]:
    """The options of a command under a policy.

    Raises:
        OptionError: an option, the name of the result or its format contradicts the policy.
    """
    return policy.steps(list(steps)), policy.save_options(saving), in_format(policy, output)


def in_format(policy: Policy, output: Output) -> Output:
    if not policy.format:
        return output
    suffixes = format_for(Path(f"result.{policy.format}")).suffixes
    named = output.output.suffix.lower() if output.output and not output.output.is_dir() else ""
    for given in (output.ending, named if output.output != STANDARD else ""):
        if given and given not in suffixes:
            raise OptionError(f"the policy {policy.name} saves results as {suffixes[0]}, not {given}; name them so")
    return output if output.ending or named else replace(output, format=policy.format)
