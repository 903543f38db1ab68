import numpy as np
import pytest

from mloss_core import MLossOptions
from mloss_core.errors import LayerNotFoundError
from mloss_core.mloss import measure_mloss, node_detail
from tests.zoos import tiny_zoo


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


@pytest.mark.parametrize("mode", ["progressive", "own"])
def test_the_node_has_the_mloss_of_the_map(zoo, mode):
    options = MLossOptions(samples_per_task=6, input_mode=mode)
    detail = node_detail(zoo, 2, 5, options=options)
    assert detail.mloss == pytest.approx(float(measure_mloss(zoo, options=options).block(2)[5]), rel=1e-4)


def test_densities_angles_and_images(zoo):
    detail = node_detail(zoo, 1, 0, options=MLossOptions(samples_per_task=6))
    share = (detail.densities * np.diff(detail.edges)).sum(1)
    assert detail.densities.shape == (4, len(detail.edges) - 1) and (share > 0.98).all() and (share <= 1 + 1e-9).all()
    assert detail.means[3] == pytest.approx(detail.means[:3].mean(), abs=1e-5)
    assert np.allclose(detail.angles, detail.angles.T) and np.allclose(np.diag(detail.angles), 0)
    rows = [zoo.encoder(t).weights["transformer.resblocks.1.mlp.c_fc.weight"][0].double().numpy() for t in zoo.tasks]
    cosine = rows[0] @ rows[1] / np.linalg.norm(rows[0]) / np.linalg.norm(rows[1])
    assert detail.angles[0, 1] == pytest.approx(np.degrees(np.arccos(cosine)), rel=1e-4)
    gaps = [image.disagreement for image in detail.top]
    assert len(gaps) == 6 and gaps == sorted(gaps, reverse=True)
    assert {image.task for image in detail.top} <= set(zoo.tasks)


def test_a_single_model_does_not_disagree(zoo):
    assert node_detail(zoo, 0, 0, tasks=("boats",), options=MLossOptions(samples_per_task=2)).mloss == 0


@pytest.mark.parametrize(("block", "node", "words"), [(4, 0, "among 0 to 3"), (0, 64, "0 to 63; found 64")])
def test_bad_places(zoo, block, node, words):
    with pytest.raises(LayerNotFoundError, match=words):
        node_detail(zoo, block, node)
