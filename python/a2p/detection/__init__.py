"""A light network that finds both hands of a picture at once, also where they touch and palms hide each other."""
