from pathlib import Path
import nibabel as nib, numpy as np
from spine_segmentation.volume import Volume
def read_nifti(path: Path) -> Volume:
    i = nib.load(path); return Volume(np.asarray(i.dataobj, dtype=np.float32), np.diag([-1., -1., 1., 1.]) @ i.affine)

def write_nifti(volume: Volume, path: Path) -> None:
    nib.save(nib.Nifti1Image(volume.array, np.diag([-1., -1., 1., 1.]) @ volume.affine), path)
