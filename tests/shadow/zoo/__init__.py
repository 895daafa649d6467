"""Small scripts in the style of the competition, with the answer each must get."""
