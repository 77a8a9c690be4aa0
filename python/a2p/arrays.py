"""Shape aliases that recur, with their units; jaxtyping executes them in the test run."""

from jaxtyping import Bool, Float, Int
from torch import Tensor

Vertices = Float[Tensor, "*batch v 3"]
"""Mesh vertices, m."""
Faces = Int[Tensor, "f 3"]
"""Vertex indices of triangles, counter-clockwise seen from outside."""
FaceMask = Bool[Tensor, " f"]
"""One flag a face."""
Joints = Float[Tensor, "*batch 16 3"]
"""Kinematic joints: wrist, then index, middle, pinky, ring, thumb, three each; m."""
Keypoints3D = Float[Tensor, "*batch 21 3"]
"""Wrist, then thumb, index, middle, ring, pinky, base to tip (MediaPipe's order); m."""
Keypoints2D = Float[Tensor, "*batch 21 2"]
"""The same in the image, px; the centre of the top left pixel is (0.5, 0.5)."""
