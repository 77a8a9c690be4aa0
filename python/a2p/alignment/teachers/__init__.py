"""Teachers: what sees keypoints, segmentation and depth in a crop, in training only.

Each module is one teacher; nothing that runs at inference imports them.
"""

from a2p.alignment.teachers.protocol import Teacher, TogetherTeacher

__all__ = ["Teacher", "TogetherTeacher"]
