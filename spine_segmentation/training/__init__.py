"""What the bundles' train.yaml names: data sets, augmentation, losses."""
