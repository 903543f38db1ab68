"""Numbers behind the Theory page for one node, and for fine-tunes near and far. NumPy alone."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from mloss_core.mloss.theory import angle_law, expected_mloss, numpy_activation, simulate_mloss, small_disagreement

ACTIVATIONS = ("relu", "leaky_relu", "gelu", "quick_gelu")
KINKED = ("relu", "leaky_relu")
DRAWS = 2000
"""Random inputs behind every dot: few enough that its error bar shows."""
_CURVE, _DOTS, _POINTS = 37, 9, 241
_NOISE = 91
"""Chosen so that the first draw falls where the averages differ: an exhibit opens with its point."""
_NEAREST, _FARTHEST = 0.01, 2.0


def lowest_correlation(models: int) -> float:
    """Least correlation that `models` pre-activations can all have with one another: -1 / (n - 1)."""
    return -1 / (models - 1)


@dataclass(frozen=True)
class Node:
    """One node of several models, whose pre-activations are Gaussian and alike.

    Args:
        models: how many, at least 2.
        mean: of every model's pre-activation: how far it lies from the kink at 0.
        spread: standard deviation of every model's pre-activation.
        correlation: between any two models; raised to what `models` can have.
        activation: one of `ACTIVATIONS`; `slope` is that of leaky_relu below zero.
    """

    models: int = 2
    mean: float = 0.0
    spread: float = 1.0
    correlation: float = 0.5
    activation: str = "relu"
    slope: float = 0.01

    @property
    def shared(self) -> float:
        """The correlation in force."""
        return min(1.0, max(self.correlation, lowest_correlation(self.models)))

    @property
    def angle(self) -> float:
        """Angle between two models' weight rows in degrees, for whitened inputs: its cosine is the correlation."""
        return math.degrees(math.acos(self.shared))

    @property
    def widest(self) -> float:
        """Largest angle that so many rows can have with one another, in degrees."""
        return math.degrees(math.acos(lowest_correlation(self.models)))

    @property
    def follows_law(self) -> bool:
        """Whether (t - sin t) / (4 pi) holds: two models, zero mean, ReLU or Leaky ReLU."""
        return self.models == 2 and self.mean == 0 and self.activation in KINKED

    @property
    def kinked(self) -> bool:
        """Whether the activation is straight but for a kink at 0."""
        return self.activation == "relu" or (self.activation == "leaky_relu" and self.slope != 1)

    def at_angle(self, degrees: float) -> "Node":
        """The same node with its rows at another angle."""
        return replace(self, correlation=math.cos(math.radians(degrees)))

    def means(self) -> np.ndarray:
        """(model,)"""
        return np.full(self.models, self.mean)

    def covariance(self) -> np.ndarray:
        """(model, model)"""
        return self.spread**2 * ((1 - self.shared) * np.eye(self.models) + self.shared)


def mloss_of(node: Node) -> float:
    """Expected M-Loss of the node."""
    return expected_mloss(node.means(), node.covariance(), activation=node.activation, slope=node.slope)


