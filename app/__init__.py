"""The MONAI Deploy application: the operators in a row, and the process around them."""
