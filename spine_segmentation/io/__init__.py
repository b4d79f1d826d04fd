"""Reading DICOM series and NIfTI, writing DICOM SEG, NIfTI, JSON and pictures."""
