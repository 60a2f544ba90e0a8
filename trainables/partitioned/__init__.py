"""The modular autoencoder and its predecessor: what the files of `models/` have in common."""
