"""Variables of MATLAB files, through SciPy."""

from pathlib import Path

import numpy as np

from mloss_core.data.foreign_files import check_regular, reading


def matlab(path: Path, name: str, squeeze: bool = False) -> np.ndarray:
    """One variable.

    Raises:
        DatasetError: no such variable, or no MATLAB file of a version that SciPy reads.
    """
    from scipy.io import loadmat

    check_regular(path)
    with reading(path, f"be a MATLAB file with {name}"):
        return np.asarray(loadmat(path, variable_names=[name], squeeze_me=squeeze)[name])