def angle_curve(node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Angles in degrees from 0 to the widest, and the expected M-Loss at each."""
    angles = np.linspace(0, node.widest, _CURVE)
    return angles, np.array([mloss_of(node.at_angle(angle)) for angle in angles])


def law_curve(node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Angles in degrees and spread^2 (t - sin t) / (4 pi), for a node that `follows_law`."""
    angles = np.linspace(0, node.widest, _CURVE)
    factor = (1 - node.slope) ** 2 if node.activation == "leaky_relu" else 1.0
    return angles, factor * angle_law(np.radians(angles), node.spread**2)


def simulated_curve(node: Node, draw: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles in degrees, M-Loss from `DRAWS` random inputs at each, and its standard error."""
    angles = np.linspace(0, node.widest, _DOTS + 1)[1:]
    runs = [_simulated(node.at_angle(angle), draw * 100 + place) for place, angle in enumerate(angles)]
    values, errors = np.array(runs).T
    return angles, values, errors


def _simulated(node: Node, seed: int) -> tuple[float, float]:
    return simulate_mloss(
        node.means(), node.covariance(), activation=node.activation, slope=node.slope, draws=DRAWS, seed=seed
    )


@dataclass(frozen=True)
class Draw:
    """One input: what each model makes of it.

    Args:
        z: pre-activation of each model.
        phi: their activations.
        merged: activation of the mean of `z`, which is what one averaged model answers.
    """

    z: np.ndarray
    phi: np.ndarray
    merged: float

    @property
    def mean(self) -> float:
        """Pre-activation of the merged model."""
        return float(self.z.mean())

    @property
    def ensemble(self) -> float:
        """Mean of the models' activations."""
        return float(self.phi.mean())

    @property
    def gap(self) -> float:
        """Merged minus ensembled answer; M-Loss is the mean of its square."""
        return self.merged - self.ensemble


def one_draw(node: Node, draw: int) -> Draw:
    """One random input. The noise depends on `draw` alone, so that the picture moves smoothly with the sliders."""
    noise = np.random.default_rng([_NOISE, draw]).standard_normal(8)[: node.models]
    own = math.sqrt(1 - node.shared)
    common = (math.sqrt(max(0.0, 1 + (node.models - 1) * node.shared)) - own) / node.models
    z = node.mean + node.spread * (own * noise + common * noise.sum())
    phi = numpy_activation(node.activation, node.slope)
    return Draw(z, phi(z), float(phi(z.mean())))


def opposite_share(node: Node) -> float:
    """Fraction of inputs for which two of the models lie on different sides of zero."""
    start = node.mean / node.spread
    if node.shared > 1 - 1e-12:
        return 0.0
    x = np.linspace(0, 9, 4001)
    density = np.exp(-0.5 * (x - start) ** 2) / math.sqrt(2 * math.pi)
    # The second model, given that the first lies at x.
    other = (start + node.shared * (x - start)) / math.sqrt(max(1e-24, 1 - node.shared**2))
    return float(2 * np.trapezoid(density * ndtr(-other), x))


@dataclass(frozen=True)
class Distance:
    """Expected M-Loss of fine-tunes that share a backbone, against how far each moved from it.

    Args:
        epsilon: standard deviation of each model's own difference, in units of the backbone's.
        exact: closed form; `leading` its leading order for small differences.
    """

    epsilon: np.ndarray
    exact: np.ndarray
    leading: np.ndarray


def distance_mloss(epsilon: float, models: int, activation: str) -> float:
    """Expected M-Loss for a backbone of deviation 1 and independent differences of deviation `epsilon`, zero mean."""
    return expected_mloss(np.zeros(models), 1 + epsilon**2 * np.eye(models), activation=activation)


def distance_curve(models: int, activation: str) -> Distance:
    """From differences of 1 % of the backbone to twice the backbone."""
    epsilon = np.geomspace(_NEAREST, _FARTHEST, 47)
    exact = np.array([distance_mloss(float(value), models, activation) for value in epsilon])
    return Distance(epsilon, exact, small_disagreement(epsilon, 1.0, models, activation))


def distance_angle(epsilon: float) -> float:
    """Angle between two fine-tunes' rows in degrees, when each moved by `epsilon` from a backbone of deviation 1."""
    return math.degrees(math.acos(1 / (1 + epsilon**2)))


def energy_share(epsilon: float, models: int, activation: str) -> float:
    """M-Loss as a fraction of the merged node's own mean squared activation."""
    deviation = math.sqrt(1 + epsilon**2 / models)
    x = np.linspace(-9, 9, 2001)
    density = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    energy = np.trapezoid(density * numpy_activation(activation)(deviation * x) ** 2, x)
    return distance_mloss(epsilon, models, activation) / float(energy)


def gap_profile(epsilon: float, activation: str) -> tuple[np.ndarray, np.ndarray]:
    """Squared gap of two models at m - epsilon and m + epsilon, against the shared m."""
    m = np.union1d(np.linspace(-3, 3, _POINTS), np.linspace(-epsilon, epsilon, _POINTS))
    phi = numpy_activation(activation)
    return m, (phi(m) - (phi(m - epsilon) + phi(m + epsilon)) / 2) ** 2
