"""A DICOM node for a hospital: receives MR series, has them segmented and files the results, losing nothing."""
