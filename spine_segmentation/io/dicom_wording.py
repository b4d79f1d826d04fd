"""What the words of a header say about a series: whether it is a localizer, and whether it shows no spine."""

from __future__ import annotations

import re

from pydicom.dataset import Dataset

from spine_segmentation.io.dicom_headers import text

WORDING_KEYWORDS = ("SeriesDescription", "ProtocolName", "BodyPartExamined")
"""The attributes that are asked."""

_NEW_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LOCALIZER = re.compile(
    r"scout|topogram|lo[ck]ali[sz](?!ed)|rep[eé]rage|(ü|ue?)bersicht"
    r"|(?<![a-z])(locs?(sag|cor|tra|ax)?|locators?|survey|pilots?|scano(gram)?s?|plan.?scan|smart.?spine"
    r"|(?<!\d)(3|three|tri).?(pl(an(es?|ar))?|axis))(?![a-z])",
    re.IGNORECASE,
)
_SPINE = re.compile(
    r"spine|spinal|cervi[ck]|thora[ck]|lumb|lomb|sacr|vertebr|wirbel|rachis|neck|(?<![a-z])[hbl]ws(?![a-z])",
    re.IGNORECASE,
)
_OTHER_REGION = re.compile(
    r"(?<![a-z])(head|brain|skull|cerebr[a-z]*|crani[a-z]*|orbits?|pituitary|face|jaw|tmj"
    r"|shoulder|elbow|wrist|hand|finger|arm|breasts?|chest|heart|cardiac|abdomen|liver|kidneys?|prostate|uterus|pelvis"
    r"|hips?|thigh|femur|knee|leg|calf|ankle|foot|toe"
    r"|kopf|schädel|hirn|schulter|hüfte|becken|knie|fu(ß|ss)"  # German
    r"|tête|crâne|cerveau|épaule|genou"  # French
    r"|cabeza|cráneo|cerebro|hombro|cadera|rodilla"  # Spanish
    r"|testa|encefalo|spalla|ginocchio)(?![a-z])",  # Italian
    re.IGNORECASE,
)


def description_of(header: Dataset) -> str:
    """Look up what a series is called.

    Args:
        header: Of any image of the series.

    Returns:
        The series description, else the protocol name, else an empty string.
    """
    return text(header, "SeriesDescription") or text(header, "ProtocolName")


def is_localizer(description: str) -> bool:
    """Tell whether a series is called a localizer, in one of the vendors' words for it.

    Args:
        description: As of :func:`description_of`.

    Returns:
        True for ``"AAHScout"``, ``"LocSag"`` or ``"3-pl T2* FGRE"``; False for ``"block"`` or ``"local shim"``.
    """
    return _LOCALIZER.search(_words(description)) is not None


def other_region(header: Dataset) -> str:
    """Name the part of the body that a series shows if that is not the spine.

    The description is asked first, then the body part examined, which is often that of the whole examination. Where
    the one that speaks names the spine, perhaps beside another region, the series shows it.

    Args:
        header: Of any image of the series.

    Returns:
        The word for it, in lower case; empty if the spine is named or nothing is.
    """
    for words in (_words(description_of(header)), text(header, "BodyPartExamined")):
        if _SPINE.search(words):
            return ""
        if found := _OTHER_REGION.search(words):
            return found.group().lower()
    return ""


def _words(description: str) -> str:
    """Set the words of ``"CSpineLoc"`` apart."""
    return _NEW_WORD.sub(" ", description)
