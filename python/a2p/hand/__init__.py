"""The hand model: parameters in, a posed mesh, joints and keypoints out."""
