"""Domains: how far apart texts are, and how a model goes on learning their language."""
