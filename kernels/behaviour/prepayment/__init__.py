"""Models of prepayment, one file each; the file's name is the model's."""
