"""Models of severity, one file each; the file's name is the model's."""
