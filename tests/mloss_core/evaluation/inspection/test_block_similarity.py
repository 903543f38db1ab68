import numpy as np
import pytest

from mloss_core import Recipe
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.inspection.block_similarity import BlockSimilarity, linear_cka, similarity_by_block
from tests.zoos import tiny_zoo


def unbiased_hsic(k, l):  # noqa: E741
    """Song et al. 2012, equation 5, written out."""
    n, one = len(k), np.ones(len(k))
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    whole = (
        np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)
    )
    return whole / (n * (n - 3))


def test_it_is_the_ratio_of_unbiased_hsics():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(12, 5)) + 3
    y = x @ draw.normal(size=(5, 7)) + draw.normal(size=(12, 7))
    k, l = x @ x.T, y @ y.T  # noqa: E741
    dense = unbiased_hsic(k, l) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(l, l))
    assert linear_cka(x, y) == pytest.approx(dense)


def test_rotation_scale_and_shift_change_nothing():
    draw = np.random.default_rng(1)
    x = draw.normal(size=(30, 6))
    rotation = np.linalg.qr(draw.normal(size=(6, 6)))[0]
    assert linear_cka(x, x) == pytest.approx(1)
    assert linear_cka(x, 5 * x @ rotation + 2) == pytest.approx(1)


def test_unrelated_features_come_out_near_zero_however_many_they_are():
    """The plain form of 400 features of 50 images is near 1."""
    draw = np.random.default_rng(2)
    x, y = draw.normal(size=(2, 50, 400))
    xc, yc = x - x.mean(0), y - y.mean(0)
    plain = np.linalg.norm(xc.T @ yc) ** 2 / (np.linalg.norm(xc.T @ xc) * np.linalg.norm(yc.T @ yc))
    assert plain > 0.8 and abs(linear_cka(x, y)) < 0.1


def test_constant_features_have_no_similarity():
    assert np.isnan(linear_cka(np.ones((6, 2)), np.arange(12.0).reshape(6, 2)))


def test_images_must_be_enough_and_the_same():
    for first, second in ((3, 3), (5, 6)):
        with pytest.raises(InvalidOptionError, match=f"at least 4; found {first} and {second}"):
            linear_cka(np.ones((first, 2)), np.ones((second, 2)))


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(2, 16, 3, spread=0.3)


def test_a_zoo_by_block(zoo):
    merged = Recipe(method="average")
    found = similarity_by_block(zoo, "boats", [merged, "zero_shot", "individual", "ensemble"], images=32)
    assert [one["kind"] for one in found.models] == ["merged", "zero_shot"]
    assert found.blocks == (0, 1, 2) and found.cka.shape == found.error.shape == (2, 3) and found.images == 32
    assert (found.cka <= 1).all() and (found.error >= 0).all() and found.cka[0, 0] > 0.5
    again = BlockSimilarity.from_entry(*found.to_entry())
    assert np.array_equal(again.cka, found.cka) and again.models == found.models
    assert found.to_dict()["cka"][0] == found.cka[0].tolist()


def test_blocks_are_the_inputs_of_the_mlp_averaged_over_tokens(zoo):
    dataset = zoo.datasets["boats"]
    seen = []
    for encoder in (zoo.finetuned["boats"], zoo.pretrained):
        tower, kept = zoo.tower(dict(encoder.weights)), []
        tower.transformer.resblocks[1].ln_2.register_forward_hook(lambda _, __, out, kept=kept: kept.append(out))
        tower(dataset.images("val", range(20)))
        seen.append(kept[0].mean(dim=1).numpy())
    found = similarity_by_block(zoo, "boats", ["zero_shot"], "val")
    assert found.images == 20 and found.cka[0, 1] == pytest.approx(linear_cka(*seen), abs=1e-4)


def test_the_error_tells_how_far_other_images_would_move_it():
    draw = np.random.default_rng(3)
    from mloss_core.evaluation.inspection.block_similarity import _gram, _with_error

    x = draw.normal(size=(4000, 8))
    y = x + draw.normal(size=(4000, 8))
    parts = [_with_error(_gram(x[i : i + 80]), _gram(y[i : i + 80])) for i in range(0, 4000, 80)]
    values, errors = np.array(parts).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.4)


def test_nothing_to_compare_is_an_empty_table(zoo):
    found = similarity_by_block(zoo, "boats", ["ensemble"], images=8)
    assert found.cka.shape == (0, 3) and found.models == ()


def test_too_few_images(zoo):
    with pytest.raises(InvalidOptionError, match="CKA needs at least 4 images; the test split of boats has 3"):
        similarity_by_block(zoo, "boats", ["zero_shot"], images=3)
