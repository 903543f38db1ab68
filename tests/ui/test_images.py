import numpy as np

from ui.images import enlarged


def test_pictures_grow_by_repeating_pixels():
    small = np.arange(2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 3)
    large = enlarged(small, side=3)
    assert large.shape == (6, 6, 3)
    assert (large[:3, :3] == small[0, 0]).all()
    assert (large[3:, 3:] == small[1, 1]).all()


def test_large_pictures_keep_their_size():
    assert enlarged(np.zeros((224, 224, 3), np.uint8), side=96).shape[0] == 224
    assert enlarged(np.zeros((500, 500, 3), np.uint8), side=96).shape == (500, 500, 3)
