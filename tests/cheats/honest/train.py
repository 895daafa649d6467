"""Trains as the honest scorer does."""

from honest_train import train

train()
