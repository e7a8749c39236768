"""Models of default, one file each; the file's name is the model's."""
