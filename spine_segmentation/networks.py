"""The networks that the bundles' ``network_def`` may name."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 32
"""Both sides of a network's input are multiples of this many pixels."""

CHANNELS = ("background", "vertebra", "ivd", "posterior elements", "spinal canal", "sacrum below S1")
"""What the segmentation network's output channels mean; the last three are auxiliary."""

Head = Literal["fine", "coarse"]


def build_unet(in_channels: int, out_channels: int, backbone: str = "compact", head: Head = "fine") -> nn.Module:
    """Build a two-dimensional U-Net for 2.5D input.

    Args:
        in_channels: Number of stacked slices.
        out_channels: Number of classes.
        backbone: ``"compact"`` for :class:`CompactUNet`, or the name of an encoder of MONAI's ``FlexibleUNet``, e.g.
            ``"resnet152"`` or ``"efficientnet-b0"``.
        head: See :class:`CompactUNet`; other backbones always predict at full resolution.

    Returns:
        A network from (batch, in_channels, H, W) to logits (batch, out_channels, H, W), or a quarter of H and W with
        the coarse head; H and W are multiples of ``STRIDE``.
    """
    if backbone == "compact":
        return CompactUNet(in_channels, out_channels, head=head)
    from monai.networks.nets.flexible_unet import FlexibleUNet  # the compact network needs no more than torch

    network: nn.Module = FlexibleUNet(in_channels, out_channels, backbone, pretrained=False, spatial_dims=2)
    return network


class CompactUNet(nn.Module):
    """A small U-Net that spends its computation at a quarter of the resolution and below.

    A space-to-depth stem brings the image to stride 4 at once, self-attention at stride 32 sees the whole field of
    view, and a fine head restores the resolution from depth to space, steadied by the stem's features at stride 2.

    Args:
        in_channels: Number of stacked slices.
        out_channels: Number of classes.
        widths: Feature channels at strides 4, 8, 16 and 32.
        head: ``"fine"`` predicts outlines at full resolution; ``"coarse"`` predicts at stride 4, for classes that need
            context rather than edges.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: tuple[int, int, int, int] = (48, 80, 112, 160),
        head: Head = "fine",
    ) -> None:
        super().__init__()
        first, second, third, fourth = widths
        stem, decoded = 24, 64
        self.stem = ConvolutionBlock(in_channels * 4, stem)
        self.encoder1 = nn.Sequential(ConvolutionBlock(stem * 4, first), ResidualBlock(first, first))
        self.encoder2 = nn.Sequential(ResidualBlock(first, second, 2), ResidualBlock(second, second))
        self.encoder3 = nn.Sequential(ResidualBlock(second, third, 2), ResidualBlock(third, third))
        self.encoder4 = nn.Sequential(ResidualBlock(third, fourth, 2), ResidualBlock(fourth, fourth))
        self.attention = nn.Sequential(AttentionBlock(fourth), AttentionBlock(fourth))
        self.decoder3 = ConvolutionBlock(fourth + third, third)
        self.decoder2 = ConvolutionBlock(third + second, second)
        self.decoder1 = ConvolutionBlock(second + first, decoded)
        self.head = FineHead(decoded, stem, out_channels) if head == "fine" else CoarseHead(decoded, out_channels)

    def forward(self, image: Tensor) -> Tensor:
        """Predict logits.

        Args:
            image: Shape (batch, in_channels, H, W), H and W multiples of ``STRIDE``.

        Returns:
            Shape (batch, out_channels, H, W); with the coarse head (batch, out_channels, H / 4, W / 4).
        """
        half = self.stem(F.pixel_unshuffle(image, 2))
        quarter = self.encoder1(F.pixel_unshuffle(half, 2))
        eighth = self.encoder2(quarter)
        sixteenth = self.encoder3(eighth)
        features = self.attention(self.encoder4(sixteenth))
        features = self.decoder3(_join(features, sixteenth))
        features = self.decoder2(_join(features, eighth))
        features = self.decoder1(_join(features, quarter))
        logits: Tensor = self.head(features, half)
        return logits


class FineHead(nn.Module):
    """Full-resolution logits by two depth-to-space steps.

    Args:
        in_channels: Of the features at stride 4.
        stem_channels: Of the features at stride 2.
        out_channels: Number of classes.
    """

    def __init__(self, in_channels: int, stem_channels: int, out_channels: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(in_channels, stem_channels * 4, 1)
        self.classify = nn.Conv2d(stem_channels, out_channels * 4, 3, padding=1)

    def forward(self, features: Tensor, half: Tensor) -> Tensor:
        """Predict logits at full resolution.

        Args:
            features: Shape (batch, in_channels, H / 4, W / 4).
            half: Features of the stem, shape (batch, stem_channels, H / 2, W / 2).

        Returns:
            Logits, shape (batch, out_channels, H, W).
        """
        refined = F.relu(F.pixel_shuffle(self.expand(features), 2) + half)
        return F.pixel_shuffle(self.classify(refined), 2)


class CoarseHead(nn.Module):
    """Logits at stride 4: at full resolution, those of many classes would fill the memory.

    Args:
        in_channels: Of the features at stride 4.
        out_channels: Number of classes.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.classify = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, features: Tensor, half: Tensor) -> Tensor:
        """Predict logits at stride 4.

        Args:
            features: Shape (batch, in_channels, H / 4, W / 4).
            half: Features of the stem; not used, as this head restores no edges.

        Returns:
            Logits, shape (batch, out_channels, H / 4, W / 4).
        """
        logits: Tensor = self.classify(features)
        return logits


class ConvolutionBlock(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU.

    Args:
        in_channels: Of (batch, in_channels, H, W).
        out_channels: Of the result, (batch, out_channels, H, W).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al. 2016).

    Args:
        in_channels: Of the features that come in.
        out_channels: Of the features that go out.
        stride: Of the first convolution, 1 or 2.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.convolution2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        same = in_channels == out_channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Apply the convolutions and add the shortcut.

        Args:
            features: Shape (batch, in_channels, H, W).

        Returns:
            Shape (batch, out_channels, H / stride, W / stride).
        """
        hidden = F.relu(self.norm1(self.convolution1(features)), inplace=True)
        return F.relu(self.norm2(self.convolution2(hidden)) + self.shortcut(features), inplace=True)


class AttentionBlock(nn.Module):
    """Self-attention over all positions, with a depthwise convolution that tells where each lies.

    Args:
        channels: Of the features; a multiple of ``heads``.
        heads: Number of attention heads.
    """

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.position = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm1 = nn.LayerNorm(channels)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))

    def forward(self, features: Tensor) -> Tensor:
        """Let every position see all others.

        Args:
            features: Shape (batch, channels, H, W), any H and W.

        Returns:
            Shape (batch, channels, H, W).
        """
        features = features + self.position(features)
        batch, channels, rows, columns = features.shape
        tokens = features.flatten(2).transpose(1, 2)
        parts = self.query_key_value(self.norm1(tokens)).reshape(batch, -1, 3, self.heads, channels // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, -1, channels)
        tokens = tokens + self.project(attended)
        tokens = tokens + self.mlp(self.norm2(tokens))
        image: Tensor = tokens.transpose(1, 2).reshape(batch, channels, rows, columns)
        return image


def _join(deep: Tensor, skip: Tensor) -> Tensor:
    return torch.cat([F.interpolate(deep, skip.shape[-2:], mode="nearest"), skip], dim=1)
