"""Images that a user brings without any code: a folder of pictures, arrays in an .npz or HDF5 file, Parquet."""
