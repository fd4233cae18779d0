"""What is tried next: tree-structured Parzen estimators over what was tried, never the same twice.

Bergstra et al., *Algorithms for Hyper-Parameter Optimization*, NeurIPS 2011, as Optuna has it.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler
from optuna.study import Study, create_study
from optuna.trial import FrozenTrial, TrialState, create_trial

from recbole_drepmrec.tuning.space import (
    DIGITS,
    Choice,
    Dimension,
    Space,
    grid,
    identity,
    size,
)

DRAWS = 20
"""Settings that the sampler may propose until one is new; then one of those left is drawn."""

LARGEST_GRID = 10_000
"""Settings that are counted one by one."""


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Each key's values as Optuna has them; those of a choice are JSON texts."""
    return {key: _distribution(dimension) for key, dimension in space.items()}


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution([json.dumps(value) for value in dimension.values])
    low, high, step = dimension.low, dimension.high, dimension.step
    if isinstance(step, int):
        return IntDistribution(int(low), int(high), step=step)
    return FloatDistribution(low, high, log=dimension.log, step=step)


def encoded(space: Space, setting: Mapping[str, Any]) -> dict[str, Any]:
    """A setting as Optuna has it, without the keys whose value the space does not hold."""
    params = {}
    for key, dimension in space.items():
        value = setting.get(key)
        if not dimension.holds(value):
            continue
        if isinstance(dimension, Choice):
            value = json.dumps(next(one for one in dimension.values if Choice((one,)).holds(value)))
        params[key] = value
    return params


def decoded(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """The setting that Optuna's values stand for."""
    setting = {}
    for key, value in params.items():
        dimension = space[key]
        if isinstance(dimension, Choice):
            value = json.loads(value)
        elif isinstance(dimension.step, float):
            value = round(value, DIGITS)
        setting[key] = value
    return setting


def propose(
    space: Space,
    tried: list[FrozenTrial],
    settings: list[Mapping[str, Any]],
    bigger: bool,
    seed: int,
) -> dict[str, Any] | None:
    """A setting that was not tried yet; None once all were.

    It follows from the arguments alone: a search that was cut off goes on as if it had not been.

    Args:
        space: The search space.
        tried: The trials so far, those under way among them.
        settings: Their settings.
        bigger: Whether a higher score is better.
        seed: Of the study.
    """
    seed = int(np.random.SeedSequence([seed, len(tried)]).generate_state(1)[0])
    known = {identity(setting) for setting in settings}
    if size(space) <= LARGEST_GRID and all(identity(one) in known for one in grid(space)):
        return None
    sampler = TPESampler(seed=seed, multivariate=True, constant_liar=True)
    study = remembered(space, tried, bigger, sampler)
    for _ in range(DRAWS):
        trial = study.ask(distributions(space))
        setting = decoded(space, trial.params)
        if identity(setting) not in known:
            return setting
        study.tell(trial, state=TrialState.FAIL)
    return _any_new(space, known, seed)


def _any_new(space: Space, known: set[str], seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    if size(space) <= LARGEST_GRID:
        left = [setting for setting in grid(space) if identity(setting) not in known]
        return left[int(random.integers(len(left)))]
    while True:
        setting = {key: _drawn(dimension, random) for key, dimension in space.items()}
        if identity(setting) not in known:
            return setting


def _drawn(dimension: Dimension, random: np.random.Generator) -> Any:
    values = dimension.grid()
    if values is not None:
        return values[int(random.integers(len(values)))]
    assert not isinstance(dimension, Choice)
    if dimension.log:
        return float(np.exp(random.uniform(np.log(dimension.low), np.log(dimension.high))))
    return float(random.uniform(dimension.low, dimension.high))


def remembered(
    space: Space, tried: list[FrozenTrial], bigger: bool, sampler: TPESampler | None = None
) -> Study:
    """A study in memory of the trials that tell something of every key.

    A trial that failed, because training diverged, counts as the worst that was stopped.

    Args:
        space: The search space.
        tried: The trials so far.
        bigger: Whether a higher score is better.
        sampler: What proposes, if it is to propose.
    """
    study = create_study(direction="maximize" if bigger else "minimize", sampler=sampler)
    for trial in tried:
        if trial.params.keys() == space.keys():
            failed = trial.state == TrialState.FAIL
            study.add_trial(_as_worst(trial) if failed else trial)
    return study


def _as_worst(trial: FrozenTrial) -> FrozenTrial:
    return create_trial(
        state=TrialState.PRUNED, params=trial.params, distributions=trial.distributions
    )
