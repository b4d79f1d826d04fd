"""The overlay as one picture that a person can judge at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from spine_segmentation.anatomy import BY_ID, IVD, SACRUM_BELOW_S1, VERTEBRA, Kind
from spine_segmentation.arrays import Bytes
from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.io.presentation import structure_color
from spine_segmentation.results import Candidate, NamedStructure, SpineResult
from spine_segmentation.volume import Array, Volume

Color = tuple[int, int, int]

PANEL_HEIGHT, PANEL_MAX_WIDTH = 840, 640
"""Size of one slice in the picture, pixels."""

_MARGIN_MM = 45.0
"""How much is shown in front of and behind the column."""

_WINDOW_PERCENTILES = (1.0, 99.5)
_SUBSTANTIAL = 0.2
"""A slice counts as one through the column from this share of the largest labelled area on."""

_COMPRESSION = 3
"""Of PNG, 0 to 9: about twice as fast as the default, and of about the same size."""

_MIN_PROPORTION = 0.25
"""Least width of a panel, as a share of its height."""

_OPACITY = 0.35
_OUTLINE_PX = 2
_GAP_PX, _BAR_PX = 6, 44
_FONT_PX = (12, 24)
_WHITE, _BLACK, _AMBER, _GREEN, _GREY = (255, 255, 255), (0, 0, 0), (255, 190, 70), (120, 220, 140), (170, 170, 170)
_SEMANTIC_COLORS = {VERTEBRA: BY_ID[39].color, IVD: BY_ID[40].color, SACRUM_BELOW_S1: BY_ID[SACRUM_BELOW_S1].color}
"""The semantic map wears the colours of one vertebra and one disc: L2 and L2-L3."""


def write_montage(result: SpineResult, path: Path) -> None:
    """Draw a result and save it as PNG.

    Args:
        result: The result; without a labelling the semantic map is shown.
        path: The file to write; it appears complete or not at all.

    Raises:
        UnsupportedOrientation: If the slices are thick and not sagittal.
        OutputError: If the file cannot be written.
    """
    picture = draw_montage(result)
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG", compress_level=_COMPRESSION)


def draw_montage(result: SpineResult) -> Image.Image:
    """Draw up to five sagittal slices through the column, from the patient's right to the left.

    Superior is on top, anterior on the left. Structures are tinted and outlined in their own colours, and each is named
    once: on the central slice if it is cut there. In a strongly bent spine a structure can lie between the slices.
    The bar above says whether the levels are determined. The picture holds no identifiers.

    Args:
        result: The result; without a labelling the semantic map is shown.

    Returns:
        The picture, RGB.

    Raises:
        UnsupportedOrientation: If the slices are thick and not sagittal.
    """
    return _compose(_Scene.of(result), result)


@dataclass(frozen=True)
class _Scene:
    """What the panels show, in canonical orientation, cropped to the column.

    Attributes:
        image: uint8 grey levels, shape (slices, rows, columns).
        labels: uint8, the same shape.
        colors: sRGB colour of each label.
        scale: Pixels of the picture per row and per column.
        slices: Indices of the slices to show, right to left.
        central: The one of them that names are written on.
        spacing: Distance between slices, mm.
    """

    image: Bytes
    labels: Bytes
    colors: dict[int, Color]
    scale: tuple[float, float]
    slices: tuple[int, ...]
    central: int
    spacing: float

    @classmethod
    def of(cls, result: SpineResult) -> _Scene:
        """Arrange a result."""
        image, reorientation = result.image.canonical()
        labelled = result.labeling.labels if result.labeling else result.semantic
        structures = result.labeling.structures if result.labeling else ()
        colors = {s.id: structure_color(s) for s in structures} if result.labeling else _SEMANTIC_COLORS
        labels = reorientation.apply(labelled.array)
        labels = np.where(np.isin(labels, list(colors)), labels, 0).astype(np.uint8)
        slices, central = _slices(labels)
        columns = _columns(labels, image)
        grey, labels = (_cropped(array, columns, image) for array in (_windowed(image.array), labels))
        return cls(
            image=grey,
            labels=labels,
            colors=colors,
            scale=_scale(image, labels.shape[2]),
            slices=slices,
            central=central,
            spacing=image.spacing[0],
        )


def _columns(labels: Bytes, image: Volume) -> slice:
    """Select the image columns that show the spine and a margin; all of them where there is no spine."""
    present = np.flatnonzero(labels.any(axis=(0, 1)))
    if not present.size:
        return slice(0, labels.shape[2])
    margin = round(_MARGIN_MM / image.spacing[2])
    return slice(max(0, int(present[0]) - margin), min(labels.shape[2], int(present[-1]) + margin + 1))


def _slices(labels: Bytes) -> tuple[tuple[int, ...], int]:
    """Choose the central slice and up to four others, evenly to both sides; every structure's middle lies between."""
    counts = np.array([np.bincount(plane.ravel(), minlength=256) for plane in labels])[:, 1:]
    areas = counts.sum(axis=1)
    if not areas.any():
        return (len(areas) // 2,), len(areas) // 2
    central = _middle(areas[:, None])[0]
    through = [*np.flatnonzero(areas >= _SUBSTANTIAL * areas.max()), *_middle(counts[:, counts.any(axis=0)]), central]
    sides = np.linspace(min(through), central, 3), np.linspace(central, max(through), 3)
    return tuple(sorted({round(float(index)) for side in sides for index in side})), int(central)


def _middle(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Find the slice in the middle of each structure, given its voxels per slice, shape (slices, structures)."""
    reached: npt.NDArray[np.bool_] = 2 * np.cumsum(counts, axis=0) >= counts.sum(axis=0)
    return np.asarray(np.argmax(reached, axis=0), dtype=np.int64)


def _windowed(image: Array) -> Bytes:
    """Grey levels between robust limits."""
    finite = np.nan_to_num(image.astype(np.float32))
    low, high = np.percentile(finite, _WINDOW_PERCENTILES)
    grey = np.clip((finite - low) / max(float(high - low), 1e-6), 0, 1)
    return np.asarray(np.rint(255 * grey), dtype=np.uint8)


def _cropped(array: Bytes, columns: slice, image: Volume) -> Bytes:
    """Cut out columns, and add empty ones where captions and names would not fit otherwise."""
    cropped = array[:, :, columns]
    wanted = _MIN_PROPORTION * image.shape[1] * image.spacing[1] / image.spacing[2]
    padding = max(0, round((wanted - cropped.shape[2]) / 2))
    return np.pad(cropped, ((0, 0), (0, 0), (padding, padding)))


def _scale(image: Volume, columns: int) -> tuple[float, float]:
    """Pixels per row and per column, so that millimetres are the same in both directions."""
    height, width = image.shape[1] * image.spacing[1], columns * image.spacing[2]
    per_mm = min(PANEL_HEIGHT / height, PANEL_MAX_WIDTH / width)
    return per_mm * image.spacing[1], per_mm * image.spacing[2]


def _compose(scene: _Scene, result: SpineResult) -> Image.Image:
    """Put the panels in a row, under the bar with the verdict and above their captions."""
    structures = result.labeling.structures if result.labeling else ()
    panels = [_panel(scene, index) for index in scene.slices]
    for index, panel, named in zip(scene.slices, panels, _named_where(scene, structures), strict=True):
        _write_names(panel, scene, index, named)
    width = sum(panel.width + _GAP_PX for panel in panels) - _GAP_PX
    message, color = _verdict(result)
    width = max(width, round(_font(_FONT_PX[1]).getlength(message)) + 2 * _GAP_PX)
    picture = Image.new("RGB", (width, panels[0].height + 2 * _BAR_PX), _BLACK)
    draw = ImageDraw.Draw(picture)
    draw.text((_GAP_PX, _BAR_PX // 2), message, fill=color, font=_font(_FONT_PX[1]), anchor="lm")
    left = 0
    for index, panel in zip(scene.slices, panels, strict=True):
        picture.paste(panel, (left, _BAR_PX))
        place = (left + panel.width // 2, picture.height - _BAR_PX // 2)
        draw.text(place, _caption(scene, index), fill=_GREY, font=_font(16), anchor="mm")
        left += panel.width + _GAP_PX
    return picture


def _panel(scene: _Scene, index: int) -> Image.Image:
    """One slice with tinted and outlined structures."""
    rows, columns = scene.image.shape[1:]
    size = max(1, round(columns * scene.scale[1])), max(1, round(rows * scene.scale[0]))
    grey = Image.fromarray(scene.image[index]).resize(size, Image.Resampling.BICUBIC)
    labels = np.asarray(Image.fromarray(scene.labels[index]).resize(size, Image.Resampling.NEAREST))
    palette = np.zeros((256, 3))
    for label, color in scene.colors.items():
        palette[label] = color
    reach = 2 * _OUTLINE_PX + 1
    edge = ndimage.maximum_filter(labels, reach) != ndimage.minimum_filter(labels, reach)
    opacity = np.where(labels > 0, np.where(edge, 1.0, _OPACITY), 0.0)[..., None]
    blended = (1 - opacity) * np.asarray(grey, dtype=np.float64)[..., None] + opacity * palette[labels]
    panel = Image.fromarray(np.rint(blended).astype(np.uint8))
    _write_directions(panel)
    return panel


def _write_directions(panel: Image.Image) -> None:
    _write(panel, (_GAP_PX, panel.height / 2), "A", size=16, anchor="lm")
    _write(panel, (panel.width - _GAP_PX, panel.height / 2), "P", size=16, anchor="rm")


def _write(panel: Image.Image, place: tuple[float, float], text: str, *, size: int, anchor: str) -> None:
    """Write white letters with a black rim, legible on any ground."""
    draw = ImageDraw.Draw(panel)
    draw.text(place, text, fill=_WHITE, font=_font(size), anchor=anchor, stroke_width=2, stroke_fill=_BLACK)


def _named_where(scene: _Scene, structures: tuple[NamedStructure, ...]) -> list[list[NamedStructure]]:
    """Name each structure once, on the shown slice nearest the centre that cuts it; one list per shown slice."""
    named: dict[int, list[NamedStructure]] = {index: [] for index in scene.slices}
    from_centre = sorted(scene.slices, key=lambda index: abs(index - scene.central))
    for structure in structures:
        where = next((index for index in from_centre if (scene.labels[index] == structure.id).any()), None)
        if where is not None:
            named[where].append(structure)
    return [named[index] for index in scene.slices]


def _write_names(panel: Image.Image, scene: _Scene, index: int, structures: list[NamedStructure]) -> None:
    """Write the names of vertebrae at their centres, no higher than they are, those of discs behind their edges."""
    size = _font_size(scene, index, structures)
    smallest = _FONT_PX[0]
    smaller = max(smallest, size * 2 // 3)
    for structure in structures:
        rows, columns = np.nonzero(scene.labels[index] == structure.id)
        x = (columns.mean() + 0.5) * scene.scale[1]
        y = float(np.clip((rows.mean() + 0.5) * scene.scale[0], size, panel.height - size))
        if structure.kind is Kind.VERTEBRA:
            most = max(smallest, int(np.ptp(rows) * scene.scale[0]))
            wanted = size if structure.name else smaller
            _write(panel, (x, y), structure.short_title, size=min(wanted, most), anchor="mm")
        else:
            edge = (columns.max() + 1) * scene.scale[1] + _GAP_PX
            _write(panel, (edge, y), structure.short_title, size=smaller, anchor="lm")


def _font_size(scene: _Scene, index: int, structures: list[NamedStructure]) -> int:
    """Letters of two thirds of a typical vertebra's height, within legible limits."""
    vertebrae = [structure.id for structure in structures if structure.kind is Kind.VERTEBRA]
    heights = [np.count_nonzero((scene.labels[index] == label).any(axis=1)) * scene.scale[0] for label in vertebrae]
    typical = float(np.median(heights)) if heights else 0.0
    return int(np.clip(typical * 2 / 3, *_FONT_PX))


def _caption(scene: _Scene, index: int) -> str:
    offset = (index - scene.central) * scene.spacing
    if index == scene.central:
        return "central"
    return f"{abs(offset):.0f} mm to the {'left' if offset > 0 else 'right'}"


def _verdict(result: SpineResult) -> tuple[str, Color]:
    """Choose what the bar says, and its colour."""
    labeling = result.labeling
    if labeling is None:
        return "Semantic map only: levels not asked for", _GREY
    if not labeling.structures:
        return "No vertebra and no disc found", _AMBER
    if labeling.status == "determined":
        return f"Levels determined, confidence {labeling.confidence:.2f}. Variant: {labeling.variant}", _GREEN
    if labeling.status == "ambiguous":
        return f"LEVELS AMBIGUOUS: {' or '.join(_choices(labeling.candidates))}", _AMBER
    return f"LEVELS UNDETERMINED, confidence {labeling.confidence:.2f}. Variant: {labeling.variant}", _AMBER


def _choices(candidates: Sequence[Candidate]) -> list[str]:
    """Ends of each, e.g. ``"L1 to L5-S1 (0.55)"``; where two have the same, with the names that not all have."""
    titles = [candidate.title.split() for candidate in candidates]
    spans = [f"{names[0]} to {names[-1]}" for names in titles]
    if len(set(spans)) < len(spans):
        own = [[name for name in names if any(name not in other for other in titles)] for names in titles]
        spans = [f"{span} with {' '.join(names)}" if names else span for span, names in zip(spans, own, strict=True)]
    return [f"{span} ({candidate.probability:.2f})" for span, candidate in zip(spans, candidates, strict=True)]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
