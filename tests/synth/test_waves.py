from __future__ import annotations

import numpy as np
import pytest
import torch

from spine_segmentation.synth.waves import draw_waves, wave


def test_waves_are_about_standard_normal() -> None:
    rng, place = np.random.default_rng(0), torch.linspace(0, 400, 4000)
    values = torch.stack([wave(draw_waves(rng, (5, 5, 5)), 0 * place[None], 0.3 * place, place) for _ in range(20)])
    assert abs(float(values.mean())) < 0.1
    assert float(values.std()) == pytest.approx(1, abs=0.1)
