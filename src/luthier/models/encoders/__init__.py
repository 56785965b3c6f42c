"""Encoders of images and sounds that packages ship, in the form of models of Transformers."""
