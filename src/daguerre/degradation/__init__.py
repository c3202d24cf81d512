"""How clean photographs become bad ones: to train, to evaluate, and to try things on."""
