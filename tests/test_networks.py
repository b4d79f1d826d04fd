"""Shapes, sizes and interchangeability of the networks."""

from __future__ import annotations

import pytest
import torch

from spine_segmentation.networks import Head, build_unet


@pytest.mark.parametrize(("head", "stride"), [("fine", 1), ("coarse", 4)])
@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
@pytest.mark.parametrize("training", [False, True])
def test_logits_have_the_size_of_the_image_or_a_quarter(
    head: Head, stride: int, size: tuple[int, int], training: bool
) -> None:
    network = build_unet(3, 6, head=head).train(training)
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, *size)).shape == (2, 6, size[0] // stride, size[1] // stride)


@pytest.mark.parametrize("head", ["fine", "coarse"])
def test_default_networks_are_small(head: Head) -> None:
    parameters = sum(p.numel() for p in build_unet(3, 6, head=head).parameters())
    assert 2e6 <= parameters <= 6e6


@pytest.mark.parametrize("backbone", ["resnet18", "efficientnet-b0"])
def test_other_backbones(backbone: str) -> None:
    network = build_unet(3, 6, backbone=backbone).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 6, 64, 64)


def test_a_backbone_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        build_unet(3, 6, backbone="nonsense")


@pytest.mark.parametrize("head", ["fine", "coarse"])
def test_networks_can_be_scripted(head: Head) -> None:
    network = build_unet(3, 6, head=head).eval()
    image = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(torch.jit.script(network)(image), network(image))


def test_attention_sees_the_whole_image() -> None:
    """A change in one corner reaches the opposite one."""
    network = build_unet(3, 6).eval()
    image = torch.rand(1, 3, 256, 256)
    changed = image.clone()
    changed[:, :, :16, :16] += 3
    with torch.inference_mode():
        assert float((network(image) - network(changed))[..., -16:, -16:].abs().max()) > 1e-6
