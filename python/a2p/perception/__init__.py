"""From an image to hands in it: boxes, handedness, 21 keypoints."""
