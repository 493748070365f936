"""Beam search over a residual quantiser."""

from itertools import product

import numpy as np
import pytest

from cospeech.sampling.beam import encode_residual


@pytest.fixture
def codebooks() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([rng.normal(0, 0.6**k, (6, 3)) for k in range(4)]).astype(np.float32)


def error(latent: np.ndarray, codebooks: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return np.linalg.norm(latent - codebooks[np.arange(len(codebooks)), codes].sum(1), axis=-1)


def test_a_beam_of_one_takes_the_nearest_vector_of_every_layer(codebooks):
    latent = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    codes = encode_residual(latent, codebooks, beam=1)
    for row, wanted in zip(codes, latent, strict=True):
        left = wanted
        for layer, code in enumerate(row):
            assert code == np.linalg.norm(left - codebooks[layer], axis=-1).argmin()
            left = left - codebooks[layer, code]


def test_a_full_beam_finds_the_best_sum_that_starts_with_the_nearest_vector(codebooks):
    latent = np.random.default_rng(2).normal(size=(10, 3)).astype(np.float32)
    codes = encode_residual(latent, codebooks, beam=6**3)
    for row, wanted in zip(codes, latent, strict=True):
        first = int(np.linalg.norm(wanted - codebooks[0], axis=-1).argmin())
        every = [np.array([first, *rest]) for rest in product(range(6), repeat=3)]
        best = min(every, key=lambda c: error(wanted[None], codebooks, c[None])[0])
        np.testing.assert_array_equal(row, best)


def test_a_wider_beam_comes_closer_on_the_whole(codebooks):
    latent = np.random.default_rng(3).normal(size=(500, 3)).astype(np.float32)
    errors = [error(latent, codebooks, encode_residual(latent, codebooks, beam=b)).mean() for b in (1, 2, 8)]
    assert errors[0] > errors[1] > errors[2]


def test_sums_of_vectors_are_found_again(codebooks):
    codes = np.random.default_rng(4).integers(0, 6, (50, 4))
    latent = codebooks[np.arange(4), codes].sum(1)
    found = encode_residual(latent, codebooks, beam=64)
    near = codebooks[0][found[:, 0]] - codebooks[0][codes[:, 0]]
    same = np.abs(near).max(-1) == 0  # where the first vector is also the nearest one
    assert same.any()
    assert error(latent[same], codebooks, found[same]).max() < 1e-5
