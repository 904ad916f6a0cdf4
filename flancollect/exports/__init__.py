"""A finished build in the shapes that other tools read: one file per shape, `formats` lists them all."""
