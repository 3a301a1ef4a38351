"""Sources of a gallery: folders, tables, object stores and their images."""
