"""Variables of MATLAB files, through SciPy."""

from pathlib import Path

import numpy as np

from mloss_core.errors import DatasetError


def matlab(path: Path, name: str, squeeze: bool = False) -> np.ndarray:
    """One variable.

    Raises:
        DatasetError: no such variable, or no MATLAB file of a version that SciPy reads.
    """
    from scipy.io import loadmat

    try:
        return loadmat(path, variable_names=[name], squeeze_me=squeeze)[name]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        # SciPy's complaint about the newest version, 7.3, is a RuntimeError too.
        raise DatasetError(f"{path} must be a MATLAB file with {name}: {error}. Download it again.") from error
